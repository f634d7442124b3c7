"""Overrun and miss policies, as the pure functions they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.deadline import OnMiss, OnOverrun, Outcome, Source, admits, execute
from sim.deadline.policy import InForce

TIMES = st.integers(0, 50)


@pytest.mark.parametrize("on_overrun", OnOverrun)
@pytest.mark.parametrize("busy", [False, True])
def test_only_skip_turns_a_release_away_and_only_while_busy(
    on_overrun: OnOverrun, busy: bool
) -> None:
    assert admits(on_overrun, busy) == (on_overrun is not OnOverrun.SKIP or not busy)


@pytest.mark.parametrize(
    ("on_overrun", "start", "service", "expected"),
    [
        (OnOverrun.CONTINUE, 0, 10, (10, Outcome.MET)),  # a tie is met
        (OnOverrun.CONTINUE, 0, 11, (11, Outcome.LATE)),
        (OnOverrun.CONTINUE, 12, 5, (17, Outcome.LATE)),
        (OnOverrun.CONTINUE, 10, 0, (10, Outcome.MET)),
        (OnOverrun.SKIP, 4, 6, (10, Outcome.MET)),
        (OnOverrun.SKIP, 4, 7, (11, Outcome.LATE)),
        (OnOverrun.ABORT, 0, 10, (10, Outcome.MET)),
        (OnOverrun.ABORT, 0, 11, (10, Outcome.ABORTED)),
        (OnOverrun.ABORT, 9, 100, (10, Outcome.ABORTED)),
        (OnOverrun.ABORT, 10, 0, (None, Outcome.SKIPPED)),
        (OnOverrun.ABORT, 12, 1, (None, Outcome.SKIPPED)),
    ],
)
def test_execute(
    on_overrun: OnOverrun, start: int, service: int, expected: tuple[int | None, Outcome]
) -> None:
    assert execute(on_overrun, start, service, 10) == expected


@given(st.sampled_from(OnOverrun), TIMES, TIMES, TIMES)
def test_a_job_that_is_met_ends_when_it_is_served_and_by_its_deadline(
    on_overrun: OnOverrun, start: int, service: int, deadline: int
) -> None:
    finish, outcome = execute(on_overrun, start, service, deadline)
    if outcome is Outcome.MET:
        assert finish == start + service <= deadline
    elif outcome is Outcome.LATE:
        assert finish == start + service > deadline
        assert on_overrun is not OnOverrun.ABORT
    elif outcome is Outcome.ABORTED:
        assert start < deadline == finish < start + service
    else:
        assert outcome is Outcome.SKIPPED
        assert finish is None
        assert start >= deadline


def test_before_any_answer_the_initial_one_serves() -> None:
    in_force = InForce("initial", OnMiss.HOLD)
    assert in_force.settle(0, 10, None) is Source.INITIAL
    assert in_force.settle(1, 20, "one") is Source.OWN
    assert in_force.settle(2, 30, None) is Source.HELD
    assert in_force.answer == "one"


def test_a_substitute_serves_only_where_there_is_no_own_answer() -> None:
    in_force = InForce("initial", OnMiss.FALLBACK)
    assert in_force.settle(0, 10, None, (Source.FALLBACK, "cheap")) is Source.FALLBACK
    assert in_force.answer == "cheap"
    assert in_force.settle(1, 20, "own", (Source.FALLBACK, "cheap")) is Source.OWN
    assert in_force.answer == "own"


def test_a_late_answer_serves_from_the_first_deadline_that_it_makes() -> None:
    in_force = InForce("initial", OnMiss.USE_LATE)
    in_force.finished_late(0, 25, "zero")
    assert in_force.settle(0, 10, None) is Source.INITIAL
    assert in_force.settle(1, 24, None) is Source.INITIAL
    assert in_force.settle(2, 25, None) is Source.LATE  # a tie is in time
    assert in_force.answer == "zero"
    assert in_force.settle(3, 30, None) is Source.HELD


def test_of_several_late_answers_the_newest_serves() -> None:
    in_force = InForce("initial", OnMiss.USE_LATE)
    for index, finish in ((0, 11), (1, 29), (2, 31)):
        in_force.finished_late(index, finish, str(index))
    assert in_force.settle(2, 30, None) is Source.LATE
    assert in_force.answer == "1"
    assert in_force.settle(3, 40, None) is Source.LATE
    assert in_force.answer == "2"


def test_the_newest_is_that_of_the_newest_job_whichever_finished_last() -> None:
    in_force = InForce("initial", OnMiss.USE_LATE)
    in_force.finished_late(1, 25, "one")
    in_force.finished_late(0, 29, "zero")  # two servers, or one that was preempted
    assert in_force.settle(2, 30, None) is Source.LATE
    assert in_force.answer == "one"


def test_a_late_answer_never_displaces_a_newer_one() -> None:
    in_force = InForce("initial", OnMiss.USE_LATE)
    in_force.settle(0, 10, None)
    in_force.settle(1, 20, "one")
    in_force.finished_late(0, 25, "zero")
    assert in_force.settle(2, 30, None) is Source.HELD
    assert in_force.answer == "one"


def test_hold_forgets_late_answers() -> None:
    in_force = InForce("initial", OnMiss.HOLD)
    in_force.finished_late(0, 11, "zero")
    assert in_force.settle(1, 20, None) is Source.INITIAL
