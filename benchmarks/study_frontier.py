"""Does learning to optimise pay? The quality-time frontier of every allocator.

    python benchmarks/study_frontier.py [--links 10 20] [--snr-db 0 10] [-o out/frontier]
    python benchmarks/study_frontier.py --redraw out/frontier

Rayleigh channels, p_max 1, noise by SNR. Quality is the mean sum rate as a share of that of the
best of 20 starts, over the same channels. Time is one public `solve`: of one instance at a time
(median), and of 273 subbands in a call (median, by subband). All points of a panel are measured in
one run, taking turns. Leaves `frontier.csv`, a plot for every K and `tables.md`, which is printed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_solvers import SUBBANDS, Allocator, prepared, time_in_turns
from frontier_report import Row, mark_frontiers, plot, read_csv, tables, write_csv

from sim.deadline.collector import collector_paused
from sim.deadline.errors import InputError
from sim.named import named_allocator
from sim.problem import FloatArray, PowerControlProblem, sinr
from sim.registry import make_allocator

CEILING = "wmmse:restarts=19"
TRUNCATED = [*range(1, 31), 50, 100]
TURN = 20  # instances that one point solves before the next has its turn


class Point(NamedTuple):
    """A point of the study: an allocator, the family it is drawn in, its name there."""

    family: str
    name: str
    allocator: str


POINTS = [
    *(Point("truncated", f"{n}", f"wmmse:max_iterations={n}:tolerance=0") for n in TRUNCATED),
    Point("wmmse", "wmmse", "wmmse"),
    *(Point("starts", f"{n + 1}", f"wmmse:restarts={n}") for n in (1, 4, 9, 19)),
    *(
        Point("multistart", f"{n} x {i}", f"multistart:starts={n}:iterations={i}")
        for n in (4, 8, 16)
        for i in (4, 8, 12, 16, 24, 40)
    ),
    *(Point(name, name, name) for name in ("fp", "exhaustive", "best_link", "max_power", "dnn")),
    *(Point("unfolded", size, f"unfolded:model=unfolded_{size}") for size in "sml"),
    Point("anytime", "dnn", "anytime:start=dnn"),
    *(
        Point("anytime", size, f"anytime:start={{unfolded: {{model: unfolded_{size}}}}}")
        for size in "sml"
    ),
]


def contestants(links: int, subbands: int) -> tuple[dict[Point, Allocator], list[str]]:
    """Return the points that there are for so many links, and why others are left out."""
    found: dict[Point, Allocator] = {}
    left_out = []
    for point in POINTS:
        name, parameters = named_allocator(point.allocator)
        try:
            found |= prepared(
                {point: lambda n=name, p=parameters: make_allocator(n, p)}, links, subbands
            )
        except InputError as error:
            left_out.append(f"{point.allocator}: {error}")
    return found, left_out


def rates(problem: PowerControlProblem, power_w: FloatArray) -> FloatArray:
    """Return the sum rate of every subband."""
    each: FloatArray = np.log2(1.0 + sinr(problem, power_w)).sum(axis=1)
    return each


def panel(
    links: int, snr_db: float, batches: int, instances: int, rounds: int, seed: int
) -> tuple[list[Row], list[str]]:
    """Measure all points at one K and SNR."""
    rng = np.random.default_rng([seed, links])  # the same fading at every SNR
    noise_w = 10.0 ** (-snr_db / 10.0)
    gain = rng.exponential(size=(batches, SUBBANDS, links, links))
    together = [PowerControlProblem(block, noise_w, 1.0) for block in gain]
    single = [
        PowerControlProblem(one, noise_w, 1.0) for one in gain.reshape(-1, links, links)[:instances]
    ]
    one, left_out = contestants(links, 1)
    many, _ = contestants(links, SUBBANDS)
    answers = {point: [many[point].solve(problem) for problem in together] for point in one}
    reached = {
        point: np.concatenate([rates(p, a.power_w) for p, a in zip(together, found, strict=True)])
        for point, found in answers.items()
    }
    with collector_paused():
        one_ns = time_in_turns(one, single, rounds, TURN)
        many_ns = time_in_turns(many, together, rounds)
    ceiling = next(rate for point, rate in reached.items() if point.allocator == CEILING)
    rows = []
    for point, rate in reached.items():
        share = float(rate.mean() / ceiling.mean())
        p50, p99 = np.percentile(one_ns[point], [50, 99], method="inverted_cdf") / 1e3
        rows.append(
            Row(
                links=links,
                snr_db=snr_db,
                family=point.family,
                point=point.name,
                allocator=point.allocator,
                channels=len(rate),
                sum_rate_bps_hz=float(rate.mean()),
                share=share,
                share_stderr=float((rate - share * ceiling).std() / len(rate) ** 0.5)
                / float(ceiling.mean()),
                work_mean=sum(answer.work for answer in answers[point]) / len(rate),
                one_p50_us=float(p50),
                one_p99_us=float(p99),
                batched_us=float(np.median(many_ns[point])) / 1e3 / SUBBANDS,
            )
        )
    return mark_frontiers(rows), left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=[5, 10, 20, 30, 50, 100])
    parser.add_argument("--snr-db", type=float, nargs="+", default=[0.0, 10.0, 20.0])
    parser.add_argument("--batches", type=int, default=4, help=f"of {SUBBANDS} channels each")
    parser.add_argument("--instances", type=int, default=200, help="timed one at a time")
    parser.add_argument("--rounds", type=int, default=5, help="times each is solved")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/frontier"))
    parser.add_argument("--redraw", type=Path, help="a folder with frontier.csv: measure nothing")
    arguments = parser.parse_args()
    folder = arguments.redraw or arguments.output
    if arguments.redraw:
        rows = read_csv(folder / "frontier.csv")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        rows, said, begin = [], set(), time.perf_counter()
        for links in arguments.links:
            for snr_db in arguments.snr_db:
                more, left_out = panel(
                    links,
                    snr_db,
                    arguments.batches,
                    arguments.instances,
                    arguments.rounds,
                    arguments.seed,
                )
                rows += more
                write_csv(folder / "frontier.csv", rows)
            print(f"K = {links}: {time.perf_counter() - begin:.0f} s", flush=True)
            for why in left_out:
                if why not in said:
                    print(f"  left out: {why}")
                said.add(why)
    for links in sorted({row.links for row in rows}):
        plot(folder / f"frontier_k{links}.png", [row for row in rows if row.links == links])
    text = tables(rows)
    (folder / "tables.md").write_text(text, encoding="utf-8")
    print("\n" + text)


if __name__ == "__main__":
    main()
