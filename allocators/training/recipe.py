"""Recipes: what channels a network is trained on, as a YAML file.

A range, ``[low, high]`` or ``[low, high, log]``, may stand for any number in a channel's law; it is
drawn from, uniformly or log-uniformly, anew for every batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from allocators.training.law import channel_model, trace_path
from sim.deadline.errors import InputError, did_you_mean, shown
from sim.scenario.load import describe
from sim.scenario.quantities import QuantityModel
from sim.scenario.text import read

RECIPES = Path(__file__).parent / "recipes"
"""Where the shipped recipes are."""

_MOST_CORNERS = 256
_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(\S*)\s*")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


class Entry(QuantityModel):
    """One kind of channel in a mixture."""

    name: str = Field("", description="of its validation suite; after its channel if not given")
    channel: Any = Field(None, description="a law as in a scenario, ranges allowed, or a trace")
    scenario: str | None = Field(None, description="a scenario's file: its channel and its radio")
    links: Annotated[
        list[Annotated[int, Field(ge=1, le=2000)]] | None, BeforeValidator(_listed)
    ] = Field(None, min_length=1, description="K, one or several; every batch has one of them")
    snr_db: Annotated[
        list[Annotated[float, Field(ge=-200, le=200)]] | None, BeforeValidator(_listed)
    ] = Field(None, min_length=1, max_length=2, description="cap over noise, or [low, high]")
    weight_spread: float = Field(
        0.0, ge=0, le=10, description="standard deviation of ln alpha_k; 0: equal weights"
    )
    share: float = Field(1.0, gt=0, le=1e6, description="how often, relative to the others")

    @model_validator(mode="after")
    def _one_origin(self) -> Entry:
        if (self.channel is None) == (self.scenario is None):
            raise ValueError("give a channel or a scenario, one of the two")
        if self.channel is not None and self.snr_db is None:
            raise ValueError("snr_db is required where no scenario gives the noise")
        if self.snr_db is not None and self.snr_db[0] > self.snr_db[-1]:
            raise ValueError(f"snr_db: {self.snr_db} ends below its start")
        if self.trace is None and self.scenario is None:
            if self.links is None:
                raise ValueError("links is required, e.g. [10, 20]")
            for law in _extremes(self.channel):
                for links in self.links:
                    channel_model(law, links)
        return self

    @property
    def trace(self) -> str | None:
        """The file, where the channel is a trace."""
        return trace_path(self.channel)

    @property
    def title(self) -> str:
        """Its name, or its channel's."""
        if self.name or self.scenario:
            return self.name or Path(str(self.scenario)).stem
        if isinstance(self.channel, dict):
            return str(self.channel.get("model") or next(iter(self.channel)))
        return str(self.channel)


class Recipe(QuantityModel):
    """A mixture of channels to train on, and what to validate on."""

    description: str = ""
    mixture: list[Entry] = Field(min_length=1)
    validation: list[Entry] = Field(
        [], description="one suite for each entry and K; those of the mixture if not given"
    )

    @field_validator("mixture", "validation", mode="before")
    @classmethod
    def _entries(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [{"channel": item} if isinstance(item, str) else item for item in value]
        return value


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(recipe: str) -> tuple[Recipe, Path]:
    """Return a shipped recipe by name, or one in a YAML file, and the folder its paths start from.

    Raises:
        InputError: no such recipe, not YAML, or something in it is wrong; one line says what.
    """
    path = Path(recipe)
    if path.suffix not in (".yaml", ".yml"):
        if recipe not in shipped_recipes():
            raise InputError(
                f"recipe: no recipe {recipe!r} is shipped{did_you_mean(recipe, shipped_recipes())}"
                " (or give a path that ends in .yaml)"
            )
        path = RECIPES / f"{recipe}.yaml"
    return parse_recipe(str(path), read(path, "a recipe")), path.parent


def parse_recipe(where: str, data: Any) -> Recipe:
    """Return a recipe from plain values.

    Args:
        where: the file or option they come from, for messages.
        data: the values.

    Raises:
        InputError: something in it is wrong.
    """
    if not isinstance(data, dict):
        raise InputError(f"{where}: want keys and values: mixture: with a list of channels")
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {describe(error, data, Recipe)}") from None


def _extremes(law: Any) -> Iterator[Any]:
    """Yield a law with its ranges at their ends, in every combination, and within them.

    What is good there is good for every draw: no law asks more of a number than bounds, to be
    whole, or to be larger than another.
    """
    ranges = 0

    def within() -> float:
        nonlocal ranges
        ranges += 1
        return 0.382  # between whole numbers, too

    yield resolved(law, within)
    for corner in islice(product((0.0, 1.0), repeat=ranges), _MOST_CORNERS):
        yield resolved(law, iter(corner).__next__)


def resolved(value: Any, place: Callable[[], float]) -> Any:
    """Return a law with every range replaced by a number in it.

    Args:
        value: the law.
        place: called for each range, says where in it, 0 to 1.

    Raises:
        InputError: a list that is no range.
    """
    if isinstance(value, dict):
        return {key: resolved(item, place) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    ends = [_QUANTITY.fullmatch(str(end)) for end in value[:2]]
    scale = value[2] if len(value) == 3 else "linear"
    if len(value) not in (2, 3) or None in ends or scale not in ("linear", "log"):
        raise InputError(f"{shown(value)} is no range; want [low, high] or [low, high, log]")
    low, high = (float(end[1]) for end in ends if end is not None)
    units = {end[2] for end in ends if end is not None}
    if low > high or len(units) > 1 or (scale == "log" and low <= 0.0):
        raise InputError(
            f"{shown(value)} is no range: want low <= high in the same unit, above 0 for log"
        )
    share = place()
    if scale == "log":
        number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        number = low + share * (high - low)
    unit = units.pop()
    return f"{number!r} {unit}" if unit else number
