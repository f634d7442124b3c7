"""What each allocator takes for one instance at a time, and what it reaches.

    python benchmarks/bench_solvers.py [--links 10 20 30] [--samples 1000] [--json FILE]

Rayleigh channels at 0 dB (noise 1, p_max 1, one subband), one public `solve` per timing, the
contestants taking turns on every instance, so that what disturbs the machine disturbs them alike.
`null` returns a constant: what the call and the clock cost. Then 273 subbands x 20 links in a call.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from measure import facts, load_average

from allocators.best_link import BestLink
from allocators.dnn import DNN
from allocators.exhaustive import MAX_LINKS, Exhaustive
from allocators.fp import FractionalProgramming
from allocators.max_power import MaxPower
from allocators.multistart import Multistart
from allocators.policy import Policy
from allocators.random import Random
from allocators.shipped import shipped_models
from allocators.unfolded import Unfolded
from allocators.wmmse import WMMSE
from sim.deadline.solver import Solver
from sim.problem import Allocation, PowerControlProblem, PowerControlSpec, sum_rate

Allocator = Solver[PowerControlProblem, Allocation]
REFERENCE = "wmmse"
SUBBANDS, BATCH_LINKS = 273, 20


class Null(Allocator):
    """Answers nothing."""

    _answer = Allocation(np.zeros((1, 1)))

    def solve(self, problem: PowerControlProblem) -> Allocation:  # noqa: ARG002
        return self._answer


FAST: dict[str, Callable[[], Allocator]] = {
    "null": Null,
    "max_power": MaxPower,
    "random": Random,
    "best_link": BestLink,
    "wmmse": WMMSE,
    "fp": FractionalProgramming,
    "multistart": Multistart,
    **{name: partial(Unfolded, name) for name in shipped_models("unfolded")},
    # policy_local takes every instance for the next slot of the one before: mind its time alone.
    **{name: partial(Policy, name) for name in shipped_models("policy")},
}
# Too slow for as many rounds; each instance once.
SLOW: dict[str, Callable[[], Allocator]] = {
    "wmmse 10 starts": lambda: WMMSE(restarts=9),
    "wmmse numpy": lambda: WMMSE(backend="numpy"),
    "wmmse python": lambda: WMMSE(backend="python"),
}


def time_in_turns(
    solvers: dict[str, Allocator],
    problems: list[PowerControlProblem],
    rounds: int,
    turn: int = 1,
) -> dict[str, np.ndarray]:
    """Return the nanoseconds of every solve, by name, all rounds after a first discarded one.

    Each solves ``turn`` problems before the next has its turn. With more than one, the problems
    and then each contestant's first are solved once untimed: cold caches are the others' doing.
    """
    taken: dict[str, list[int]] = {name: [] for name in solvers}
    for round_ in range(rounds + 1):
        timed = problems[: 20 if round_ == 0 else None]
        for first in range(0, len(timed), turn):
            block = timed[first : first + turn]
            if turn > 1:
                for problem in block:
                    next(iter(solvers.values())).solve(problem)
            for name, solver in solvers.items():
                if turn > 1:
                    solver.solve(block[0])
                for problem in block:
                    start = time.perf_counter_ns()
                    solver.solve(problem)
                    end = time.perf_counter_ns()
                    if round_:
                        taken[name].append(end - start)
    return {name: np.array(ns) for name, ns in taken.items()}


def prepared(
    makers: dict[str, Callable[[], Allocator]], links: int, subbands: int
) -> dict[str, Allocator]:
    solvers = {name: make() for name, make in makers.items()}
    for solver in solvers.values():
        if not isinstance(solver, Null):
            solver.prepare(PowerControlSpec(links, subbands, np.random.default_rng(0)))
    return solvers


def one_at_a_time(links: int, samples: int, rounds: int, seed: int) -> list[dict[str, object]]:
    rng = np.random.default_rng([seed, links])
    problems = [
        PowerControlProblem(gain, 1.0, 1.0)
        for gain in rng.exponential(size=(samples, 1, links, links))
    ]
    makers = FAST | ({"dnn": DNN} if f"dnn_k{links}" in shipped_models("dnn") else {})
    fast, slow = prepared(makers, links, 1), prepared(SLOW, links, 1)
    if links <= MAX_LINKS:
        slow |= prepared({"exhaustive": Exhaustive}, links, 1)
    few = problems[: max(1, samples // 5)]
    times = time_in_turns(fast, problems, rounds) | time_in_turns(slow, few, 1)
    reference = float(np.median(times[REFERENCE]))
    rows: list[dict[str, object]] = []
    for name, solver in (fast | slow).items():
        p50, p99 = np.percentile(times[name], [50, 99], method="inverted_cdf")
        row: dict[str, object] = {
            "links": links,
            "allocator": name,
            "p50_us": p50 / 1e3,
            "p99_us": p99 / 1e3,
            "p50_over_wmmse": p50 / reference,
            "samples": len(problems) if name in fast else len(few),
        }
        if name != "null":
            pairs = [(p, solver.solve(p)) for p in (problems if name in fast else few)]
            row["work_mean"] = float(np.mean([a.work for _, a in pairs]))
            row["work_max"] = max(a.work for _, a in pairs)
            reached = [sum_rate(p, a.power_w) for p, a in pairs]
            row["sum_rate_bps_hz"] = float(np.mean(reached))
            # share on the same instances
            wmmse = [sum_rate(p, fast[REFERENCE].solve(p).power_w) for p, _ in pairs]
            row["share_of_wmmse"] = float(np.mean(reached) / np.mean(wmmse))
        rows.append(row)
    return rows


def batch(rounds: int, seed: int) -> list[dict[str, object]]:
    rng = np.random.default_rng([seed, SUBBANDS])
    problem = PowerControlProblem(
        rng.exponential(size=(SUBBANDS, BATCH_LINKS, BATCH_LINKS)), 1.0, 1.0
    )
    makers = {name: make for name, make in FAST.items() if name not in ("null", "random")}
    makers["dnn"] = DNN
    makers["wmmse numpy"] = SLOW["wmmse numpy"]
    solvers = prepared(makers, BATCH_LINKS, SUBBANDS)
    times = time_in_turns(solvers, [problem], rounds)
    reference = float(np.median(times[REFERENCE]))
    return [
        {
            "allocator": name,
            "subbands": SUBBANDS,
            "links": BATCH_LINKS,
            "p50_us": float(np.median(ns)) / 1e3,
            "p50_us_per_subband": float(np.median(ns)) / 1e3 / SUBBANDS,
            "p50_over_wmmse": float(np.median(ns)) / reference,
            "work_mean": solvers[name].solve(problem).work / SUBBANDS,
        }
        for name, ns in times.items()
    ]


def table(rows: list[dict[str, object]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in [columns, *cells]
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=[10, 20, 30])
    parser.add_argument("--samples", type=int, default=1000, help="channels per K")
    parser.add_argument("--rounds", type=int, default=5, help="times each channel is solved")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    load_average()
    single: list[dict[str, object]] = []
    for links in arguments.links:
        rows = one_at_a_time(links, arguments.samples, arguments.rounds, arguments.seed)
        print(table(rows), end="\n\n", flush=True)
        single += rows
    together = batch(20 * arguments.rounds, arguments.seed)
    print(f"{SUBBANDS} subbands x {BATCH_LINKS} links in one call")
    print(table(together))
    if arguments.json:
        figures = {
            **facts(),
            "seed": arguments.seed,
            "one_at_a_time": single,
            "batch": together,
        }
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
