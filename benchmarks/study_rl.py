"""Reinforcement learning against WMMSE and the networks fitted to it.

    python benchmarks/study_rl.py [--links 5 10] [--snr-db 0 20] [--sb3 FOLDER] [-o out/rl_tables]

Without deadlines: the mean sum rate over `--episodes` fresh episodes, the same for all, as
`ttirace rl evaluate` plays them. Time: one public `solve`, one instance at a time, taking turns.
With deadlines: in force, from the table of `ttirace study scenarios/studies/rl.yaml --engine
serial`, if there is one. In the folder of `--sb3`, `k5_0db.zip` is one of examples/sb3_ppo.py, for
K = 5 at 0 dB. Leaves `tables.md`, which is printed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench_solvers import Allocator, time_in_turns

from allocators.policy.network import ARCHITECTURE
from allocators.policy.training.settings import Cell
from allocators.policy.training.worth import (
    DOPPLER_HZ,
    EPISODE_SLOTS,
    WMMSE,
    Episodes,
    compared,
    solver_named,
)
from allocators.shipped import WEIGHTS
from sim.deadline.collector import collector_paused
from sim.deadline.errors import InputError
from sim.deadline.progress import progress_bar
from sim.problem import PowerControlProblem, PowerControlSpec

#: In the order of the tables; a label and an allocator.
CONTESTANTS = {
    "max_power": "max_power",
    "random": "random",
    "best_link": "best_link",
    "wmmse": "wmmse",
    "wmmse_python": "wmmse:backend=python",
    "dnn": "dnn",
    "unfolded": "unfolded",
    "policy_central": "policy_central",
    "policy_local": "policy_local",
}
SAME_ANSWERS = {"wmmse_python": WMMSE}
TURN, TIMED, ROUNDS = 20, 400, 5


def policies_of_sb3(folder: Path | None, cell: Cell) -> dict[str, str]:
    """Return the policy of Stable-Baselines3 for a cell, if there is one."""
    if folder is None:
        return {}
    path = folder / f"k{cell.links}_{cell.snr_db:g}db.zip"
    return {"sb3_ppo": str(path)} if path.is_file() else {}


def rates(cell: Cell, names: Mapping[str, str], episodes: int, seed: int) -> dict[str, Any]:
    """Return a row for each contestant that fits, without deadlines."""
    drawn = Episodes(cell.scenario(DOPPLER_HZ), EPISODE_SLOTS, episodes, seed)
    played = {label: name for label, name in names.items() if label not in SAME_ANSWERS}
    with progress_bar(str(cell), episodes, "episodes") as advance:
        found, left_out = drawn.rates(
            {label: solver_named(name) for label, name in played.items()},
            lambda: advance(1, str(cell)),
        )
    rows = {row["allocator"]: row for row in compared(found, left_out, {})}
    return rows | {label: rows[same] for label, same in SAME_ANSWERS.items()}


def times(cell: Cell, names: Mapping[str, str], seed: int) -> dict[str, tuple[float, float]]:
    """Return the median and the 99th percentile of a call, us."""
    rng = np.random.default_rng([seed, cell.links])
    noise_w = 10.0 ** (-cell.snr_db / 10.0)
    problems = [
        PowerControlProblem(gain, noise_w, 1.0)
        for gain in rng.exponential(size=(TIMED, 1, cell.links, cell.links))
    ]
    solvers: dict[str, Allocator] = {}
    for label, name in names.items():
        solver = solver_named(name)
        try:
            solver.prepare(PowerControlSpec(cell.links, 1, np.random.default_rng(0)))
        except InputError:
            continue  # said by `rates`
        solvers[label] = solver
    with collector_paused():
        taken = time_in_turns(solvers, problems, ROUNDS, TURN)
    return {
        label: tuple(np.percentile(ns, [50, 99], method="inverted_cdf") / 1e3)
        for label, ns in taken.items()
    }


def in_force(table: Path, cell: Cell) -> dict[str, dict[float, tuple[float, float]]]:
    """Return the rate in force and the miss ratio by allocator and budget, us, of a study."""
    found: dict[str, dict[float, list[dict[str, Any]]]] = {}
    for row in pq.read_table(table).to_pylist():
        same = row["links"] == cell.links and row["radio.snr_db"] == cell.snr_db
        if same and row["status"] == "ok":
            budgets = found.setdefault(row["allocator"], {})
            budgets.setdefault(row["budget_us"], []).append(row)
    return {
        label: {
            budget: (
                float(np.mean([row["in_force_bps_hz"] for row in rows])),
                sum(row["jobs"] - row["met"] for row in rows) / sum(row["jobs"] for row in rows),
            )
            for budget, rows in budgets.items()
        }
        for label, budgets in found.items()
    }


def cell_table(
    cell: Cell,
    reached: dict[str, Any],
    took: dict[str, tuple[float, float]],
    late: dict[str, dict[float, tuple[float, float]]],
) -> str:
    """Return the table of one cell, as Markdown."""
    budgets = sorted({budget for one in late.values() for budget in one})
    heads = ["", "bit/s/Hz", "% of WMMSE", "p50, p99 us", *(f"{b:g} us" for b in budgets)]
    lines = [f"### K = {cell.links}, {cell.snr_db:g} dB", "", f"| {' | '.join(heads)} |"]
    lines.append(f"|{'---|' * len(heads)}")
    for label in [*CONTESTANTS, "sb3_ppo"]:
        row = reached.get(label)
        if row is None or row["left_out"] is not None:
            continue
        share, error = 100.0 * row["share_of_wmmse"], 100.0 * row["share_of_wmmse_stderr"]
        cells = [f"`{label}`", f"{row['sum_rate_bps_hz']:.3f}", f"{share:.1f}"]
        cells[2] += f" ± {error:.1f}" if error else ""
        cells.append(", ".join(f"{us:.3g}" for us in took[label]))
        for budget in budgets:
            rate, missed = late.get(label, {}).get(budget, (None, 0.0))
            cells.append("" if rate is None else f"{rate:.2f} ({100.0 * missed:.1f}%)")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def trainings() -> str:
    """Return what training took, by the cards of shipped models, as Markdown."""
    lines = ["| | learns from | samples | trained in |", "|---|---|---|---|"]
    for path in sorted(WEIGHTS.glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        training, settings = card["training"], card["settings"]
        if card["architecture"] == ARCHITECTURE:
            teacher, samples = "rewards", training["environment_steps"]
        else:
            teacher = {"imitate": "WMMSE's answers", "sum_rate": "the rate's gradient"}[
                settings["objective"]
            ]
            samples = settings["steps"] * settings["batch_size"]
        minutes = training["seconds"] / 60.0
        lines.append(f"| `{path.stem}` | {teacher} | {samples:,} | {minutes:.0f} min |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--snr-db", type=float, nargs="+", default=[0.0, 20.0])
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sb3", type=Path, help="a folder of zip files")
    parser.add_argument(
        "--study", type=Path, default=Path("out/rl"), help="of scenarios/studies/rl"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("out/rl_tables"))
    arguments = parser.parse_args()
    table = arguments.study / "table.parquet"
    parts = []
    for links in arguments.links:
        for snr_db in arguments.snr_db:
            cell = Cell(links, snr_db)
            names = CONTESTANTS | policies_of_sb3(arguments.sb3, cell)
            reached = rates(cell, names, arguments.episodes, arguments.seed)
            took = times(cell, names, arguments.seed)
            late = in_force(table, cell) if table.is_file() else {}
            parts.append(cell_table(cell, reached, took, late))
    text = "\n".join([*parts, trainings()])
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "tables.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
