"""The columns of a study's table, beside those of its axes."""

from __future__ import annotations

from collections.abc import Mapping

#: What a point is, resolved. Of controller 0 where controllers differ.
FACTS: Mapping[str, str] = {
    "links": "int64",
    "subbands": "int64",
    "controllers": "int64",
    "servers": "int64",
    "batch": "int64",
    "speed": "float64",
    "lead": "int64",
    "slot_us": "float64",
    "budget_us": "float64",
    "discipline": "string",
    "latency": "string",
    "slots": "int64",
    "seed": "int64",
}

MISSES = ("late", "aborted", "skipped", "failed")
OUTCOMES = ("met", *MISSES)
COUNTS = ("jobs", *OUTCOMES)

#: The share of jobs missed, and the ends of its 95% interval.
MISS_RATIOS = ("miss_ratio", "miss_low", "miss_high")

#: How it went; null where a point was refused, and where the sample cannot carry a percentile.
METRICS: Mapping[str, str] = {
    **dict.fromkeys(COUNTS, "int64"),
    **dict.fromkeys(MISS_RATIOS, "float64"),
    **dict.fromkeys(("genie_bps_hz", "aged_bps_hz", "in_force_bps_hz"), "float64"),
    **dict.fromkeys(("ageing_loss_bps_hz", "miss_loss_bps_hz"), "float64"),
    **dict.fromkeys(("per_user_p5_bps_hz", "jain"), "float64"),
    **{
        f"{time}_{which}_us": "float64"
        for time in ("response", "service")
        for which in ("p50", "p99", "p999", "max")
    },
}

#: Metrics from 0 to 1.
SHARES = (*MISS_RATIOS, "jain")

#: Metrics that are the largest of a sample, and so grow with it.
LONGEST = tuple(name for name in METRICS if name.endswith("_max_us"))

#: Metrics that may be below 0: an older answer, or a fallback's, can be the better one.
SIGNED = ("ageing_loss_bps_hz", "miss_loss_bps_hz")

#: Whether the point could be had.
STATUS: Mapping[str, str] = {"status": "string", "reason": "string"}

RECORD = {**FACTS, **METRICS, **STATUS}

#: What else is in the table, so that no axis may be called so.
RESERVED = {"point", "replicate", "allocator", *RECORD}
