"""How a run went, as far as jobs alone tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.job import Outcome
from sim.deadline.stats import binomial_interval, percentile

if TYPE_CHECKING:
    import pyarrow as pa

#: What a summary reads of a log.
SUMMARY_COLUMNS = ["outcome", "reason", "release_ns", "finish_ns", "service_ns"]

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def summarize_jobs(parts: Iterable[pa.Table]) -> dict[str, Any]:
    """Count the outcomes of one solver's jobs and describe their times.

    Response times are of the jobs that were started, from the intended release; an aborted job
    counts up to its cut. A percentile that the sample cannot carry is None; one from
    ``cut_from_us`` on, the quickest cut (None without any), is a lower bound.

    Args:
        parts: the solver's log, with at least the columns `SUMMARY_COLUMNS`.
    """
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    responses: list[NDArray[np.int64]] = []
    services: list[NDArray[np.int64]] = []
    cut_ns: int | None = None
    for part in parts:
        counts = _counts(part["outcome"])
        outcomes += counts
        if counts[Outcome.ABORTED]:
            cuts = integers(part.filter(aborted(part)), "finish_ns", minus="release_ns")
            cut_ns = min([*cuts.tolist(), *([] if cut_ns is None else [cut_ns])], default=None)
        reasons += _counts(part["reason"])
        responses.append(integers(part, "finish_ns", minus="release_ns"))
        services.append(integers(part, "service_ns"))
    jobs = outcomes.total()
    misses = jobs - outcomes[Outcome.MET]
    summary: dict[str, Any] = {"jobs": jobs}
    summary |= {outcome.value: outcomes[outcome] for outcome in Outcome}
    summary["miss_ratio"] = misses / jobs if jobs else None
    summary["miss_ratio_ci95"] = list(binomial_interval(misses, jobs))
    summary["response_us"], summary["response_us_ci95"] = _describe(responses)
    summary["cut_from_us"] = None if cut_ns is None else cut_ns / 1e3
    summary["service_us"], summary["service_us_ci95"] = _describe(services)
    if reasons:
        summary["failures"] = dict(reasons.most_common(5))
    return summary


def integers(log: pa.Table, column: str, minus: str | None = None) -> NDArray[np.int64]:
    """Return a column without its nulls, less another one if named, as int64, in log order."""
    import pyarrow.compute as pc

    values = log[column] if minus is None else pc.subtract(log[column], log[minus])
    array: NDArray[np.int64] = values.drop_null().to_numpy()
    return array


def missed(log: pa.Table) -> NDArray[np.bool_]:
    """Return which jobs did not meet their deadline, in log order."""
    return ~_equal(log["outcome"], Outcome.MET)


def aborted(log: pa.Table) -> NDArray[np.bool_]:
    """Return which jobs were cut, in log order."""
    return _equal(log["outcome"], Outcome.ABORTED)


def _equal(column: pa.ChunkedArray, value: str) -> NDArray[np.bool_]:
    """Compare a dictionary column with a text, without making the texts."""
    parts = [
        np.isin(
            chunk.indices.to_numpy(zero_copy_only=False),
            np.flatnonzero([word == value for word in chunk.dictionary.to_pylist()]),
        )
        for chunk in column.chunks
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=bool)


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    counts: Counter[str] = Counter()
    for chunk in column.chunks:
        for entry in chunk.value_counts().to_pylist():
            if entry["values"] is not None:
                counts[entry["values"]] += entry["counts"]
    return counts


def joined(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return arrays of times, none or many, as one."""
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _describe(parts_ns: list[NDArray[np.int64]]) -> tuple[dict[str, Any], dict[str, Any]]:
    ordered = joined(parts_ns)
    parts_ns.clear()  # millions of jobs need not be held twice
    ordered.sort()
    values: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for name, q in PERCENTILES.items():
        found = percentile(ordered, q)
        values[name] = None if found is None else found.value / 1e3
        bounds[name] = None if found is None else [found.low / 1e3, found.high / 1e3]
    values["max"] = float(ordered[-1]) / 1e3 if len(ordered) else None
    return values, bounds
