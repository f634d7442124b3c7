"""What a solve costs in simulated time.

A model turns what one call took here, the work it reported and the chance in it into service time.
Chance is drawn exactly once per release, started or not, so that every solver and every policy
meets the same jitter stream.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from sim.deadline.errors import InputError, did_you_mean

#: A day caps what a heavy tail may draw: sums of them stay inside 64 bits of nanoseconds.
LONGEST_NS = 86_400_000_000_000


class LatencyModel(ABC):
    """Service time of one call.

    Attributes:
        measured: whether it depends on what the call took here.
    """

    measured = False

    def draw(self) -> float:
        """Return the chance in one call, for `service_ns`; asked exactly once per release."""
        return 0.0

    @abstractmethod
    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:
        """Return the service time of one call; the same arguments give the same time.

        Args:
            chance: what `draw` gave.
            elapsed_ns: what the call took here; zero where nobody measured it.
            work: units of work that it did, in all.
            batch: how many problems it was over, all of one size.
        """


class Measured(LatencyModel):
    """What this call took on this machine. Not reproducible: for demonstrations, not for studies.

    Args:
        speed: how many times faster the modelled processor is than this one.
    """

    measured = True

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:  # noqa: ARG002
        """Return the elapsed time, scaled by the speed."""
        if self._speed == 1.0:
            return elapsed_ns
        return round(min(elapsed_ns / self._speed, LONGEST_NS))


class Constant(LatencyModel):
    """The same for every call, plus so much per unit of work.

    A call over several problems pays the base once.

    Args:
        base_ns: of each call.
        per_work_ns: of each unit of work (an iteration, say).
        speed: how many times faster the modelled processor is.
    """

    def __init__(self, base_ns: float, per_work_ns: float = 0.0, speed: float = 1.0) -> None:
        self._base = base_ns / speed
        self._per_work = per_work_ns / speed

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:  # noqa: ARG002
        """Return base + work x cost per unit."""
        return round(min(self._base + work * self._per_work, LONGEST_NS))


Sampler = Callable[[np.random.Generator, int, Mapping[str, float]], np.ndarray]

#: Parameters are in ns where they end in ``_ns``, else plain numbers.
SAMPLERS: Mapping[str, tuple[tuple[str, ...], Sampler]] = MappingProxyType(
    {
        "exponential": (("mean_ns",), lambda g, n, p: g.exponential(p["mean_ns"], n)),
        "uniform": (("low_ns", "high_ns"), lambda g, n, p: g.uniform(p["low_ns"], p["high_ns"], n)),
        "lognormal": (
            ("median_ns", "sigma"),
            lambda g, n, p: g.lognormal(np.log(p["median_ns"]), p["sigma"], n),
        ),
        "gamma": (
            ("mean_ns", "shape"),
            lambda g, n, p: g.gamma(p["shape"], p["mean_ns"] / p["shape"], n),
        ),
        "weibull": (
            ("scale_ns", "shape"),
            lambda g, n, p: p["scale_ns"] * g.weibull(p["shape"], n),
        ),
        "pareto": (
            ("minimum_ns", "shape"),
            lambda g, n, p: p["minimum_ns"] * (1.0 + g.pareto(p["shape"], n)),
        ),
    }
)


class Distribution(LatencyModel):
    """Independent draws from a named distribution, whatever the call did.

    Args:
        name: one of `SAMPLERS`.
        parameters: its parameters, by name.
        rng: generator that the draws come from.
        speed: how many times faster the modelled processor is.

    Raises:
        InputError: unknown distribution, or its parameters missing or superfluous.
    """

    _BLOCK = 1024

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, float],
        rng: np.random.Generator,
        speed: float = 1.0,
    ) -> None:
        if name not in SAMPLERS:
            raise InputError(f"latency {name!r} is not known{did_you_mean(name, SAMPLERS)}")
        wanted, self._sampler = SAMPLERS[name]
        if set(parameters) != set(wanted):
            raise InputError(f"latency {name}: takes {', '.join(wanted)}, got {sorted(parameters)}")
        # A sigma of -0.0 is below zero to numpy; with 0.0 added it is 0.0.
        self._parameters = {name: value + 0.0 for name, value in parameters.items()}
        self._rng = rng
        self._speed = speed
        self._drawn: list[int] = []

    def draw(self) -> float:
        """Return the next service time, in ns."""
        if not self._drawn:
            with np.errstate(over="ignore"):  # heavy tails; see LONGEST_NS
                block = self._sampler(self._rng, self._BLOCK, self._parameters) / self._speed
            block = np.minimum(np.rint(block), LONGEST_NS)
            self._drawn = block.astype(np.int64).tolist()[::-1]
        return self._drawn.pop()

    def service_ns(self, chance: float, elapsed_ns: int, work: int, batch: int = 1) -> int:  # noqa: ARG002
        """Return what was drawn."""
        return int(chance)
