"""The power control problem and its objective, owned by no solver.

K links share S independent subbands. Link k's receiver hears every transmitter; interference is
treated as noise:

    sinr[s, k] = gain[s, k, k] p[s, k] / (noise[s, k] + sum_{j != k} gain[s, k, j] p[s, j])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class PowerControlProblem:
    """S independent subbands of K interfering links.

    Args:
        gain: linear power gain, ``(S, K, K)`` or ``(K, K)`` for one subband;
            row = receiver, column = transmitter.
        noise_w: noise power at each receiver, in watts; anything that broadcasts to ``(S, K)``.
        p_max_w: power cap of each transmitter on each subband, in watts, likewise.
        weight: weight of each link in the sum rate, ``(K,)``; ones if not given.

    Raises:
        ValueError: wrong shape, a NaN, a negative gain, cap or weight, noise that is not positive.
    """

    __slots__ = ("gain", "noise_w", "p_max_w", "weight")

    gain: FloatArray
    noise_w: FloatArray
    p_max_w: FloatArray
    weight: FloatArray

    def __init__(
        self,
        gain: ArrayLike,
        noise_w: ArrayLike,
        p_max_w: ArrayLike,
        weight: ArrayLike | None = None,
    ) -> None:
        g = np.ascontiguousarray(gain, dtype=np.float64)
        if g.ndim == 2:
            g = g[None]
        if g.ndim != 3 or g.shape[1] != g.shape[2] or g.size == 0:
            raise ValueError(f"gain: shape {np.shape(gain)}, want (S, K, K) or (K, K)")
        links = g.shape[1]
        self.gain = _non_negative("gain", g)
        self.noise_w = _non_negative("noise_w", _broadcast("noise_w", noise_w, g.shape[:2]))
        self.p_max_w = _non_negative("p_max_w", _broadcast("p_max_w", p_max_w, g.shape[:2]))
        self.weight = _non_negative(
            "weight", _broadcast("weight", 1.0 if weight is None else weight, (links,))
        )
        if not np.all(self.noise_w > 0):
            raise ValueError("noise_w: must be positive")

    @classmethod
    def trusted(
        cls, gain: FloatArray, noise_w: FloatArray, p_max_w: FloatArray, weight: FloatArray
    ) -> Self:
        """Build from arrays already known to be of the right shapes and values, unchecked."""
        self = cls.__new__(cls)
        self.gain = gain
        self.noise_w = noise_w
        self.p_max_w = p_max_w
        self.weight = weight
        return self

    @property
    def subbands(self) -> int:
        """Number of subbands, S."""
        return int(self.gain.shape[0])

    @property
    def links(self) -> int:
        """Number of links, K."""
        return int(self.gain.shape[1])

    def __repr__(self) -> str:
        return f"PowerControlProblem(subbands={self.subbands}, links={self.links})"


class Allocation(NamedTuple):
    """An allocator's answer.

    Attributes:
        power_w: transmit power in watts, ``(S, K)``, each within ``[0, p_max_w]``.
        work: units of work it took: iterations, summed over subbands (0: none to speak of).
        status: how it ended, e.g. ``"converged"`` or ``"max_iterations"``.
    """

    power_w: FloatArray
    work: int = 0
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class PowerControlSpec:
    """What an allocator may know before the race: the size of its problems, and its own randomness.

    Attributes:
        links: K.
        subbands: S.
        rng: generator for allocators that draw random numbers.
        budget_ns: time that each call has on this machine, for allocators that watch the clock;
            none where time is modelled, as results must then not depend on the machine.
    """

    links: int
    subbands: int
    rng: np.random.Generator
    budget_ns: int | None = None

    def example(self) -> PowerControlProblem:
        """Return a problem of this size to warm up on: identity gains, unit noise and power."""
        gain = np.broadcast_to(np.eye(self.links), (self.subbands, self.links, self.links))
        return PowerControlProblem(gain, 1.0, 1.0)


def stacked(problems: Sequence[PowerControlProblem]) -> PowerControlProblem:
    """Return one problem with all the subbands of several, in memory of its own.

    Args:
        problems: of the same links K and weights; their subbands may differ in number.
    """
    return PowerControlProblem.trusted(
        np.concatenate([problem.gain for problem in problems]),
        np.concatenate([problem.noise_w for problem in problems]),
        np.concatenate([problem.p_max_w for problem in problems]),
        problems[0].weight.copy(),
    )


def sinr(problem: PowerControlProblem, power_w: ArrayLike) -> FloatArray:
    """Signal to interference and noise ratio of every link, linear, ``(S, K)``."""
    power = np.ascontiguousarray(power_w, dtype=np.float64).reshape(problem.noise_w.shape)
    out = np.empty_like(problem.noise_w)
    _sinr(problem.gain, problem.noise_w, power, out)
    return out


def link_rates(problem: PowerControlProblem, power_w: ArrayLike) -> FloatArray:
    """Rate of each link, log2(1 + SINR) averaged over the subbands: ``(K,)``, bit/s/Hz."""
    rates: FloatArray = np.log2(1.0 + sinr(problem, power_w)).mean(axis=0)
    return rates


def sum_rate(problem: PowerControlProblem, power_w: ArrayLike) -> float:
    """Weighted sum rate, the objective: sum_k weight_k rate_k, in bit/s/Hz of the whole band.

    The mean over subbands, not their sum: four subbands share the band that one would fill.
    """
    return float(problem.weight @ link_rates(problem, power_w))


def _broadcast(name: str, value: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    try:
        # a copy: broadcasting gives read-only views, for which kernels would compile once more
        return np.array(np.broadcast_to(array, shape), order="C")
    except ValueError:
        raise ValueError(f"{name}: shape {array.shape} does not broadcast to {shape}") from None


def _non_negative(name: str, array: FloatArray) -> FloatArray:
    if not np.all(np.isfinite(array)) or np.any(array < 0):
        raise ValueError(f"{name}: must be finite and not negative")
    return array


@njit(cache=True, fastmath={"reassoc", "contract"})
def _sinr(gain: FloatArray, noise_w: FloatArray, power_w: FloatArray, out: FloatArray) -> None:
    subbands, links = noise_w.shape
    for s in range(subbands):
        for k in range(links):
            interference = noise_w[s, k]
            for j in range(links):
                if j != k:
                    interference += gain[s, k, j] * power_w[s, j]
            out[s, k] = gain[s, k, k] * power_w[s, k] / interference


def check_allocation(problem: PowerControlProblem, allocation: object) -> str | None:
    """Return what is wrong with an answer, in one line, or None.

    Powers may exceed their cap by a rounding error, in single precision too: 1e-6 of it, no more.
    """
    if not isinstance(allocation, Allocation):
        return f"answered with {type(allocation).__name__}, not an Allocation"
    power = allocation.power_w
    if not isinstance(power, np.ndarray) or power.dtype.kind not in "fiu":
        return f"power_w is {type(power).__name__}, not an array of real numbers"
    if power.shape != problem.noise_w.shape:
        return f"power_w has shape {power.shape}, want {problem.noise_w.shape}"
    code, at = _first_fault(np.ascontiguousarray(power, dtype=np.float64), problem.p_max_w)
    if code == 0:
        return None
    subband, link = divmod(at, problem.links)
    value = power[subband, link]
    fault = "is not finite"
    if code == _ABOVE:
        fault = f"is above p_max {problem.p_max_w[subband, link]:.6g}"
    elif code == _NEGATIVE:
        fault = "is negative"
    return f"power_w[{subband}, {link}] = {value:.6g} {fault}"


def evaluate(problem: PowerControlProblem, power_w: ArrayLike, rates: FloatArray) -> float:
    """Write the links' rates into ``rates``, ``(K,)``, and return the weighted sum rate.

    What `link_rates` and `sum_rate` give, in one compiled call.
    """
    power = np.ascontiguousarray(power_w, dtype=np.float64)
    return float(evaluate_arrays(problem.gain, problem.noise_w, problem.weight, power, rates))


_NOT_FINITE, _NEGATIVE, _ABOVE = 1, 2, 3


@njit(cache=True)
def _first_fault(power_w: FloatArray, p_max_w: FloatArray) -> tuple[int, int]:
    subbands, links = power_w.shape
    for s in range(subbands):
        for k in range(links):
            power = power_w[s, k]
            if not np.isfinite(power):
                return _NOT_FINITE, s * links + k
            if power < 0:
                return _NEGATIVE, s * links + k
            if power > p_max_w[s, k] * (1.0 + 1e-6):
                return _ABOVE, s * links + k
    return 0, 0


@njit(cache=True, fastmath={"reassoc", "contract"})
def evaluate_arrays(
    gain: FloatArray,
    noise_w: FloatArray,
    weight: FloatArray,
    power_w: FloatArray,
    rates: FloatArray,
) -> float:
    """Do as `evaluate`, for compiled callers."""
    subbands, links = noise_w.shape
    rates[:] = 0.0
    for s in range(subbands):
        for k in range(links):
            interference = noise_w[s, k]
            for j in range(k):
                interference += gain[s, k, j] * power_w[s, j]
            for j in range(k + 1, links):
                interference += gain[s, k, j] * power_w[s, j]
            rates[k] += np.log2(1.0 + gain[s, k, k] * power_w[s, k] / interference)
    total = 0.0
    for k in range(links):
        rates[k] /= subbands
        total += weight[k] * rates[k]
    return total
