"""What an environment is made of, and what it refuses, in one line that says what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from environments import SMALL, changed, equal, made, made_trace, trace_scenario
from environments import trajectory as trajectory_of

from sim.deadline import InputError
from sim.env import PowerControlEnv
from sim.env.settings import Settings
from sim.scenario import Scenario

ROOT = Path(__file__).parents[3]


def test_a_scenario_may_be_a_path_a_mapping_or_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**SMALL}))
    loaded = Scenario.model_validate({**SMALL, "allocators": ["wmmse"]})
    said = [trajectory_of(made(given), 5) for given in (SMALL, path, str(path), loaded)]
    assert all(equal(one, said[0]) for one in said)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_scenarios_of_one_controller_can_be_learned(path: Path) -> None:
    loaded = yaml.safe_load(path.read_text())
    if "controllers" in loaded:
        with pytest.raises(InputError, match=r"controllers: \d+, and an agent serves one; want 1"):
            made(path)
        return
    env = made(path)
    assert env.settings.steps == loaded["slots"]
    env.reset(seed=1)
    for _ in range(3):
        assert env.step(env.action_space.sample())[1] > 0


def test_the_default_is_ten_links_with_noise_as_strong_as_power() -> None:
    known = made(None).settings
    assert (known.links, known.subbands, known.steps) == (10, 1, 1000)
    assert known.timing.slot_ns == 1_000_000
    assert (known.p_max_w == known.noise_w).all()


def test_an_episode_may_be_shorter_or_longer_than_the_scenario() -> None:
    for steps in (1, 7, 50):
        env = made(episode_slots=steps)
        said = trajectory_of(env, steps)
        assert [step[3] for step in said[1:]] == [False] * (steps - 1) + [True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"episode_slots": 0}, "episode_slots: 0, want a whole number, 1 or more"),
        ({"episode_slots": 2.5}, "episode_slots: 2.5, want a whole number"),
        ({"observe": ()}, "observe: names nothing; want some of gains, power, csi_age, backlog"),
        ({"observe": "gain"}, "observe: 'gain'; did you mean 'gains'?"),
        ({"observe": ("power", "power")}, "observe: 'power' stands twice; keep one"),
        ({"power_scale": "dB"}, "power_scale: 'dB', want one of linear, db"),
        ({"power_scale": "db", "min_power_db": 3.0}, "min_power_db: 3.0, want -300 or more, below"),
        ({"power_scale": "db", "min_power_db": float("nan")}, "min_power_db: nan"),
        ({"reward": "rate"}, "reward: 'rate', want one of sum_rate, loss"),
        ({"reward": "loss"}, "reward: 'loss' is against a reference; want one"),
        ({"reference": "wmse"}, "reference: .*'wmse' is not known; did you mean 'wmmse'?"),
        ({"reference": "wmmse:restart=2"}, "unknown parameter; did you mean 'restarts'?"),
        ({"reference": "wmmse:restarts"}, "reference: .*want NAME:parameter=value"),
        ({"reference": 3}, "reference: 3, want the name of an allocator"),
        ({"latency": "measured"}, "latency: measured, and an environment must be reproducible"),
        ({"latency": "scenario"}, "'scenario': compute.latency: measured"),
        ({"latency": "senario"}, "latency: 'senario' is no latency"),
        ({"latency": {"constant": "300"}}, "latency.*base: has no unit"),
        ({"latency": "calibrated"}, "calibrated does not say whose cost an agent is charged"),
        ({"scenario": 5}, "scenario: 5, want a path, a mapping or a Scenario"),
        ({"scenario": "none.yaml"}, "none.yaml: no such file"),
        ({"scenario": {}}, "scenario: channel: is required"),
        ({"scenario": changed(slot=1)}, "scenario: slot: has no unit"),
        ({"scenario": changed(controllers=2)}, "controllers: 2, and an agent serves one"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        made(**arguments)
    assert "\n" not in str(error.value)


def test_a_render_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="render_mode: 'rgb'; known: ansi, human, rgb_array"):
        PowerControlEnv(SMALL, render_mode="rgb")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on_miss": "best_so_far"}, "on_miss: 'best_so_far' needs a second answer"),
        ({"on_miss": {"fallback": "max_power"}}, "on_miss: 'fallback' needs a second answer"),
        ({"compute": {"servers": 2}}, "compute.servers: 2, and the jobs of an agent are served"),
    ],
)
def test_what_one_policy_on_one_server_cannot_have_is_refused_with_deadlines(
    changes: dict[str, Any], message: str
) -> None:
    made(changed(**changes)).reset(seed=1)
    with pytest.raises(InputError, match=message):
        made(changed(**changes), latency={"constant": "300 us"})


def test_a_trace_that_is_too_short_is_refused_at_once(tmp_path: Path) -> None:
    scenario = trace_scenario(made_trace(tmp_path, 30), slots=30)
    Settings.of(scenario)
    with pytest.raises(
        InputError, match=r"30.h5: has 30 slots, and an episode of 31 needs 31; want .* of 30 or"
    ):
        Settings.of(scenario, episode_slots=31)
    with pytest.raises(
        InputError, match=r"has 30 slots, and an episode of 30 needs 31, as .* of 29 or fewer"
    ):
        Settings.of(scenario, latency={"constant": "300 us"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 3}, "options: 'seed'"),
        ({"episode_seed": -1}, "episode_seed: -1, want a whole number from 0 to"),
        ({"episode_seed": 2**63}, "want a whole number from 0 to"),
        ({"episode_seed": 1.5}, "episode_seed: 1.5"),
        ({"episode_seed": True}, "episode_seed: True"),
    ],
    ids=str,
)
def test_options_that_there_are_not_are_refused(options: Any, message: str) -> None:
    env = made()
    with pytest.raises(InputError, match=message):
        env.reset(options=options)
    env.reset(options={"episode_seed": None})
