"""What a verification says: a table, sentences computed from it, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.tables import number, plain_table
from sim.host import Conditions, in_words
from sim.live.race import described
from sim.live.verify import CONFIDENCE, Verdict

if TYPE_CHECKING:
    from rich.table import Table


def verdict_table(name: str, verdicts: Sequence[Verdict]) -> Table:
    """Return live and simulated side by side."""
    from rich.markup import escape

    table = plain_table(f"{escape(name)}: live against simulated")
    table.add_column("allocator")
    for heading in (
        "budget us",
        "live jobs",
        "missed live",
        f"{CONFIDENCE:.0%} interval",
        "simulated",
        "",
        "response p50 us\nlive, simulated",
        "p99 us\nlive, simulated",
        "host late us\np50, p99",
    ):
        table.add_column(heading, justify="right")
    for verdict in verdicts:
        late = described(verdict.lateness_ns)
        table.add_row(
            escape(verdict.label),
            number(verdict.budget_us, 3 if verdict.budget_us < 10 else 1),
            str(verdict.jobs),
            f"{verdict.live:.2%}",
            f"{verdict.interval[0]:.2%} .. {verdict.interval[1]:.2%}",
            f"{verdict.simulated:.2%}",
            "inside" if verdict.agrees else "OUTSIDE",
            _pair(verdict, 0.5),
            _pair(verdict, 0.99),
            f"{number(late['p50'], 2)}, {number(late['p99'], 2)}",
        )
    return table


def conclusion(conditions: Conditions, verdicts: Sequence[Verdict]) -> list[str]:
    """Return what it comes to, in sentences."""
    outside = [verdict for verdict in verdicts if not verdict.agrees]
    lines = [
        f"{len(verdicts) - len(outside)} of {len(verdicts)} simulated miss ratios lie inside the "
        f"live {CONFIDENCE:.0%} interval."
    ]
    for verdict in outside:
        live, simulated = _median(verdict.live_response_ns), _median(verdict.simulated_response_ns)
        lines.append(
            f"{verdict.label} at {verdict.budget_us:,.4g} us: simulated {verdict.simulated:.2%}, "
            f"live {verdict.live:.2%}; the median response was {simulated / live - 1.0:+.1%} off."
            if live and simulated
            else f"{verdict.label} at {verdict.budget_us:,.4g} us: simulated "
            f"{verdict.simulated:.2%}, live {verdict.live:.2%}."
        )
    return [*lines, in_words(conditions.facts())]


def facts_of(name: str, conditions: Conditions, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the contents of verify.json."""
    return {
        "scenario": name,
        "confidence": CONFIDENCE,
        **conditions.facts(),
        "verdicts": [
            {
                "name": verdict.label,
                "wanted_miss_ratio": verdict.wanted,
                "budget_us": verdict.budget_us,
                "live": {
                    "jobs": verdict.jobs,
                    "missed": verdict.missed,
                    "miss_ratio": verdict.live,
                    "interval": list(verdict.interval),
                    "response_us": described(verdict.live_response_ns),
                    "release_jitter_us": described(verdict.lateness_ns),
                },
                "simulated": {
                    "jobs": verdict.simulated_jobs,
                    "miss_ratio": verdict.simulated,
                    "response_us": described(verdict.simulated_response_ns),
                },
                "agrees": verdict.agrees,
            }
            for verdict in verdicts
        ],
    }


def _pair(verdict: Verdict, q: float) -> str:
    """Return a quantile of both response times; dashes where no job was started."""
    both = (verdict.live_response_ns, verdict.simulated_response_ns)
    return ", ".join(
        number(float(np.quantile(times, q)) / 1e3 if len(times) else None, 1) for times in both
    )


def _median(times_ns: NDArray[np.int64]) -> float:
    return float(np.median(times_ns)) if len(times_ns) else 0.0
