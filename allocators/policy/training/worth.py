"""What allocators are worth on episodes of the environment, all of them on the same ones.

Without deadlines: an answer serves in the slot that was observed, as in the environment when it has
no latency. What a deadline costs, `ttirace run` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from allocators.policy.network import ARCHITECTURE
from allocators.shipped import shipped_models
from sim.deadline.call import attempt
from sim.deadline.errors import InputError, did_you_mean
from sim.deadline.solver import Solver
from sim.deadline.stats import ratio_error, replicate_interval
from sim.env.checks import whole_number
from sim.env.episode import Episode
from sim.env.settings import Settings
from sim.named import named_allocator
from sim.problem import (
    Allocation,
    FloatArray,
    PowerControlProblem,
    PowerControlSpec,
    check_allocation,
    evaluate,
)
from sim.registry import allocator_names, make_allocator
from sim.seeding import stream

PowerSolver = Solver[PowerControlProblem, Allocation]

#: Of the intervals.
CONFIDENCE = 0.99

#: Episodes are of so many slots, in fading as slow as a walk makes it.
EPISODE_SLOTS, DOPPLER_HZ = 50, 10.0

WMMSE = "wmmse"

#: What a trained policy is seen beside.
BASELINES = ("max_power", "random", "best_link", WMMSE, "dnn", "unfolded")

Row = dict[str, Any]


def solver_named(text: str) -> PowerSolver:
    """Return an allocator by its name, or the policy that a shipped name or a path stands for.

    Raises:
        InputError: neither, or a parameter that does not fit.
    """
    name, parameters = named_allocator(text)
    if name in allocator_names():
        return make_allocator(name, parameters)
    policies = shipped_models(ARCHITECTURE)
    if name in policies or Path(name).suffix in (".safetensors", ".zip", ".onnx"):
        if "model" in parameters:
            raise InputError(f"{text}: {name} is the model; want no other")
        return make_allocator(ARCHITECTURE, {"model": name, **parameters})
    hint = did_you_mean(name, [*allocator_names(), *policies])
    raise InputError(f"{name!r} is no allocator and no policy{hint} (or give the path of one)")


class Player:
    """An allocator that plays episodes.

    Args:
        solver: which.
        settings: of the environment.

    Attributes:
        reasons: why calls failed, one each.

    Raises:
        InputError: it does not fit its problems.
    """

    def __init__(self, solver: PowerSolver, settings: Settings) -> None:
        self._solver = solver
        self._settings = settings
        self.reasons: list[str] = []
        # What it does to its problems is not to reach others'.
        self._given = settings.noise_w.copy(), settings.p_max_w.copy(), settings.weight.copy()
        self._start(0)

    def rate(self, gains: FloatArray, seed: int) -> float:
        """Return its mean sum rate over an episode, bit/s/Hz.

        A failed call counts as a repetition of the last usable answer, as in a race.

        Args:
            gains: of each slot, ``(T, S, K, K)``.
            seed: of the episode; its random numbers are those of a race with that seed.
        """
        known = self._settings
        self._start(seed)
        power_w, total, rates = known.p_max_w, 0.0, np.empty(known.links)
        for gain in gains:
            problem = PowerControlProblem.trusted(gain, known.noise_w, known.p_max_w, known.weight)
            given = PowerControlProblem.trusted(gain.copy(), *self._given)
            call = attempt(self._solver, given, self._fault)
            if call.answer is None:
                self.reasons.append(call.reason or "")
            else:
                power_w = np.array(call.answer.power_w, dtype=np.float64, order="C")
            total += evaluate(problem, power_w, rates)
        return total / len(gains)

    def _fault(self, given: PowerControlProblem, answer: Allocation) -> str | None:
        """Return what is wrong with an answer; by what was asked, not by what is left of that."""
        known = self._settings
        asked = PowerControlProblem.trusted(given.gain, known.noise_w, known.p_max_w, known.weight)
        return check_allocation(asked, answer)

    def _start(self, seed: int) -> None:
        known = self._settings
        self._solver.prepare(
            PowerControlSpec(known.links, known.subbands, stream(seed, "allocator", 0))
        )


class Episodes:
    """Episodes of one scenario, each drawn from a seed of its own.

    Args:
        scenario: as `sim.env.PowerControlEnv` takes it.
        slots: of an episode; the scenario's if not given.
        count: how many.
        seed: master seed.
        axis: what the episodes are for; others of the same seed are others.

    Attributes:
        reasons: why calls failed, of everybody who has played, by label.

    Raises:
        InputError: whatever does not fit.
    """

    def __init__(
        self, scenario: Any, slots: int | None, count: int, seed: int, axis: str = "evaluation"
    ) -> None:
        whole_number("episodes", count, 1)
        self.reasons: dict[str, list[str]] = {}
        self.settings = Settings.of(scenario, episode_slots=slots)
        draws = stream(seed, axis).integers(2**62, size=count)
        self._seeds = [int(draw) for draw in draws]

    def rates(
        self,
        solvers: Mapping[str, PowerSolver],
        progress: Callable[[], None] | None = None,
    ) -> tuple[dict[str, FloatArray], dict[str, str]]:
        """Return each allocator's mean rate in each episode, and why others were left out.

        Args:
            solvers: by label.
            progress: called after each episode.
        """
        players: dict[str, Player] = {}
        left_out: dict[str, str] = {}
        for label, solver in solvers.items():
            try:
                players[label] = Player(solver, self.settings)
            except InputError as error:
                left_out[label] = str(error)
        found: dict[str, FloatArray] = {label: np.empty(len(self._seeds)) for label in players}
        for i, seed in enumerate(self._seeds):
            gains = Episode(self.settings, seed).gains(self.settings.steps)
            for label, player in players.items():
                found[label][i] = player.rate(gains, seed)
            if progress is not None:
                progress()
        self.reasons |= {label: player.reasons for label, player in players.items()}
        return found, left_out


def compared(
    rates: Mapping[str, FloatArray],
    left_out: Mapping[str, str],
    where: Mapping[str, Any],
    reasons: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Row]:
    """Return a row for each allocator: its rate, and by how much the first one's is higher.

    Differences are paired, episode by episode, with Student's interval of their mean.

    Args:
        rates: mean rate in each episode, by label; the first is the one compared to all.
        left_out: why others have none.
        where: what stands in front of every row.
        reasons: why calls failed, one each, by label.

    Raises:
        InputError: there is none.
    """
    first = next(iter(rates.values()), None)
    if first is None:
        raise InputError(f"nothing to compare: {'; '.join(left_out.values())}")
    rows: list[Row] = []
    for label, rate in rates.items():
        own = None if rate is first else (first - rate)
        share = _share(rate, rates.get(WMMSE))
        interval = (None, None) if own is None else _interval(own)
        failures = reasons.get(label, ())
        rows.append(
            {
                **where,
                "allocator": label,
                "episodes": len(rate),
                "sum_rate_bps_hz": float(rate.mean()),
                "share_of_wmmse": share[0],
                "share_of_wmmse_stderr": share[1],
                "won_bps_hz": None if own is None else float(own.mean()),
                "won_low_bps_hz": interval[0],
                "won_high_bps_hz": interval[1],
                "failed": len(failures),
                "failure": failures[0] if failures else None,
                "left_out": None,
            }
        )
    for label, reason in left_out.items():
        nothing = {**dict.fromkeys(rows[0]), **where, "allocator": label}
        rows.append({**nothing, "episodes": 0, "failed": 0, "left_out": reason})
    return rows


def _share(rate: FloatArray, wmmse: FloatArray | None) -> tuple[float | None, float | None]:
    """Return the share of WMMSE's mean rate, and its standard error, where there is one."""
    if wmmse is None or not wmmse.mean() > 0.0:
        return None, None
    return float(rate.mean() / wmmse.mean()), ratio_error(rate, wmmse)


def _interval(differences: FloatArray) -> tuple[float | None, float | None]:
    if len(differences) < 2:
        return None, None
    return replicate_interval(differences.tolist(), CONFIDENCE)


def evaluated(
    what: str | PowerSolver,
    against: Sequence[str],
    scenario: Any,
    slots: int | None,
    episodes: int,
    seed: int,
    where: Mapping[str, Any],
    label: str | None = None,
    progress: Callable[[], None] | None = None,
) -> list[Row]:
    """Return what an allocator is worth beside others, in one scenario.

    Args:
        what: an allocator or a policy, by name or path, or one at hand.
        against: the others, by name.
        scenario: as `sim.env.PowerControlEnv` takes it.
        slots: of an episode; the scenario's if not given.
        episodes: how many.
        seed: master seed.
        where: what stands in front of every row.
        label: the first one's name in the rows; as it was given if none.
        progress: called after each episode.

    Raises:
        InputError: something is unknown or wrong, or the first one does not fit the scenario.
    """
    name = label or (what if isinstance(what, str) else type(what).__name__)
    own = solver_named(what) if isinstance(what, str) else what
    drawn = Episodes(scenario, slots, episodes, seed)
    Player(own, drawn.settings)  # that this one does not fit is an error
    others = {other: solver_named(other) for other in against if other != name}
    rates, left_out = drawn.rates({name: own, **others}, progress)
    return compared(rates, left_out, where, drawn.reasons)
