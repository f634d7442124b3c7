"""What a study's plan says of its figures, held to what can be drawn of its results."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studies import write

from sim.deadline import InputError
from sim.report.axis import FACTS
from sim.report.exhibit import KINDS, kind, make_exhibits, parse_requests
from sim.report.requests import check_planned
from sim.report.results import StudyResults, read_results
from sim.study import Study, load_study, run_study

_SLOTS = {"zip": {"slot": ["250 us", "500 us"], "budget.csi": ["100 us", "0 us"]}}
STUDIES: dict[str, dict[str, Any]] = {
    "one_point": {"replicates": 2},
    "one_axis": {"axes": {"channel.rayleigh.links": [2, 3]}},
    "no_numbers": {"axes": {"on_miss": ["hold", "use_late"]}},
    # The labels stand for slots, a number each.
    "labels": {"axes": {"kind": {**_SLOTS, "labels": ["short", "long"]}}},
    # With the first budget there is no time left: its points are refused, and have none.
    "refused": {
        "axes": {"budget.csi": ["1 ms", "200 us", "100 us"], "channel.rayleigh.links": [2, 3]}
    },
    "one_value": {"axes": {"slot": ["500 us"], "compute.speed": [0.5, 1.0]}},
    "solved": {
        "axes": {"on_miss": ["hold", "use_late"]},
        "solve": {"axis": "compute.speed", "find": "smallest", "from": 0.5, "to": 4.0},
        "target": "miss_ratio <= 0.3",
    },
}


@pytest.fixture(scope="module", params=STUDIES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Study, StudyResults]:
    folder = tmp_path_factory.mktemp(request.param)
    study = load_study(write(folder, **STUDIES[request.param]))
    run_study(study, folder / "out")
    return study, read_results(folder / "out")


def requests(study: Study) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield every figure with every axis, fact and metric as every option."""
    names = [None, *study.columns, *FACTS, "jain", "miss_ratio", "response_p99_us", "allocator"]
    for name in KINDS:
        options = kind(name).OPTIONS
        axes = [option for option in options if option != "allocator"]
        for values in itertools.product(names, repeat=len(axes)):
            yield {name: dict(zip(axes, values, strict=True))}
        for allocator in ("best", [], ["best", "max_power"], "nobody"):
            yield {name: {"allocator": allocator}}


def refused(study: Study, request: Any) -> str:
    planned = study.model.model_copy(update={"report": [request]})
    study.model, own = planned, study.model
    try:
        check_planned(study, "study")
    except InputError as error:
        return str(error)
    finally:
        study.model = own
    return ""


def test_what_a_plan_accepts_can_be_drawn_and_nothing_else(
    both: tuple[Study, StudyResults],
) -> None:
    study, results = both
    passed = 0
    for request in requests(study):
        said = refused(study, request)
        try:
            make_exhibits(results, parse_requests([("study: report.0", request)]))
            why = ""
        except InputError as error:
            why = str(error)
        # That sixty jobs carry no percentile is known when they are run.
        assert bool(said) == bool(why) or "no point has both response_p" in why, request
        passed += not why
    assert passed


def test_what_a_trace_tells_is_not_known_before(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, axes={"compute.speed": [0.5, 1.0]}))
    assert not study.untold & set(FACTS)
    assert "does not vary" in refused(study, {"fits": {"axis": "links"}})
    study.untold = {"links"}
    assert refused(study, {"fits": {"axis": "links"}}) == ""
    assert "nobody" in refused(study, {"fits": {"axis": "links", "allocator": "nobody"}})
