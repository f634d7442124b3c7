"""What PettingZoo asks of an environment, in every mode it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import pettingzoo
import pytest
from environments import ON_THE_EDGE, SMALL
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
    state_test,
)

from sim.env import PowerControlLocalEnv, local

ID = "ttirace/PowerControlLocal-v0"

MODES: list[dict[str, Any]] = [
    {},
    {"scenario": None},
    {"reward": "local"},
    {"neighbours": 0},
    {"neighbours": 2, "power_scale": "db"},
    {"latency": ON_THE_EDGE, "reward": "local"},
    {"latency": {"constant": "300 us"}, "reward": "loss", "reference": "wmmse"},
    {"observe": ("csi_age", "gains")},
]


def parallel(**mode: Any) -> PowerControlLocalEnv:
    return local.parallel_env(**{"scenario": SMALL, **mode})


def in_turns(**mode: Any) -> Any:
    return local.env(**{"scenario": SMALL, **mode})


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_pettingzoo_finds_nothing(mode: dict[str, Any]) -> None:
    parallel_api_test(parallel(**mode), num_cycles=50)  # a warning is an error here
    parallel_seed_test(lambda: parallel(**mode), num_cycles=50)
    state_test(in_turns(**mode), parallel(**mode))


@pytest.mark.parametrize("mode", [{}, {"latency": ON_THE_EDGE, "reward": "local"}], ids=str)
def test_pettingzoo_finds_nothing_in_agents_that_take_turns(mode: dict[str, Any]) -> None:
    api_test(in_turns(**mode), num_cycles=50)
    seed_test(lambda: in_turns(**mode), num_cycles=50)


def test_cycles_may_be_counted_as_pettingzoo_counts_them() -> None:
    max_cycles_test(local)
    assert parallel(max_cycles=7).settings.common.steps == 7
    module = SimpleNamespace(
        parallel_env=lambda max_cycles: parallel(max_cycles=max_cycles),
        env=lambda max_cycles: in_turns(max_cycles=max_cycles),
    )
    max_cycles_test(module)


@pytest.mark.usefixtures("renderers")
@pytest.mark.parametrize("mode", [{}, {"latency": {"constant": "300 us"}}], ids=str)
def test_pettingzoo_finds_nothing_in_any_render_mode(mode: dict[str, Any]) -> None:
    render_test(lambda render_mode: in_turns(render_mode=render_mode, **mode))


def test_its_name_is_in_pettingzoos_registries_and_not_in_gymnasiums() -> None:
    made = pettingzoo.make("parallel", ID, scenario=SMALL, max_cycles=5, neighbours=1)
    assert isinstance(made, PowerControlLocalEnv)
    assert made.settings.common.steps == 5
    assert str(made) == ID
    assert str(pettingzoo.make("aec", "ttirace/PowerControlLocal", scenario=SMALL)) == ID
    assert ID not in gymnasium.registry  # which holds environments of one agent
