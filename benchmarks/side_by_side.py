"""ttirace beside its peers, in one run: every measurement a process of its own, all in turns.

    python benchmarks/side_by_side.py [--repeats 5] [--seconds 3] [--slots 100000] [-o out/bench]

`make bench` installs the peers into an environment of their own and runs this. Leaves
side_by_side.md and side_by_side.json: medians over turns with their range, and ttirace's speed over
each one's, a ratio of each turn. One core, one instance at a time. What is like and what is
not stands above each table.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Case, Spread, facts, in_turns, load_average, peers_there, ratios, spread

from sim.deadline.manifest import write_json


@dataclass(frozen=True)
class Group:
    """Cases that are held against the first of them.

    Attributes:
        title: what is done.
        likeness: what is like, and what is not.
        key: the figure, of what a case prints.
        unit: of the figure.
        more_is_better: it is a speed, not a time.
        beside: further figures to tell, by their headings.
        cases: ours first.
        ratio: heading of its speed over each one's.
    """

    title: str
    likeness: str
    key: str
    unit: str
    more_is_better: bool
    beside: dict[str, str]
    cases: tuple[Case, ...]
    ratio: str = "ttirace is times as fast"


def groups(slots: int) -> list[Group]:
    """Return what is measured."""
    radio, env = "radio_case.py", "env_case.py"
    solving = [
        Group(
            f"WMMSE, K = {k}",
            "Like with like: one algorithm, one start and tolerance, the same channels, through "
            "the same call; both reach the rate that stands beside. Interpreted is how papers run "
            "and time it: loops over links in Python, numpy inside.",
            "us",
            "us a problem",
            False,
            {"bit/s/Hz": "sum_rate_bps_hz", "iterations": "iterations"},
            tuple(
                Case(name, radio, ("wmmse", "--backend", backend, "--links", f"{k}"))
                for name, backend in (
                    ("ttirace, compiled", "compiled"),
                    ("interpreted, as in the literature", "python"),
                )
            ),
        )
        for k in (10, 20, 30)
    ]
    racing = Group(
        "A race's slots, K = 10",
        "The same slots, deadlines and laws of channel and latency, each its own draws; the plain "
        "one has a server, a process a job and a log in memory. Not like: ttirace also guards and "
        "checks each answer, and logs every job to disk with its losses; the difference is what "
        "that costs.",
        "slots_per_s",
        "slots/s",
        True,
        {"missed": "missed"},
        (
            Case("ttirace, full log on disk", radio, ("slots", "--slots", f"{slots}")),
            Case("written plainly on SimPy", radio, ("simpy", "--slots", f"{slots}")),
        ),
    )
    rating = Group(
        "K powers to K rates, gains known, K = 10",
        "The same sums, SINR and log2. Not like: CRRM also chooses each user's cell anew and looks "
        "after what else may have changed.",
        "rates_per_s",
        "times/s",
        True,
        {},
        (
            Case("ttirace, sim.problem.link_rates", radio, ("rates", "--links", "10")),
            Case("CRRM, 10 users x 10 cells", radio, ("crrm", "--links", "10"), peer=True),
        ),
    )
    stepping = Group(
        "Steps of environments",
        "Not like: a step of theirs is not one of ours. ttirace sets the powers of K links in a "
        "slot; in mobile-env users choose cells; in linkgym one link chooses its coding scheme, on "
        "Sionna's link abstraction. Each with its own defaults, resets included.",
        "steps_per_s",
        "steps/s",
        True,
        {},
        (
            Case("ttirace/PowerControl-v0, K = 10", env, ("ours", "--links", "10")),
            Case("the same with deadlines", env, ("ours", "--links", "10", "--deadlines")),
            Case("mobile-env, 5 users x 3 cells", env, ("mobile-small",), peer=True),
            Case("mobile-env, 30 users x 13 cells", env, ("mobile-large",), peer=True),
            Case("linkgym, 1 link", env, ("linkgym",), peer=True),
        ),
        ratio="steps of the first in the time of one",
    )
    return [*solving, racing, rating, stepping]


def told(group: Group, runs: dict[Case, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows of a group: the figure of each case, and ttirace's speed over it."""
    rows = []
    ours = [run[group.key] for run in runs[group.cases[0]]]
    for case in group.cases:
        if case not in runs:
            continue
        values = [run[group.key] for run in runs[case]]
        faster = ratios(ours, values) if group.more_is_better else ratios(values, ours)
        beside = {
            key: spread(run[key] for run in runs[case]).median for key in group.beside.values()
        }
        rows.append(
            {
                "case": case.name,
                "values": values,
                "spread": spread(values)._asdict(),
                "ratio": faster._asdict(),
                **beside,
            }
        )
    return rows


def page(made: dict[str, Any]) -> str:
    """Return the tables as Markdown, under the machine and the command."""
    machine, git = made["machine"], made["git"] or {"commit": "none", "dirty": False}
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    before, after = made["load_average"]
    lines = [
        "# Side by side",
        "",
        f"`{made['command']}` on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}; commit {git['commit']}"
        f"{', changed' if git['dirty'] else ''}; load average {before:.2f} before, {after:.2f} "
        "after, the measurements themselves among it.",
        "",
        f"{versions}.",
        "",
        f"Medians of {made['repeats']} turns (least .. most); one core, one instance at a time.",
    ]
    for group in made["groups"]:
        headings = ["", group["unit"], group["ratio"], *group["beside"]]
        lines += ["", f"## {group['title']}", "", group["likeness"], "", _row(headings)]
        lines += [_row(["---", *["---:"] * (len(headings) - 1)])]
        for row in group["rows"]:
            lines.append(
                _row(
                    [
                        row["case"],
                        _range(Spread(**row["spread"])),
                        _range(Spread(**row["ratio"])),
                        *(f"{row[key]:.4g}" for key in group["beside"].values()),
                    ]
                )
            )
    return "\n".join([*lines, ""])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _range(values: Spread) -> str:
    if values.least == values.most:
        return _short(values.median)
    return f"{_short(values.median)} ({_short(values.least)} .. {_short(values.most)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--slots", type=int, default=100_000, help="of each race")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/bench"))
    options = parser.parse_args()
    before = load_average()
    peers = peers_there()
    chosen = groups(options.slots)
    cases = [case for group in chosen for case in group.cases if peers or not case.peer]
    runs = in_turns(cases, options.repeats, options.seconds)
    made = {
        **facts(),
        "repeats": options.repeats,
        "seconds": options.seconds,
        "load_average": [before, os.getloadavg()[0]],
        "groups": [
            {
                "title": group.title,
                "likeness": group.likeness,
                "unit": group.unit,
                "ratio": group.ratio,
                "beside": group.beside,
                "rows": told(group, runs),
            }
            for group in chosen
        ],
    }
    options.output.mkdir(parents=True, exist_ok=True)
    write_json(options.output / "side_by_side.json", made)
    text = page(made)
    (options.output / "side_by_side.md").write_text(text, encoding="utf-8")
    print(text)
    print(f"written: {options.output}/side_by_side.md and .json", file=sys.stderr)


if __name__ == "__main__":
    main()
