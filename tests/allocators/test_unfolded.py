"""The unfolded network: its pass, its invariants, its training, what is shipped."""

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.runtime import _nrt_python as _nrt
from numba.core.runtime import rtsys

from allocators.best_link import BestLink
from allocators.max_power import MaxPower
from allocators.shipped import shipped_models
from allocators.training.learner import Batch
from allocators.training.objective import sum_rate_loss
from allocators.training.unfolded import SIZES, UnfoldedLearner, unfold
from allocators.unfolded import Unfolded
from allocators.unfolded.inference import infer
from allocators.unfolded.network import Network, Shape, load
from allocators.wmmse import WMMSE
from sim.deadline.errors import InputError
from sim.deadline.models.model_file import save
from sim.deadline.testing import check_solver
from sim.problem import PowerControlProblem, PowerControlSpec, check_allocation, sum_rate
from sim.testing import contract_problems
from tests.allocators.power_problems import problems, rayleigh, subband_rates

SHAPES = [
    Shape(candidates=4, layers=2, hidden=4, state=4, polish=0),
    Shape(candidates=8, layers=1, hidden=12, state=8, polish=2),
    Shape(candidates=16, layers=3, hidden=8, state=4, polish=1),
]


def random_network(shape: Shape, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    arrays = {
        name: (rng.standard_normal(size) / np.sqrt(size[-1])).astype(np.float32)
        for name, size in shape.tensors().items()
    }
    return Network(shape, arrays)


def prepared(solver: Unfolded, links: int, subbands: int = 1) -> Unfolded:
    solver.prepare(PowerControlSpec(links, subbands, np.random.default_rng(0)))
    return solver


def torch_candidates(network: Network, problem: PowerControlProblem) -> np.ndarray:
    """Return every candidate's powers in torch, ``(S, C, K)``."""
    gain = problem.gain * problem.p_max_w[:, None, :] / problem.noise_w[:, :, None]
    weight = np.broadcast_to(problem.weight, problem.noise_w.shape)
    batch = Batch(torch.from_numpy(gain).float(), torch.from_numpy(weight.copy()).float())
    parameters = {name: torch.from_numpy(array) for name, array in network.arrays.items()}
    shares = unfold(batch, parameters, network.shape.polish).mT.numpy()
    return shares * problem.p_max_w[:, None, :]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"C{shape.candidates}")
@pytest.mark.parametrize("links", [1, 2, 5, 10, 19, 40])
def test_equals_torch(shape: Shape, links: int) -> None:
    network = random_network(shape, seed=links)
    problem = rayleigh(np.random.default_rng(links), links, subbands=12, snr_db=5)
    answer = prepared(Unfolded.of(network), links).solve(problem).power_w
    candidates = torch_candidates(network, problem)
    rates = np.stack([subband_rates(problem, p) for p in candidates.swapaxes(0, 1)], axis=1)
    guards = [s.solve(problem).power_w for s in (MaxPower(), BestLink())]
    guarded = np.max([subband_rates(problem, power) for power in guards], axis=0)
    best = np.maximum(rates.max(axis=1), guarded)
    np.testing.assert_allclose(subband_rates(problem, answer), best, rtol=1e-4)
    # where no guard stepped in and one candidate is clearly ahead: its very powers
    second = np.sort(np.c_[rates, guarded], axis=1)[:, -2]
    own = np.flatnonzero((rates.max(axis=1) > 1.001 * second) & (rates.max(axis=1) > guarded))
    chosen = candidates[own, rates[own].argmax(axis=1)]
    np.testing.assert_allclose(answer[own], chosen, atol=1e-4)


@pytest.mark.parametrize("links", [1, 3, 10, 17])
def test_subbands_together_are_subbands_one_by_one(links: int) -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[1])), links)
    problem = rayleigh(np.random.default_rng(1), links, subbands=9)
    whole = solver.solve(problem).power_w
    for s in range(9):
        one = PowerControlProblem(
            problem.gain[s : s + 1],
            problem.noise_w[s : s + 1],
            problem.p_max_w[s : s + 1],
            problem.weight,
        )
        np.testing.assert_array_equal(solver.solve(one).power_w[0], whole[s])


def test_one_network_serves_any_number_of_links_in_turn() -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[0])), 3)
    first = rayleigh(np.random.default_rng(0), 3)
    before = solver.solve(first).power_w
    solver.solve(rayleigh(np.random.default_rng(0), 30))
    np.testing.assert_array_equal(solver.solve(first).power_w, before)


@given(seed=st.integers(0, 10_000), links=st.integers(1, 12), order=st.randoms())
@settings(deadline=None)
def test_permuting_links_permutes_the_answer(seed: int, links: int, order) -> None:
    # double precision, where the order of a sum does not show
    shape = SHAPES[seed % 3]
    problem = rayleigh(np.random.default_rng(seed), links, subbands=2)
    permutation = list(range(links))
    order.shuffle(permutation)
    parameters = {
        name: torch.from_numpy(array).double()
        for name, array in random_network(shape, seed).arrays.items()
    }

    def shares(p: list[int]) -> torch.Tensor:
        gain = problem.gain / problem.noise_w[:, :, None]
        batch = Batch(
            torch.from_numpy(gain[:, p][:, :, p].copy()),
            torch.from_numpy(np.tile(problem.weight[p], (2, 1))),
        )
        return unfold(batch, parameters, 1)

    whole = shares(list(range(links)))
    torch.testing.assert_close(shares(permutation), whole[:, permutation], rtol=1e-7, atol=1e-9)


@given(seed=st.integers(0, 10_000), links=st.integers(1, 12))
@settings(deadline=None)
def test_permuting_links_leaves_the_compiled_rate(seed: int, links: int) -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[seed % 3])), links)
    rng = np.random.default_rng(seed)
    problem = rayleigh(rng, links)
    p = rng.permutation(links)
    permuted = PowerControlProblem(
        problem.gain[:, p][:, :, p],
        problem.noise_w[:, p],
        problem.p_max_w[:, p],
        problem.weight[p],
    )
    before = sum_rate(problem, solver.solve(problem).power_w)
    assert sum_rate(permuted, solver.solve(permuted).power_w) == pytest.approx(before, rel=1e-4)


@given(seed=st.integers(0, 10_000), exponent=st.integers(-40, 40), links=st.integers(1, 10))
@settings(deadline=None)
def test_scaling_gains_and_noise_together_changes_nothing(
    seed: int, exponent: int, links: int
) -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[seed % 3])), links)
    problem = rayleigh(np.random.default_rng(seed), links)
    scale = 2.0**exponent  # exact
    scaled = PowerControlProblem(
        problem.gain * scale, problem.noise_w * scale, problem.p_max_w, problem.weight
    )
    np.testing.assert_array_equal(solver.solve(scaled).power_w, solver.solve(problem).power_w)


@given(seed=st.integers(0, 10_000), exponent=st.integers(-40, 40))
@settings(deadline=None)
def test_scaling_weights_changes_nothing(seed: int, exponent: int) -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[seed % 3])), 6)
    problem = rayleigh(np.random.default_rng(seed), 6)
    scaled = PowerControlProblem(
        problem.gain, problem.noise_w, problem.p_max_w, problem.weight * 2.0**exponent
    )
    np.testing.assert_array_equal(solver.solve(scaled).power_w, solver.solve(problem).power_w)


@given(problem=problems(max_links=6), seed=st.integers(0, 2))
@settings(deadline=None)
def test_always_feasible_whatever_is_zero(problem: PowerControlProblem, seed: int) -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[seed])), problem.links)
    assert check_allocation(problem, solver.solve(problem)) is None


@given(
    decibels=hnp.arrays(float, (2, 7, 7), elements=st.floats(-100, 100)),
    off=hnp.arrays(bool, (2, 7, 7)),
    seed=st.integers(0, 2),
)
@settings(deadline=None)
def test_always_feasible_over_200_db(decibels: np.ndarray, off: np.ndarray, seed: int) -> None:
    gain = np.where(off, 0.0, 10.0 ** (decibels / 10.0))
    problem = PowerControlProblem(gain, 1.0, 1.0)
    solver = prepared(Unfolded.of(random_network(SHAPES[seed])), 7)
    answer = solver.solve(problem)
    assert check_allocation(problem, answer) is None
    silent = np.diagonal(gain, axis1=1, axis2=2) == 0.0
    assert np.all(answer.power_w[silent] == 0.0)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e290])
def test_absurd_scales_stay_feasible(scale: float) -> None:
    rng = np.random.default_rng(0)
    solver = prepared(Unfolded.of(random_network(SHAPES[2])), 5)
    problem = PowerControlProblem(scale * rng.exponential(size=(3, 5, 5)), 1.0, 1.0)
    assert check_allocation(problem, solver.solve(problem)) is None


@given(seed=st.integers(0, 10_000), links=st.integers(1, 12), snr_db=st.floats(-30, 60))
@settings(deadline=None)
def test_never_worse_than_full_power_or_the_best_link(seed: int, links: int, snr_db: float) -> None:
    problem = rayleigh(np.random.default_rng(seed), links, subbands=2, snr_db=snr_db)
    solver = prepared(Unfolded.of(random_network(SHAPES[seed % 3], seed)), links)
    rates = subband_rates(problem, solver.solve(problem).power_w)
    for guard in (MaxPower(), BestLink()):
        # single precision compares the two
        assert np.all(rates >= subband_rates(problem, guard.solve(problem).power_w) * (1 - 1e-5))


@njit
def _nothing(a, b, c, d, e, f, g, h, i, j, k, out):
    out[0, 0] = 0.0


def test_a_pass_allocates_nothing() -> None:
    solver = prepared(Unfolded.of(random_network(SHAPES[1])), 10)
    problem = rayleigh(np.random.default_rng(0), 10, subbands=4)
    taken: list[tuple[object, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("allocators.unfolded.solver.infer", lambda *given: taken.append(given))
        solver.solve(problem)
    counts = []
    _nrt.memsys_enable_stats()
    try:
        # numba itself keeps account of each array that it is handed
        for call in (_nothing, infer):
            call(*taken[0])
            before = rtsys.get_allocation_stats()
            call(*taken[0])
            counts.append(rtsys.get_allocation_stats().alloc - before.alloc)
    finally:
        _nrt.memsys_disable_stats()
    assert counts[0] == counts[1]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"C{shape.candidates}")
@pytest.mark.parametrize(("links", "subbands"), [(1, 1), (2, 3), (10, 3)])
def test_contract(shape: Shape, links: int, subbands: int) -> None:
    rng = np.random.default_rng(0)
    check_solver(
        lambda: Unfolded.of(random_network(shape)),
        PowerControlSpec(links, subbands, rng),
        contract_problems(links, subbands, rng),
        check_allocation,
    )


# The file


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    network = random_network(SHAPES[0])
    save(path, "unfolded", dataclasses.asdict(network.shape), network.arrays)
    return path


def test_a_file_gives_the_network_back(network_file: Path) -> None:
    network, kept = random_network(SHAPES[0]), load(network_file)
    assert kept.shape == network.shape
    for name, array in network.arrays.items():
        np.testing.assert_array_equal(kept.arrays[name], array)
    problem = rayleigh(np.random.default_rng(0), 4)
    by_file = prepared(Unfolded(str(network_file)), 4).solve(problem).power_w
    np.testing.assert_array_equal(by_file, prepared(Unfolded.of(network), 4).solve(problem).power_w)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"candidates": 5}, "candidates: 5"),
        ({"candidates": "many"}, "candidates: 'many'"),
        ({"hidden": 6}, "hidden: 6"),
        ({"state": 0}, "state: 0"),
        ({"layers": -1}, "layers: -1"),
        ({"layers": 7}, "layers.inner"),
        ({"width": 3}, "width"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    tmp_path: Path, config: dict[str, object], words: str
) -> None:
    path = tmp_path / "net.safetensors"
    network = random_network(SHAPES[0])
    save(path, "unfolded", {**dataclasses.asdict(network.shape), **config}, network.arrays)
    with pytest.raises(InputError, match=words) as caught:
        prepared(Unfolded(str(path)), 4)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save(path, "dnn", {}, random_network(SHAPES[0]).arrays)
    with pytest.raises(InputError, match="'dnn', want 'unfolded'"):
        prepared(Unfolded(str(path)), 4)


def test_parameters_out_of_range_are_refused(network_file: Path) -> None:
    with pytest.raises(InputError, match="polish: -1"):
        Unfolded(str(network_file), polish=-1)
    with pytest.raises(InputError, match="unfolded_x"):
        Unfolded("unfolded_x")


def test_more_polish_is_never_worse(network_file: Path) -> None:
    problem = rayleigh(np.random.default_rng(2), 8, subbands=20, snr_db=10)
    rates = [
        subband_rates(
            problem, prepared(Unfolded(str(network_file), polish=n), 8).solve(problem).power_w
        )
        for n in (0, 1, 2, 5, 20)
    ]
    for fewer, more in pairwise(rates):
        assert np.all(more >= fewer * (1 - 1e-5))


# Training


def test_gradients_are_those_of_finite_differences() -> None:
    shape = Shape(candidates=4, layers=2, hidden=4, state=4, polish=1)
    rng = np.random.default_rng(3)
    batch = Batch(
        torch.from_numpy(rng.exponential(size=(3, 4, 4)) * 10),
        torch.from_numpy(rng.uniform(0.2, 1.0, (3, 4))),
    )
    names = list(shape.tensors())
    start = random_network(shape, 3).arrays
    values = [torch.from_numpy(start[name]).double().requires_grad_() for name in names]

    def shares(*given: torch.Tensor) -> torch.Tensor:
        return unfold(batch, dict(zip(names, given, strict=True)), shape.polish)

    assert torch.autograd.gradcheck(shares, values, eps=1e-6, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("links", [1, 4])
def test_gradients_stay_finite_where_everything_is_zero(links: int) -> None:
    learner = UnfoldedLearner(np.random.default_rng(0), **dataclasses.asdict(SHAPES[1]))
    gain = torch.zeros(3, links, links)
    gain[1] = 1e12
    gain[2] = torch.eye(links) * 1e-12
    weight = torch.ones(3, links)
    weight[:, 0] = 0.0
    batch = Batch(gain, weight)
    sum_rate_loss(batch, learner.shares(batch), 0.02).backward()
    for name, parameter in learner.parameters().items():
        assert parameter.grad is not None, name
        assert torch.all(torch.isfinite(parameter.grad)), name


def test_a_tiny_network_learns_64_channels_by_heart() -> None:
    torch.manual_seed(0)
    learner = UnfoldedLearner(
        np.random.default_rng(0), candidates=4, layers=2, hidden=8, state=4, polish=0
    )
    rng = np.random.default_rng(5)
    gain = rng.exponential(size=(64, 6, 6)) * 10
    batch = Batch(torch.from_numpy(gain).float(), torch.ones(64, 6))
    optimiser = torch.optim.Adam(learner.parameters().values(), lr=1e-2)
    problem = PowerControlProblem(gain, 1.0, 1.0)
    solver = learner.allocator(learner.tensors())
    before = sum_rate(problem, prepared(solver, 6).solve(problem).power_w)
    for _ in range(300):
        optimiser.zero_grad()
        sum_rate_loss(batch, learner.shares(batch), 0.02).backward()
        optimiser.step()
    trained = prepared(learner.allocator(learner.tensors()), 6).solve(problem)
    wmmse = sum_rate(problem, WMMSE().solve(problem).power_w)
    assert sum_rate(problem, trained.power_w) > max(before, 1.02 * wmmse)


def test_sizes_are_known_by_name() -> None:
    rng = np.random.default_rng(0)
    assert UnfoldedLearner(rng, "m").shape == SIZES["m"]
    with pytest.raises(InputError, match="size: 'xl'"):
        UnfoldedLearner(rng, "xl")


# What is shipped

SHIPPED = shipped_models("unfolded")


def test_three_sizes_are_shipped() -> None:
    assert SHIPPED == ["unfolded_l", "unfolded_m", "unfolded_s"]


@pytest.mark.parametrize("model", SHIPPED)
def test_shipped_models_beat_wmmse(model: str) -> None:
    # 300 fixed channels; the share's standard error is below 0.3% at 0 dB and 0.6% at 20 dB, and
    # the models stand more than four of these above: a false alarm is below 1e-4 a cell
    for links in (10, 30):
        for snr_db, least in ((0, 1.002), (20, 1.02)):
            rng = np.random.default_rng([links, snr_db])
            gain = rng.exponential(size=(300, links, links))
            problem = PowerControlProblem(gain, 10 ** (-snr_db / 10), 1.0)
            answer = prepared(Unfolded(model), links).solve(problem)
            wmmse = sum_rate(problem, WMMSE().solve(problem).power_w)
            assert sum_rate(problem, answer.power_w) > least * wmmse, (links, snr_db)


@pytest.mark.parametrize("model", SHIPPED)
def test_cards_say_what_was_trained(model: str) -> None:
    network = Unfolded(model)
    card = json.loads(network._path.with_suffix(".json").read_text())
    assert card["architecture"] == "unfolded"
    assert load(network._path).shape == SIZES[model.removeprefix("unfolded_")]
    assert f"train unfolded --size {model[-1]}" in card["command"]
