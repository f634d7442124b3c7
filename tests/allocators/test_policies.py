"""Policies as allocators: what they see and do is what the environment shows and does."""

from __future__ import annotations

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from policies import learner, onnx_file, saved, sb3_file, sb3_model, scenario

import sim.env
from allocators.policy.network import ARCHITECTURE
from sim.deadline import InputError
from sim.deadline.models.model_file import save
from sim.env import LocalVector, PowerControlVectorEnv
from sim.problem import PowerControlProblem, PowerControlSpec, sum_rate
from sim.registry import make_allocator, prepare_allocator
from sim.scenario import load_scenario
from sim.scenario.allocators import with_files
from sim.testing import check_allocator

ONE = ("PPO", "A2C", "SAC", "TD3")


def spec(links: int = 3, subbands: int = 1) -> PowerControlSpec:
    return PowerControlSpec(links, subbands, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["central", "local"])
def test_our_own_keep_the_contract(kind: str, tmp_path: Path) -> None:
    path = saved(learner(kind), tmp_path / "mine.safetensors")
    # What a local one sees of the slot before depends on what it was asked before.
    check_allocator("policy", {"model": str(path)}, (1, 2, 7), deterministic=kind == "central")


@pytest.mark.parametrize("name", ONE)
def test_those_of_stable_baselines_keep_the_contract(name: str, tmp_path: Path) -> None:
    path = sb3_file(name, tmp_path)
    check_allocator("policy", {"model": str(path)}, (3,), (1,), deterministic=False)


def test_onnx_files_keep_the_contract(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "policy.onnx", 2 * 9 + 6, 6)
    check_allocator("policy", {"model": str(path)}, (3,), (2,), deterministic=False)


def test_a_central_one_does_what_torch_does_on_what_the_environment_shows() -> None:
    made = learner("central")
    solver = made.allocator(made.tensors())
    for links in (1, 2, 5, 8):
        envs = PowerControlVectorEnv(scenario(links), num_envs=16, observe=["gains"])
        seen, _ = envs.reset(seed=links)
        solver.prepare(spec(links))
        with torch.no_grad():
            level = made.levels(torch.from_numpy(seen)).numpy()
        expected = level > 0.0
        expected[np.arange(16), level.argmax(axis=1)] = True
        problems = [envs._core.problem(i) for i in range(16)]
        found = np.array([solver.solve(one).power_w[0] / one.p_max_w[0] for one in problems])
        assert np.array_equal(found, expected)
        if links > 1:
            assert 0.0 < found.mean() < 1.0


def test_a_central_one_does_not_care_how_links_are_numbered() -> None:
    made = learner("central", seed=3)
    solver = made.allocator(made.tensors())
    solver.prepare(spec(6))
    rng = np.random.default_rng(5)
    for _ in range(20):
        gain, order = 100.0 * rng.exponential(size=(6, 6)), rng.permutation(6)
        power = solver.solve(PowerControlProblem(gain, 1.0, 1.0)).power_w[0]
        other = solver.solve(PowerControlProblem(gain[np.ix_(order, order)], 1.0, 1.0)).power_w[0]
        assert np.array_equal(power[order], other)


def test_subbands_are_answered_each_by_itself() -> None:
    made = learner("central")
    solver = made.allocator(made.tensors())
    gain = np.random.default_rng(1).exponential(size=(3, 4, 4))
    solver.prepare(spec(4, 3))
    whole = solver.solve(PowerControlProblem(gain, 0.1, 1.0)).power_w
    parts = [solver.solve(PowerControlProblem(one, 0.1, 1.0)).power_w[0] for one in gain]
    assert np.array_equal(whole, parts)


def test_a_local_one_does_what_torch_does_in_the_environment() -> None:
    made = learner("local", seed=2)
    for links in (2, 5):
        envs = LocalVector(scenario(links), size=1, neighbours=2, reference="max_power")
        solver = made.allocator(made.tensors())
        solver.prepare(spec(links))
        seen, _ = envs.reset(seed=4)
        changed = set()
        for _ in range(12):
            problem = envs._agents.core.problem(0)
            with torch.no_grad():
                on = made.levels(torch.from_numpy(seen[0])).numpy() > 0.0
            power = solver.solve(problem).power_w
            assert np.array_equal(power[0] / problem.p_max_w[0], on[:, 0])
            changed.add(tuple(on[:, 0]))
            seen, _, _, _, _ = envs.step(2.0 * on[None].astype(np.float32) - 1.0)
        assert len(changed) > 1  # they see what they did


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    "settings", [{}, {"power_scale": "db", "observe": ["csi_age", "gains", "power", "backlog"]}]
)
def test_one_of_stable_baselines_has_the_rates_it_has_in_the_environment(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    model = sb3_model(name, **settings)
    model.save(tmp_path / "policy.zip")
    solver = prepare_allocator(
        "policy", {"model": str(tmp_path / "policy.zip"), **settings}, spec()
    )
    env: Any = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario(), **settings)
    seen, _ = env.reset(seed=3)
    for _ in range(12):
        problem = env.unwrapped.problem
        action, _ = model.predict(seen, deterministic=True)
        power_w = solver.solve(problem).power_w
        assert np.allclose(env.unwrapped.action_for(power_w), action, atol=1e-5)  # float32
        seen, reward, _, _, _ = env.step(action)
        assert reward == pytest.approx(sum_rate(problem, power_w), rel=1e-4)


def test_an_onnx_file_gets_the_observation(tmp_path: Path) -> None:
    import onnxruntime

    path = onnx_file(tmp_path / "policy.onnx", 9, 3)
    solver = prepare_allocator("policy", {"model": str(path), "observe": ["gains"]}, spec())
    session = onnxruntime.InferenceSession(str(path))
    envs = PowerControlVectorEnv(scenario(), num_envs=1, observe=["gains"])
    seen, _ = envs.reset(seed=1)
    action = session.run(None, {"seen": seen})[0][0]
    power_w = solver.solve(envs._core.problem(0)).power_w
    assert np.allclose(power_w[0], 0.5 * (action + 1.0), atol=1e-6)


def test_prepare_begins_anew(tmp_path: Path) -> None:
    solver = make_allocator("policy", {"model": str(sb3_file("PPO", tmp_path))})
    problem = PowerControlProblem(np.eye(3), 1.0, 1.0)
    solver.prepare(spec())
    first = solver.solve(problem).power_w
    second = solver.solve(problem).power_w
    assert not np.array_equal(first, second)  # it saw its own answer
    solver.prepare(spec())
    assert np.array_equal(solver.solve(problem).power_w, first)


def test_a_policy_for_another_k_says_so(tmp_path: Path) -> None:
    path = sb3_file("PPO", tmp_path)
    with pytest.raises(InputError, match=r"sets 3 powers, but there are 5 \(5 links\): it was"):
        prepare_allocator("policy", {"model": str(path)}, spec(5))
    with pytest.raises(InputError, match=r"sees 12 values, but 3 links are seen as 9 \(gains\)"):
        prepare_allocator("policy", {"model": str(path), "observe": ["gains"]}, spec())
    path = onnx_file(tmp_path / "policy.onnx", 12, 3)
    with pytest.raises(InputError, match="trained for another K"):
        prepare_allocator("policy", {"model": str(path)}, spec(2))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": "policy_centrl"}, "no network 'policy_centrl' is shipped"),
        ({"model": "nothing.zip"}, "no such file: nothing.zip"),
        ({"model": "{ours}", "observe": ["gains"]}, "says itself what it was trained with"),
        ({"model": "{ours}", "power_scale": "db"}, "says itself"),
        ({"model": "{zip}", "power_scale": "log"}, "want one of linear, db"),
        ({"model": "{zip}", "observe": ["gain"]}, "did you mean 'gains'"),
        ({"model": "{text}"}, "not a readable file of Stable-Baselines3"),
        ({"model": "{onnx}"}, "not a readable ONNX file"),
        ({"model": "{longer}"}, "sets 5 powers, but there are 3"),
        ({"model": "{unknown}"}, "kind: 'centrl', want one of central, local"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(
    parameters: dict[str, Any], message: str, tmp_path: Path
) -> None:
    files = {
        "{ours}": saved(learner("central"), tmp_path / "ours.safetensors"),
        "{zip}": sb3_file("PPO", tmp_path),
        "{text}": tmp_path / "text.zip",
        "{onnx}": tmp_path / "text.onnx",
        "{longer}": onnx_file(tmp_path / "longer.onnx", 12, 5),
        "{unknown}": tmp_path / "unknown.safetensors",
    }
    files["{text}"].write_text("no zip")
    files["{onnx}"].write_text("no network")
    save(files["{unknown}"], ARCHITECTURE, {"kind": "centrl"}, learner("central").tensors())
    given = {**parameters, "model": str(files.get(parameters["model"], parameters["model"]))}
    with pytest.raises(InputError, match=message):
        prepare_allocator("policy", given, spec())


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def rezipped(path: Path, out: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(out, "w") as other:
        for name in file.namelist():
            other.writestr(name, entries.get(name.replace(".", "_"), file.read(name)))
    return out


def test_nothing_in_a_file_is_unpickled(tmp_path: Path) -> None:
    path, sprung = sb3_file("PPO", tmp_path), tmp_path / "sprung"
    with zipfile.ZipFile(path) as file:
        data = json.loads(file.read("data"))
    import base64

    data["trap"] = {":serialized:": base64.b64encode(pickle.dumps(Trap(sprung))).decode()}
    harmless = rezipped(path, tmp_path / "harmless.zip", data=json.dumps(data).encode())
    prepare_allocator("policy", {"model": str(harmless)}, spec())
    stored = io.BytesIO()
    torch.save({"action_net.weight": Trap(sprung)}, stored)
    trap = rezipped(path, tmp_path / "trap.zip", policy_pth=stored.getvalue())
    with pytest.raises(InputError, match="not a readable file of Stable-Baselines3"):
        prepare_allocator("policy", {"model": str(trap)}, spec())
    assert not sprung.exists()


def test_policies_of_other_kinds_are_refused_with_the_reason(tmp_path: Path) -> None:
    import stable_baselines3

    wrapped = sim.env.DiscretePower(
        gymnasium.make("ttirace/PowerControl-v0", scenario=scenario()), 3
    )
    stable_baselines3.PPO("MlpPolicy", wrapped, device="cpu").save(tmp_path / "discrete.zip")
    with pytest.raises(InputError, match="discrete actions"):
        prepare_allocator("policy", {"model": str(tmp_path / "discrete.zip")}, spec())
    env = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario())
    odd = stable_baselines3.PPO(
        "MlpPolicy", env, policy_kwargs={"activation_fn": torch.nn.Softplus}, device="cpu"
    )
    odd.save(tmp_path / "odd.zip")
    with pytest.raises(InputError, match=r"Softplus.*want one of Tanh"):
        prepare_allocator("policy", {"model": str(tmp_path / "odd.zip")}, spec())


def test_other_activation_functions_are_read_from_the_file(tmp_path: Path) -> None:
    import stable_baselines3

    env: Any = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario())
    for name in ("ReLU", "ELU", "LeakyReLU", "Sigmoid", "SiLU"):
        kwargs = {"activation_fn": getattr(torch.nn, name), "net_arch": [8, 8]}
        model = stable_baselines3.PPO("MlpPolicy", env, policy_kwargs=kwargs, device="cpu", seed=2)
        model.save(tmp_path / f"{name}.zip")
        solver = prepare_allocator("policy", {"model": str(tmp_path / f"{name}.zip")}, spec())
        seen, _ = env.reset(seed=2)
        action, _ = model.predict(seen, deterministic=True)
        power_w = solver.solve(env.unwrapped.problem).power_w
        assert np.allclose(env.unwrapped.action_for(power_w), action, atol=1e-5)


def test_a_model_stands_short_in_a_scenario(tmp_path: Path) -> None:
    path = sb3_file("PPO", tmp_path)
    text = (
        "slots: 5\nchannel: {rayleigh: {links: 3}}\nradio: {snr_db: 0}\n"
        "compute: {latency: {constant: 10 us}}\non_miss: {fallback: {policy: PPO.zip}}\n"
        "allocators: [max_power, {policy: PPO.zip, label: mine}]\n"
    )
    (tmp_path / "short.yaml").write_text(text)
    read = load_scenario(tmp_path / "short.yaml")
    assert read.allocators[1].parameters == {"model": "PPO.zip"}
    assert read.on_miss.fallback is not None
    assert read.on_miss.fallback.parameters == {"model": "PPO.zip"}
    with_files_ = with_files(read.allocators[1].parameters, tmp_path)
    assert with_files_ == {"model": str(path)}
    with pytest.raises(InputError, match=r"max_power\.model: unknown parameter"):
        make_allocator("max_power", {"model": "PPO.zip"})


def test_actions_squashed_with_state_dependent_exploration_are_squashed_here(
    tmp_path: Path,
) -> None:
    import stable_baselines3

    env: Any = gymnasium.make("ttirace/PowerControl-v0", scenario=scenario())
    for squash in (True, False):
        kwargs = {"squash_output": squash, "net_arch": [8]}
        model = stable_baselines3.PPO(
            "MlpPolicy", env, use_sde=True, policy_kwargs=kwargs, device="cpu", seed=2
        )
        model.policy.action_net.weight.data *= 100.0  # far enough from zero to tell
        model.save(tmp_path / "sde.zip")
        solver = prepare_allocator("policy", {"model": str(tmp_path / "sde.zip")}, spec())
        seen, _ = env.reset(seed=2)
        action, _ = model.predict(seen, deterministic=True)
        power_w = solver.solve(env.unwrapped.problem).power_w
        assert np.abs(action).max() > 0.3
        assert np.allclose(env.unwrapped.action_for(power_w), action, atol=1e-5)


def reweighted(path: Path, out: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change the weights in a file of Stable-Baselines3."""
    with zipfile.ZipFile(path) as file:
        weights = torch.load(io.BytesIO(file.read("policy.pth")), weights_only=True)
    stored = io.BytesIO()
    torch.save(change(dict(weights)), stored)
    return rezipped(path, out, policy_pth=stored.getvalue())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {**w, 3: torch.zeros(2)}, "holds no weights by name"),
        (lambda w: {k: v.to(torch.complex64) for k, v in w.items()}, "missing or no tensors"),
        (lambda w: {k: v.to_sparse() for k, v in w.items()}, "missing or no tensors"),
        (lambda w: {k: v * float("nan") for k, v in w.items()}, "a value that is not finite"),
        (lambda w: {**w, "action_net.weight": torch.zeros(3, 5)}, "does not run"),
        (lambda w: {**w, "action_net.bias": torch.full((3,), 3e38)}, None),
        (lambda w: {k: torch.nn.Parameter(v) for k, v in w.items()}, None),
        (lambda w: {k: v.bfloat16() for k, v in w.items()}, None),
        (lambda w: {k: v * 1e38 for k, v in w.items()}, None),
    ],
)
def test_odd_weights_are_read_or_refused(
    change: Callable[[dict[str, Any]], Any], message: str | None, tmp_path: Path
) -> None:
    path = reweighted(sb3_file("PPO", tmp_path), tmp_path / "odd.zip", change)
    if message is None:
        prepare_allocator("policy", {"model": str(path)}, spec())
        return
    with pytest.raises(InputError, match=message):
        prepare_allocator("policy", {"model": str(path)}, spec())


def test_a_network_that_answers_with_no_numbers_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    path = onnx_file(tmp_path / "nan.onnx", 12, 3, scale=float("inf"))
    with pytest.raises(InputError, match="returns a value that is not finite"):
        prepare_allocator("policy", {"model": str(path)}, spec())
    graph = helper.make_graph(
        [helper.make_node("Cast", ["seen"], ["action"], to=TensorProto.STRING)],
        "text",
        [helper.make_tensor_value_info("seen", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("action", TensorProto.STRING, [1, 3])],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    with pytest.raises(InputError, match=r"outputs action tensor\(string\); want the action first"):
        prepare_allocator("policy", {"model": str(path), "observe": ["power"]}, spec())


def test_what_ends_in_nothing_known_is_told_what_would_do() -> None:
    with pytest.raises(InputError, match=r"ends in \.safetensors or \.zip or \.onnx"):
        make_allocator("policy", {"model": "mine.pt"})


@pytest.mark.parametrize("kind", ["PPO", "SAC", "onnx", "central", "local"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_environments_with_a_policy_beside_them_can_be_copied(
    kind: str, copied: Callable[[Any], Any], tmp_path: Path
) -> None:
    if kind == "onnx":
        path = onnx_file(tmp_path / "policy.onnx", 12, 3)
    elif kind in ONE:
        path = sb3_file(kind, tmp_path)
    else:
        path = saved(learner(kind), tmp_path / "ours.safetensors")
    env = gymnasium.make(
        "ttirace/PowerControl-v0", scenario=scenario(), reference=f"policy:model={path}"
    )
    env.reset(seed=1)
    env.step(np.zeros(3))
    other = copied(env)
    for _ in range(11):
        assert env.step(np.zeros(3))[1:] == other.step(np.zeros(3))[1:]
