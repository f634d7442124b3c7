"""The law that samples are drawn from, written as a scenario's ``channel:`` is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline.errors import InputError

if TYPE_CHECKING:
    from sim.channel.base import Channel

_SLOT_NS = 1_000_000  # slots are independent: their length means nothing


def law(text: str) -> Any:
    """Return what stands behind ``channel:`` in a scenario, as plain values.

    Raises:
        InputError: it is not YAML.
    """
    from sim.scenario.text import parse

    return parse("channel", text)


def channel_model(value: Any, links: int) -> Any:
    """Return the channel of one subband whose slots are independent draws of everything.

    Args:
        value: such as ``rayleigh``, ``{rician: {k_factor: 6 dB}}``, ``{geometric: {side: 100 m}}``.
        links: K; what the value says of links, it must not contradict.

    Raises:
        InputError: no such law, a trace, an evolution in time, another number of links.
    """
    model = _validated(_with_users(value, links))
    if model.model == "trace":
        raise InputError("channel: trace: nothing can be drawn from a recording")
    if model.evolution != "iid":
        raise InputError(f"channel.evolution: {model.evolution}; samples are independent: want iid")
    for key, wanted in ((size_key(model), links), ("subbands", 1)):
        if key in model.model_fields_set and getattr(model, key) != wanted:
            raise InputError(f"channel.{key}: {getattr(model, key)}, but samples have {wanted}")
    return resized(model, links)


def trace_path(value: Any) -> str | None:
    """Return the file that a channel is played back from, or None where it is drawn from a law.

    Raises:
        InputError: a trace without a file, or with more than that.
    """
    name = value
    if isinstance(value, dict):
        name = value["model"] if "model" in value else next(iter(value), None)
    return str(_validated(value).path) if name == "trace" else None


def resized(model: Any, links: int, **changes: Any) -> Any:
    """Return a channel's model for another number of links.

    Raises:
        InputError: users that do not spread evenly over cells.
    """
    cells = getattr(model, "cells", 1)
    if links % cells:
        raise InputError(
            f"channel: users: {links} do not spread evenly over {cells} cells;"
            " name the cells, as in {imac: {cells: 5}}"
        )
    return model.model_copy(update={size_key(model): links, "subbands": 1, **changes})


def size_key(model: Any) -> str:
    """Return what the model calls its links."""
    return "users" if model.model == "imac" else "links"


def start_channel(model: Any, rng: np.random.Generator) -> Channel:
    """Return the channel of a model, drawn from ``rng``."""
    channel: Channel = model.build(_SLOT_NS, 0, Path(), rng)
    return channel


def _with_users(value: Any, links: int) -> Any:
    """Fill in the users of cells, whose default would not spread over any number of cells."""
    if isinstance(value, dict):
        if value.get("model") == "imac":
            return {"users": links, **value}
        if isinstance(value.get("imac"), dict):
            return {**value, "imac": {"users": links, **value["imac"]}}
    return value


def _validated(value: Any) -> Any:
    from pydantic import ValidationError

    from sim.scenario.load import describe

    data = {"channel": value}
    try:
        return dict(_law_model().model_validate(data))["channel"]
    except ValidationError as error:
        raise InputError(describe(error, data)) from None


@cache
def _law_model() -> Any:
    from pydantic import create_model

    from sim.scenario.channels import ChannelModel

    return create_model("Law", channel=(ChannelModel, ...))
