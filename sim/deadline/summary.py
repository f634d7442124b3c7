"""How a run went, as far as jobs alone tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.deadline.job import Outcome
from sim.deadline.stats import binomial_interval, percentile

if TYPE_CHECKING:
    import pyarrow as pa

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def summarize_jobs(log: pa.Table) -> dict[str, Any]:
    """Count the outcomes of one solver's jobs and describe their times.

    Response times are of the jobs that were started, from the intended release; an aborted job
    counts up to its cut. A percentile that the sample cannot carry is None.

    Args:
        log: columns of `sim.deadline.log.JOB_COLUMNS`, at least ``outcome``, ``release_ns``,
            ``finish_ns``, ``service_ns`` and ``reason``.
    """
    outcomes = _counts(log["outcome"])
    jobs = log.num_rows
    missed = jobs - outcomes[Outcome.MET]
    response = integers(log, "finish_ns", minus="release_ns")
    service = integers(log, "service_ns")
    summary: dict[str, Any] = {"jobs": jobs}
    summary |= {outcome.value: outcomes[outcome] for outcome in Outcome}
    summary["miss_ratio"] = missed / jobs if jobs else None
    summary["miss_ratio_ci95"] = list(binomial_interval(missed, jobs))
    summary["response_us"], summary["response_us_ci95"] = _describe(response)
    summary["service_us"], summary["service_us_ci95"] = _describe(service)
    reasons = _counts(log["reason"])
    if reasons:
        summary["failures"] = dict(reasons.most_common(5))
    return summary


def integers(log: pa.Table, column: str, minus: str | None = None) -> NDArray[np.int64]:
    """Return a column without its nulls, less another one if named, as int64, in log order."""
    import pyarrow.compute as pc

    values = log[column] if minus is None else pc.subtract(log[column], log[minus])
    array: NDArray[np.int64] = values.drop_null().to_numpy()
    return array


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    import pyarrow as pa

    found = column.cast(pa.string()).drop_null().value_counts().to_pylist()
    return Counter({entry["values"]: entry["counts"] for entry in found})


def _describe(sample_ns: NDArray[np.int64]) -> tuple[dict[str, Any], dict[str, Any]]:
    ordered = np.sort(sample_ns)
    values: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for name, q in PERCENTILES.items():
        found = percentile(ordered, q)
        values[name] = None if found is None else found.value / 1e3
        bounds[name] = None if found is None else [found.low / 1e3, found.high / 1e3]
    values["max"] = float(ordered[-1]) / 1e3 if len(ordered) else None
    return values, bounds
