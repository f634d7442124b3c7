"""The law that samples are drawn from, written as a scenario's ``channel:`` is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.deadline.errors import InputError

if TYPE_CHECKING:
    from sim.channel.base import Channel

_SLOT_NS = 1_000_000  # slots are independent: their length means nothing


def start_channel(text: str, links: int, rng: np.random.Generator) -> Channel:
    """Return a channel of one subband whose slots are independent draws of everything.

    Args:
        text: what stands behind ``channel:`` in a scenario, such as ``rayleigh``,
            ``{rician: {k_factor: 6 dB}}`` or ``{geometric: {side: 100 m}}``.
        links: K; what the text says of links, it must not contradict.
        rng: where it is drawn from.

    Raises:
        InputError: not such a text, a trace, an evolution in time, another number of links.
    """
    model = _model(text, links)
    channel: Channel = model.build(_SLOT_NS, 0, Path(), rng)
    return channel


@lru_cache(maxsize=8)
def _model(text: str, links: int) -> Any:
    import yaml
    from pydantic import ValidationError, create_model

    from sim.scenario.channels import ChannelModel
    from sim.scenario.load import describe

    try:
        data = {"channel": yaml.safe_load(text)}
        law = create_model("Law", channel=(ChannelModel, ...))
        model: Any = dict(law.model_validate(data))["channel"]
    except yaml.YAMLError:
        raise InputError(f"channel: {text!r} is not YAML; want a name such as rayleigh") from None
    except ValidationError as error:
        raise InputError(describe(error, data)) from None
    size = "users" if model.model == "imac" else "links"
    if model.model == "trace":
        raise InputError("channel: trace: nothing can be drawn from a recording")
    if model.evolution != "iid":
        raise InputError(f"channel.evolution: {model.evolution}; samples are independent: want iid")
    for key, wanted in ((size, links), ("subbands", 1)):
        if key in model.model_fields_set and getattr(model, key) != wanted:
            raise InputError(f"channel.{key}: {getattr(model, key)}, but samples have {wanted}")
    return model.model_copy(update={size: links, "subbands": 1})
