"""Response times of a log's jobs, and how they are distributed, those that were cut among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline.log import Jobs
from sim.deadline.summary import aborted, integers, joined

_MOST_POINTS = 4000


class Responses(NamedTuple):
    """Response times of some jobs.

    Attributes:
        finished_ns: of those that came to their end.
        cut_ns: of those that were cut, until then: the least that they would have taken.
    """

    finished_ns: NDArray[np.int64]
    cut_ns: NDArray[np.int64]


def responses(log: Jobs) -> Iterator[Responses]:
    """Yield the response times in a log, part by part."""
    for part in log.parts(["release_ns", "finish_ns", "outcome"]):
        cut = aborted(part)
        yield Responses(
            *(
                integers(part.filter(chosen), "finish_ns", minus="release_ns")
                for chosen in (~cut, cut)
            )
        )


class Exceedance(NamedTuple):
    """How often a response takes as long or longer.

    Attributes:
        times_us: response times, rising.
        share: of the jobs that take as long or longer, falling from 1.
        open: whether jobs were cut at the last of them: what comes after is not known.
    """

    times_us: NDArray[np.float64]
    share: NDArray[np.float64]
    open: bool


def exceedance(parts: Iterable[Responses]) -> Exceedance:
    """Return how often a response takes as long or longer; the tail in full, the rest thinned.

    Of a job that was cut only the least it would have taken is known: the estimate is that of
    Kaplan and Meier (J. Am. Stat. Assoc. 53, 1958), and ends where no job finished later.
    """
    found = list(parts)
    finished = joined(part.finished_ns for part in found)
    cut = joined(part.cut_ns for part in found)
    n = len(finished) + len(cut)
    if n == 0:
        return Exceedance(np.empty(0), np.empty(0), open=False)
    times = np.concatenate([finished, cut])
    ends = np.arange(n) < len(finished)
    order = np.lexsort((~ends, times))  # who finished as another was cut, finished before
    times, ends = times[order], ends[order]
    share = np.cumprod(np.where(ends, 1.0 - 1.0 / np.arange(n, 0, -1), 1.0))
    share = np.concatenate([[1.0], share[:-1]])
    ranks = np.unique(n - np.geomspace(1, n, _MOST_POINTS).astype(int))
    last = int(np.flatnonzero(ends)[-1]) if ends.any() else -1
    kept = np.unique([*ranks[ends[ranks]], *([last] if last >= 0 else [])]).astype(int)
    if is_open := last < n - 1:
        kept = np.append(kept, n - 1)
    return Exceedance(np.maximum(times[kept] / 1e3, 1e-3), share[kept], is_open)
