"""Statistics of a run that claim no more than the data carry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A percentile q is reported where a sample of this size shows, with 99% confidence, that the
#: largest value lies beyond it: q^n <= 0.01, i.e. 459 jobs for p99, 4,603 for p99.9.
CARRIED = 0.01


class Percentile(NamedTuple):
    """An observed order statistic and the order statistics that bound the true percentile."""

    value: float
    low: float
    high: float


class Histogram(NamedTuple):
    """Counts between edges, with what fell beyond the last edge and the largest value seen."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    overflow: int
    maximum: float


def binomial_interval(count: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a proportion (Clopper and Pearson, Biometrika 26, 1934).

    Exact for independent trials; misses come in bursts, so over one run it is the narrowest
    interval that can be defended. See `replicate_interval` for one that respects correlation.
    """
    from scipy.special import betaincinv

    if trials == 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2.0
    low = float(betaincinv(count, trials - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, trials - count, 1.0 - tail)) if count < trials else 1.0
    return low, high


def replicate_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of the mean over independent replicates.

    Correlation within a replicate does not matter: each counts as one observation.

    Raises:
        ValueError: fewer than two replicates.
    """
    from scipy.special import stdtrit

    if len(values) < 2:
        raise ValueError(f"{len(values)} replicate(s) carry no interval; want at least 2")
    mean = float(np.mean(values))
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2.0)) * spread
    return mean - half, mean + half


def ratio_error(values: NDArray[np.float64], reference: NDArray[np.float64]) -> float | None:
    """Return the standard error of mean(values) / mean(reference) over independent pairs.

    To first order, by the residuals of the ratio (Cochran, Sampling Techniques, section 2.11).
    None from fewer than two pairs.
    """
    if len(values) < 2:
        return None
    mean = float(reference.mean())
    residual = values - float(values.mean()) / mean * reference
    return float(residual.std(ddof=1)) / (math.sqrt(len(values)) * mean)


def percentile(sample: NDArray[np.int64], q: float, confidence: float = 0.95) -> Percentile | None:
    """Return the observed ``q`` quantile of a sorted sample; None where it cannot carry one.

    The value is the ceil(q n)-th smallest. The bounds are distribution-free: the number of values
    below the true quantile is binomial(n, q) (David and Nagaraja, Order Statistics, ch. 7).
    """
    n = len(sample)
    if n == 0 or q**n > CARRIED:
        return None
    low, high = _ranks(n, q, (1.0 - confidence) / 2.0)
    return Percentile(float(sample[math.ceil(q * n) - 1]), float(sample[low]), float(sample[high]))


def histogram(sample: NDArray[np.int64], edges: NDArray[np.float64]) -> Histogram:
    """Count a sample between edges; nothing beyond the last edge is lost from view."""
    counts, _ = np.histogram(sample, edges)
    overflow = int(np.count_nonzero(sample > edges[-1]))
    return Histogram(edges, counts, overflow, float(sample.max()) if len(sample) else math.nan)


def drift(sample: NDArray[np.float64], rounds: int = 8) -> float:
    """Return how far the medians of successive rounds of a timing lie apart, as a ratio - 1.

    Zero for a sample too short to be cut. A timing of one thing on a quiet machine stays below
    0.1 or so; far above, the machine or the clock changed under it.
    """
    if len(sample) < 20 * rounds:
        return 0.0
    medians = [float(np.median(part)) for part in np.array_split(sample, rounds)]
    return max(medians) / min(medians) - 1.0 if min(medians) > 0 else math.inf


def _ranks(n: int, q: float, tail: float) -> tuple[int, int]:
    """Return the zero-based ranks that bound the ``q`` quantile, each wrong with <= ``tail``."""
    from scipy.special import bdtr

    # P(B <= r), B ~ binomial(n, q), bisected: it rises with r.
    def first(threshold: float) -> int:
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if float(bdtr(middle, n, q)) > threshold:
                high = middle
            else:
                low = middle + 1
        return low

    return max(first(tail) - 1, 0), min(first(1.0 - tail), n - 1)
