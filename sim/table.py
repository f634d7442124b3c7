"""The table that a run prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from sim.deadline.tables import number, outcome_cells, outcome_headings, plain_table
from sim.host import in_words

_WORTH_SAYING = 0.001  # of a rate
_NAMED = 3  # of several alike


def race_table(summary: Mapping[str, Any], width: int = 140) -> Table:
    """Return the summary as a table, one row an allocator; a narrow one leaves some out."""
    budget = summary["budget_us"]
    budgets = budget.values() if isinstance(budget, dict) else [budget]
    shown = " .. ".join(f"{bound:g}" for bound in sorted({min(budgets), max(budgets)})) + " us"
    table = plain_table(f"{escape(summary['scenario'])}: {shown} to compute")
    table.add_column("\nallocator")
    for heading in (
        *outcome_headings(width),
        "genie\nbit/s/Hz",
        "ageing\nloss",
        "miss\nloss",
        "in force\nbit/s/Hz",
    ):
        table.add_column(heading, justify="right")
    best = max(
        (entry["sum_rate_bps_hz"]["in_force"] or 0.0 for entry in summary["allocators"]),
        default=0.0,
    )
    for entry in summary["allocators"]:
        rate, loss = entry["sum_rate_bps_hz"], entry["loss_bps_hz"]
        in_force = number(rate["in_force"], 2)
        table.add_row(
            entry["name"],
            *outcome_cells(entry, width),
            number(rate["genie"], 2),
            number(loss["ageing"], 2),
            number(loss["miss"], 2),
            f"[bold]{in_force}[/]" if rate["in_force"] == best else in_force,
        )
    return table


def controller_table(summary: Mapping[str, Any]) -> Table | None:
    """Return who missed how much, controller by controller; None if there is but one."""
    entries = summary["allocators"]
    if "controllers" not in entries[0]:
        return None
    table = plain_table("missed, by controller")
    ratios = [[one["miss_ratio"] for one in entry["controllers"]] for entry in entries]
    names, owners = (
        [entry["name"] for entry in entries],
        [escape(controller["name"]) for controller in entries[0]["controllers"]],
    )
    down, across, cells = "allocator", owners, ratios
    if len(owners) > len(names):  # a terminal is long, not wide
        down, across, names = "controller", names, owners
        cells = [list(column) for column in zip(*ratios, strict=True)]
    table.add_column(down)
    for heading in across:
        table.add_column(heading, justify="right")
    for name, row in zip(names, cells, strict=True):
        table.add_row(name, *("-" if ratio is None else f"{ratio:.2%}" for ratio in row))
    return table


def verdict(summary: Mapping[str, Any]) -> str:
    """Return what the race says in a sentence or two, computed from its figures."""
    served = [
        entry for entry in summary["allocators"] if entry["sum_rate_bps_hz"]["in_force"] is not None
    ]
    if not served:
        return "No slot was served: the race is shorter than its lead."
    alike = _first(served, "in_force")
    best = alike[0]
    rate = best["sum_rate_bps_hz"]["in_force"]
    if all(entry["miss_ratio"] == 1.0 for entry in served):
        return f"No answer was there in time: what was in force before stays, {rate:.2f} bit/s/Hz."
    text = f"Most rate in force: {best['name']}, {rate:.2f} bit/s/Hz"
    text += f", missing {best['miss_ratio']:.2%} of its deadlines"
    if others := [entry["name"] for entry in alike[1:]]:
        more = len(others) - _NAMED
        text += f" (as much: {', '.join(others[:_NAMED])}"
        text += f" and {more} more)" if more > 0 else ")"
    text += "."
    genie = max(
        _first(served, "genie"), key=lambda entry: float(entry["sum_rate_bps_hz"]["in_force"])
    )
    ideal = genie["sum_rate_bps_hz"]["genie"]
    lost = 1.0 - genie["sum_rate_bps_hz"]["in_force"] / ideal if ideal else 0.0
    if lost >= _WORTH_SAYING and genie is best:
        text += f" Age and misses take {lost:.1%} of what its answers are worth given no clock."
    elif lost >= _WORTH_SAYING:
        text += f" The best answers given no clock are those of {genie['name']}; "
        text += f"age and misses take {lost:.1%} of their rate."
    return text


def _first(entries: Sequence[Mapping[str, Any]], rate: str) -> list[Mapping[str, Any]]:
    """Return who has the most of a rate, all that read alike; who misses least comes first."""
    shown = [f"{entry['sum_rate_bps_hz'][rate]:.2f}" for entry in entries]
    most = max(shown, key=float)
    alike = [entry for entry, text in zip(entries, shown, strict=True) if text == most]
    return sorted(alike, key=lambda entry: float(entry["miss_ratio"]))


def live_verdict(live: Mapping[str, Any]) -> str:
    """Return under what conditions a live race was run, and how late the host was by itself."""
    text = in_words(live)
    late = {name: jitter for name, jitter in live["release_jitter_us"].items() if jitter["max"]}
    if late:
        worst = max(late, key=lambda name: float(late[name]["max"]))
        jitter = late[worst]
        text += (
            f" The host began jobs late by itself, at worst for {worst}: p50 "
            f"{number(jitter['p50'], 2)}, p99 {number(jitter['p99'], 2)}, max "
            f"{number(jitter['max'], 1)} us (within the response, not the service time)."
        )
    return text
