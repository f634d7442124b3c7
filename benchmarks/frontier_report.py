"""What the frontier study leaves: a CSV, a plot for every K, and tables in Markdown."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Row:
    """One point at one K and SNR; ``share`` is of the best of 20 starts."""

    links: int
    snr_db: float
    family: str
    point: str
    allocator: str
    channels: int
    sum_rate_bps_hz: float
    share: float
    share_stderr: float
    work_mean: float
    one_p50_us: float
    one_p99_us: float
    batched_us: float
    on_frontier_one: bool = False
    on_frontier_batched: bool = False

    @property
    def label(self) -> str:
        """What tables call it."""
        return LABELS.get(self.family, "{}").format(self.point)


TIMES = {"one_p50_us": "one at a time", "batched_us": "273 subbands in a call, by subband"}
LABELS = {
    "truncated": "wmmse, {} iterations",
    "starts": "wmmse, best of {} starts",
    "multistart": "multistart, {}",
    "unfolded": "unfolded_{}",
    "anytime": "anytime from {}",
}
LEARNED = ("dnn", "unfolded", "anytime")
TARGETS = (0.90, 0.95, 0.98, 1.0, 1.02)

#: Colour and marker of each family; those of learned ones are filled and large.
STYLE = {
    "truncated": ("#999999", "."),
    "wmmse": ("#000000", "o"),
    "starts": ("#444444", "s"),
    "multistart": ("#E69F00", "<"),
    "fp": ("#777777", "x"),
    "exhaustive": ("#8C564B", "P"),
    "best_link": ("#56B4E9", "v"),
    "max_power": ("#0072B2", "^"),
    "dnn": ("#D55E00", "D"),
    "unfolded": ("#009E73", "*"),
    "anytime": ("#CC79A7", "h"),
}
LEGEND = {
    "truncated": "WMMSE cut after n iterations (n beside it)",
    "wmmse": "WMMSE to its stop rule",
    "starts": "WMMSE, best of n starts (n beside it)",
    "multistart": "multistart: n WMMSE starts in vector lanes (n x iterations)",
    "unfolded": "unfolded (size beside it)",
    "anytime": "anytime (from dnn, and from each unfolded)",
}
_NAMED_CUTS = {"1", "2", "3", "5", "10", "20", "100"}
_UNLABELLED = {"16 x 8", "16 x 12", "16 x 24", "16 x 40"}  # too near to others
_TOP = 1.10  # shares are drawn by their distance from here


def mark_frontiers(rows: list[Row]) -> list[Row]:
    """Mark what no faster point of the same K and SNR reaches, by both times."""
    for time, mark in (("one_p50_us", "on_frontier_one"), ("batched_us", "on_frontier_batched")):
        best = -np.inf
        order = sorted(range(len(rows)), key=lambda i: (getattr(rows[i], time), -rows[i].share))
        for i in order:
            if rows[i].share > best:
                best = rows[i].share
                rows[i] = replace(rows[i], **{mark: True})
    return rows


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_csv(path: Path) -> list[Row]:
    read = {"int": int, "float": float, "str": str, "bool": lambda text: text == "True"}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(**{field.name: read[str(field.type)](line[field.name]) for field in fields(Row)})
            for line in csv.DictReader(file)
        ]


def tables(rows: list[Row]) -> str:
    """Return the study's tables in Markdown: qualities, the cheapest way to each, every point."""
    snrs = sorted({row.snr_db for row in rows})
    parts = ["Share of the best of 20 starts:\n\n" + _shares(rows, snrs)]
    for time, said in TIMES.items():
        parts.append(
            f"Fastest to reach a share of the best of 20 starts, {said}, in us "
            "(in bold: learned):\n\n" + _targets(rows, snrs, time)
        )
    for links in sorted({row.links for row in rows}):
        here = [row for row in rows if row.links == links]
        parts.append(
            f"K = {links}: share of the best of 20 starts, us one at a time (median, 99th "
            f"percentile), us a subband; in bold: on the frontier\n\n" + _points(here, snrs)
        )
    return "\n\n".join(parts) + "\n"


def _shares(rows: list[Row], snrs: list[float]) -> str:
    labels = dict.fromkeys(row.label for row in rows if row.family not in ("truncated", "fp"))
    share = {(row.links, row.snr_db, row.label): f"{row.share:.1%}" for row in rows}
    lines = [["K", "SNR", *labels]]
    for links in sorted({row.links for row in rows}):
        for snr in snrs:
            cells = [share.get((links, snr, label), "-") for label in labels]
            lines.append([f"{links}", f"{snr:g} dB", *cells])
    return _markdown(lines)


def _targets(rows: list[Row], snrs: list[float], time: str) -> str:
    heads = [f"{target:.0%}" for target in TARGETS]
    lines = [["K", "SNR", "wmmse reaches", *heads]]
    for links in sorted({row.links for row in rows}):
        for snr in snrs:
            here = [row for row in rows if row.links == links and row.snr_db == snr]
            wmmse = next(row for row in here if row.family == "wmmse")
            line = [f"{links}", f"{snr:g} dB", f"{wmmse.share:.1%} in {_us(getattr(wmmse, time))}"]
            for target in TARGETS:
                enough = [row for row in here if row.share >= target - 5e-5]
                best = min(enough, key=lambda row: getattr(row, time), default=None)
                line.append("-" if best is None else _fastest(best, time))
            lines.append(line)
    return _markdown(lines)


def _fastest(row: Row, time: str) -> str:
    text = f"{row.label}: {_us(getattr(row, time))}"
    return f"**{text}**" if row.family in LEARNED else text


def _points(rows: list[Row], snrs: list[float]) -> str:
    lines = [["", *(f"{snr:g} dB{part}" for snr in snrs for part in ("", ", one", ", batched"))]]
    for label in dict.fromkeys(row.label for row in rows if _is_named(row)):
        line = [label]
        for snr in snrs:
            found = [row for row in rows if row.label == label and row.snr_db == snr]
            if not found:
                line += ["-"] * 3
                continue
            row = found[0]
            one, batched = f"{_us(row.one_p50_us)} ({_us(row.one_p99_us)})", _us(row.batched_us)
            line += [
                f"{row.share:.1%}",
                f"**{one}**" if row.on_frontier_one else one,
                f"**{batched}**" if row.on_frontier_batched else batched,
            ]
        lines.append(line)
    return _markdown(lines)


def _is_named(row: Row) -> bool:
    if row.family == "multistart":
        return row.point.startswith("16 ")
    return row.family != "truncated" or row.point in _NAMED_CUTS


def _us(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _markdown(lines: list[list[str]]) -> str:
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plot(path: Path, rows: list[Row]) -> None:
    """Draw the frontier at one K: a column for each SNR, a row for each way to time."""
    from matplotlib.figure import Figure

    snrs = sorted({row.snr_db for row in rows})
    figure = Figure(figsize=(5.6 * len(snrs), 9.6), layout="constrained")
    grid = figure.subplots(len(TIMES), len(snrs), squeeze=False, sharex="row", sharey="col")
    for line, (time, said) in zip(grid, TIMES.items(), strict=True):
        for axes, snr in zip(line, snrs, strict=True):
            _panel(axes, [row for row in rows if row.snr_db == snr], time)
            axes.set(title=f"{snr:g} dB, {said}", xlabel="time (us)")
        line[0].set_ylabel("share of the best of 20 starts")
    handles, labels = [], []
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.suptitle(f"Quality and time, {rows[0].links} links, Rayleigh channels")
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def _panel(axes: Axes, rows: list[Row], time: str) -> None:
    mark = "on_frontier_one" if time == "one_p50_us" else "on_frontier_batched"
    front = sorted(
        ((getattr(row, time), row.share) for row in rows if getattr(row, mark)), key=lambda x: x[0]
    )
    end = max(getattr(row, time) for row in rows)
    axes.step(
        [x for x, _ in front] + [end],
        [y for _, y in front] + [front[-1][1]],
        where="post",
        color="#F0E442",
        linewidth=5,
        zorder=0,
        label="frontier: nothing faster is as good",
    )
    for family, (colour, marker) in STYLE.items():
        own = [row for row in rows if row.family == family]
        if not own:
            continue
        learned = family in LEARNED
        axes.plot(
            [getattr(row, time) for row in own],
            [row.share for row in own],
            linestyle="-" if family in ("truncated", "starts") else "",
            linewidth=0.8,
            color=colour,
            marker=marker,
            markersize={"truncated": 5, "unfolded": 13}.get(family, 8),
            markeredgecolor="black" if learned else colour,
            markeredgewidth=0.6 if learned else 1.2,
            zorder=3 if learned else 2,
            label=LEGEND.get(family, family),
        )
        if family in LEGEND and family not in ("wmmse", "anytime"):
            for row in own:
                if _is_named(row) and row.point not in _UNLABELLED:
                    axes.annotate(
                        row.point,
                        (getattr(row, time), row.share),
                        xytext=(-5, 8) if learned else (5, -10),
                        ha="right" if learned else "left",
                        textcoords="offset points",
                        fontsize=9 if learned else 8,
                        color="black" if learned else colour,
                        zorder=4,
                    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yscale(
        "function",
        functions=(lambda y: -np.log(np.maximum(_TOP - y, 1e-3)), lambda z: _TOP - np.exp(-z)),
    )
    low = min(row.share for row in rows)
    every = (0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.04, 1.06)
    ticks = [tick for tick in every if tick >= low - 0.1]
    axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.set_ylim(low - 0.1 * (_TOP - low), max(1.01, max(row.share for row in rows) + 0.014))
    axes.grid(alpha=0.3)
