"""The policies that come with the package are what their cards say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from allocators.policy.training.settings import Cell
from allocators.policy.training.worth import Episodes, solver_named
from allocators.shipped import WEIGHTS, shipped_models
from sim.registry import make_allocator

POLICIES = ("policy_central", "policy_local")
BEATEN = ("max_power", "random", "best_link")
CELLS = [Cell(links, snr_db) for links in (5, 10) for snr_db in (0.0, 20.0)]


def card(model: str) -> dict[str, Any]:
    return dict(json.loads((WEIGHTS / f"{model}.json").read_text(encoding="utf-8")))


def row(model: str, cell: Cell, allocator: str) -> dict[str, Any]:
    rows = card(model)["evaluation"]["rows"]
    where = (cell.links, cell.snr_db, allocator)
    (found,) = (r for r in rows if (r["links"], r["snr_db"], r["allocator"]) == where)
    return dict(found)


def test_these_are_shipped_and_small() -> None:
    assert tuple(shipped_models("policy")) == POLICIES
    for model in POLICIES:
        assert (WEIGHTS / f"{model}.safetensors").stat().st_size < 100_000
        assert f"ttirace rl train {model.removeprefix('policy_')}" in card(model)["command"]
        assert card(model)["git"]["dirty"] is False


def test_the_central_one_is_what_policy_means() -> None:
    assert make_allocator("policy", {})._model == "policy_central"  # type: ignore[attr-defined]


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("model", POLICIES)
def test_the_card_claims_to_beat_what_does_not_optimise(model: str, cell: Cell) -> None:
    for other in BEATEN:
        found = row(model, cell, other)
        assert found["episodes"] == 1000
        assert found["won_low_bps_hz"] > 0.0


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("model", POLICIES)
def test_on_other_episodes_the_rate_is_that_of_the_card(model: str, cell: Cell) -> None:
    # A fresh seed. Five standard errors: one false alarm in a million, eight cells and two kinds of
    # figures.
    episodes = Episodes(cell.scenario(10.0), 50, 60, 31)
    rates, left_out = episodes.rates({name: solver_named(name) for name in (model, "best_link")})
    assert not left_out
    error = rates[model].std(ddof=1) / np.sqrt(60)
    claimed = row(model, cell, model)["sum_rate_bps_hz"]
    assert abs(rates[model].mean() - claimed) < 5.0 * error
    ahead = rates[model] - rates["best_link"]
    claimed = row(model, cell, "best_link")["won_bps_hz"]
    assert abs(ahead.mean() - claimed) < 5.0 * ahead.std(ddof=1) / np.sqrt(60)
