"""Response times as a log holds them, and how their distribution is thinned."""

from __future__ import annotations

import numpy as np
import pytest

from sim.deadline.job import Job, Outcome, Source
from sim.deadline.log import JobMemory
from sim.deadline.responses import Responses, exceedance, responses
from sim.deadline.summary import joined


def finished(times_ns: np.ndarray) -> Responses:
    return Responses(times_ns, np.empty(0, dtype=np.int64))


def test_jobs_that_were_cut_are_told_from_those_that_ended() -> None:
    n = 3000  # more than a part of a log
    outcomes = [Outcome.MET, Outcome.LATE, Outcome.ABORTED, Outcome.SKIPPED]
    with JobMemory("solver") as log:
        for index in range(n):
            outcome = outcomes[index % 4]
            started = outcome is not Outcome.SKIPPED
            log.append(
                Job(
                    index, index * 1000, index * 1000 + 10 if started else None,
                    index * 1000 + 20 + index if started else None, index * 1000 + 500, outcome,
                    Source.HELD, 10 + index if started else None,
                )
            )  # fmt: skip
    parts = list(responses(log))
    assert len(parts) > 1
    of_all = [np.concatenate([part[which] for part in parts]) for which in (0, 1)]
    index = np.arange(n)
    assert of_all[0].tolist() == (20 + index[index % 4 < 2]).tolist()
    assert of_all[1].tolist() == (20 + index[index % 4 == 2]).tolist()
    assert of_all[0].dtype == np.int64


def test_the_tail_is_whole_and_the_rest_thinned() -> None:
    n = 100_000
    times_us, share, is_open = exceedance([finished(1000 * np.arange(1, n + 1))])
    assert not is_open
    assert 2000 < len(times_us) <= 4001
    assert times_us[0] == 1
    assert times_us[-300:].tolist() == list(range(n - 299, n + 1))
    np.testing.assert_allclose(share, (n - times_us + 1) / n, rtol=1e-9)


def test_a_gap_between_ends_and_cuts_is_drawn_to_the_last_of_them() -> None:
    one = exceedance([Responses(np.array([1_000]), np.array([2_000, 9_000]))])
    assert (one.times_us.tolist(), one.open) == ([1.0, 9.0], True)
    assert one.share.tolist() == pytest.approx([1.0, 2 / 3])
    none = exceedance([Responses(np.empty(0, dtype=np.int64), np.array([2_000, 9_000]))])
    assert (none.times_us.tolist(), none.share.tolist(), none.open) == ([9.0], [1.0], True)
    # the last that ended is drawn where few of the many that were cut later are
    late = exceedance([Responses(np.arange(1, 3), np.full(200_000, 9_000))])
    assert late.times_us.tolist() == [1e-3, 2e-3, 9.0]


def test_times_are_whole_nanoseconds() -> None:
    for parts in ([], [np.array([2**53 + 1])]):
        assert joined(parts).dtype == np.int64
    assert joined([np.array([2**53 + 1])]).tolist() == [2**53 + 1]


def test_of_no_jobs_nothing_is_known() -> None:
    for parts in ([], [finished(np.empty(0, dtype=np.int64))]):
        times_us, share, is_open = exceedance(parts)
        assert (len(times_us), len(share), is_open) == (0, 0, False)


def test_what_ended_as_another_was_cut_ended_before() -> None:
    found = exceedance([Responses(np.array([2_000]), np.array([2_000]))])
    # both took 2 us at least; one of two took no longer, of the other the end is not known
    assert found.times_us.tolist() == [2.0, 2.0]
    assert found.share.tolist() == [1.0, 0.5]
    assert found.open


def test_no_time_is_drawn_at_the_least_that_an_axis_can_show() -> None:
    assert exceedance([finished(np.array([0, 5_000]))]).times_us.tolist() == [1e-3, 5.0]
