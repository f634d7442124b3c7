"""What training minimises: values by hand, gradients against finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from allocators.training.dnn import DNNLearner
from allocators.training.learner import Batch
from allocators.training.objective import (
    imitation_loss,
    instance_scale,
    loss,
    sum_rate_loss,
    weighted_sum_rates,
)
from allocators.training.samples import Samples
from allocators.training.samples import weighted_sum_rates as numpy_rates
from sim.deadline.errors import InputError


def random_batch(links: int = 4, size: int = 3, seed: int = 0) -> Batch:
    """Return a batch in double precision."""
    rng = np.random.default_rng(seed)
    return Batch(
        torch.from_numpy(rng.exponential(size=(size, links, links)) * 10 ** rng.uniform(-1, 2)),
        torch.from_numpy(rng.uniform(0.2, 2.0, (size, links))),
        torch.from_numpy(rng.random((size, links))),
    )


def test_an_instance_in_which_nobody_counts_does_not_spoil_the_batch() -> None:
    batch = random_batch(size=2)
    batch.weight[1] = 0.0
    shares = random_shares(batch, 2)
    assert batch.target is not None
    alone = Batch(batch.gain[:1], batch.weight[:1], batch.target[:1])
    wanted = 0.5 * imitation_loss(alone, shares[:1])
    assert float(imitation_loss(batch, shares)) == pytest.approx(float(wanted), rel=1e-12)
    assert math.isfinite(sum_rate_loss(batch, shares, 0.1))


def random_shares(batch: Batch, candidates: int, seed: int = 1) -> torch.Tensor:
    size, links = batch.weight.shape
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(0.1, 0.9, (size, candidates, links)))


@pytest.mark.parametrize("objective", ["imitate", "sum_rate"])
@pytest.mark.parametrize("candidates", [1, 3])
@pytest.mark.parametrize("temperature", [0.05, math.inf])
def test_gradients_against_finite_differences(
    objective: str, candidates: int, temperature: float
) -> None:
    batch = random_batch()
    shares = random_shares(batch, candidates).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(objective, batch, x, temperature), shares)


@pytest.mark.parametrize("objective", ["imitate", "sum_rate"])
def test_gradients_through_the_network_against_finite_differences(objective: str) -> None:
    batch = random_batch(links=3, size=4)
    learner = DNNLearner(np.random.default_rng(0), 3, members=2)
    learner.look([batch])
    parameters = learner.parameters()
    for parameter in parameters.values():
        parameter.data = parameter.data.double()
    rng = np.random.default_rng(1)
    torch.manual_seed(0)
    value = loss(objective, batch, learner.shares(batch), 0.1)
    gradients = torch.autograd.grad(value, list(parameters.values()))
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        direction = torch.from_numpy(rng.standard_normal(parameter.shape))
        ends = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                parameter += sign * 1e-6 * direction
                ends.append(float(loss(objective, batch, learner.shares(batch), 0.1)))
                parameter -= sign * 1e-6 * direction
        slope = (ends[0] - ends[1]) / 2e-6
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-4, abs=1e-8), name


def test_imitation_is_the_mean_squared_error_where_links_weigh_alike() -> None:
    batch = random_batch()
    alike = Batch(batch.gain, torch.full_like(batch.weight, 0.7), batch.target)
    shares = random_shares(batch, 1)
    wanted = torch.mean((shares[:, 0] - batch.target) ** 2)
    assert float(imitation_loss(alike, shares)) == pytest.approx(float(wanted))
    with pytest.raises(InputError, match="the source has none"):
        imitation_loss(Batch(batch.gain, batch.weight), shares)


def test_a_link_of_no_weight_does_not_matter() -> None:
    batch = random_batch()
    weight = batch.weight.clone()
    weight[:, 2] = 0.0
    batch = Batch(batch.gain, weight, batch.target)
    one, other = random_shares(batch, 1), random_shares(batch, 1)
    other[:, :, 2] = 0.0
    assert float(imitation_loss(batch, one)) == float(imitation_loss(batch, other))


def test_rates_are_those_of_the_simulator() -> None:
    batch = random_batch(links=5, size=7)
    shares = random_shares(batch, 1)
    samples = Samples(batch.gain.float().numpy(), batch.weight.float().numpy())
    wanted = numpy_rates(samples, shares[:, 0].numpy())
    # Gains are in single precision there.
    np.testing.assert_allclose(weighted_sum_rates(batch, shares)[:, 0].numpy(), wanted, rtol=1e-5)


def test_the_soft_best_lies_between_mean_and_maximum() -> None:
    batch = random_batch()
    shares = random_shares(batch, 4)
    rates = weighted_sum_rates(batch, shares) / instance_scale(batch)[:, None]
    mean, best = -float(rates.mean()), -float(rates.amax(dim=1).mean())
    assert float(sum_rate_loss(batch, shares, math.inf)) == pytest.approx(mean)
    assert float(sum_rate_loss(batch, shares, 1e6)) == pytest.approx(mean, rel=1e-5)
    assert float(sum_rate_loss(batch, shares, 1e-6)) == pytest.approx(best, abs=1e-5)
    assert best < float(sum_rate_loss(batch, shares, 0.1)) < mean


def test_instances_of_high_rate_do_not_drown_the_others() -> None:
    # No interference: full power is best at any SNR, and is worth the same.
    snr = torch.tensor([1e-2, 1.0, 1e6], dtype=torch.float64)
    batch = Batch(torch.eye(4).double() * snr[:, None, None], torch.ones(3, 4).double())
    full = torch.ones(3, 1, 4).double()
    relative = weighted_sum_rates(batch, full)[:, 0] / instance_scale(batch)
    assert torch.allclose(relative, torch.ones(3).double())
    assert float(sum_rate_loss(batch, full, math.inf)) == pytest.approx(-1.0)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    exponents=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
    silent=st.sampled_from(["nothing", "direct", "row", "all", "weight"]),
)
def test_loss_and_gradient_are_finite_whatever_the_gains(
    seed: int, exponents: tuple[float, float], silent: str
) -> None:
    rng = np.random.default_rng(seed)
    gain = 10.0 ** rng.uniform(min(exponents), max(exponents), (5, 4, 4))
    if silent == "direct":
        gain[:, 1, 1] = 0.0
    elif silent == "row":
        gain[:, 2] = 0.0
    elif silent == "all":
        gain[:] = 0.0
    weight = np.ones((5, 4)) * (silent != "weight")
    batch = Batch(torch.from_numpy(gain).float(), torch.from_numpy(weight).float())
    shares = torch.from_numpy(rng.integers(0, 3, (5, 2, 4)) / 2.0).float().requires_grad_()
    value = sum_rate_loss(batch, shares, 0.1)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(shares.grad).all()
    with torch.no_grad():
        learnt = DNNLearner(np.random.default_rng(0), 4).shares(batch)
    assert torch.isfinite(learnt).all()


def test_the_learner_answers_as_its_allocator_does() -> None:
    """Soft outputs of torch and of the compiled allocator, with the inputs' scaling folded in."""
    from allocators.dnn import DNN
    from allocators.dnn.network import Network
    from sim.problem import PowerControlProblem

    learner = DNNLearner(np.random.default_rng(2), 6)
    gain = np.random.default_rng(3).exponential(size=(40, 6, 6)).astype(np.float32)
    batch = Batch(torch.from_numpy(gain), torch.ones(40, 6))
    learner.look([batch])
    with torch.no_grad():
        for name, parameter in learner.parameters().items():
            if name == "layers.3.weight":
                parameter *= 30.0  # it begins small
        wanted = learner.shares(batch)[:, 0].numpy()
    solver = DNN.of(Network.from_tensors(learner.tensors()), threshold=None)
    got = solver.solve(PowerControlProblem(gain, 1.0, 1.0)).power_w
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert wanted.std() > 0.1


def test_permuting_links_permutes_the_learners_answer() -> None:
    batch = random_batch(links=5, size=6)
    learner = DNNLearner(np.random.default_rng(2), 5, members=2)
    order = torch.tensor([3, 0, 4, 2, 1])
    moved = Batch(batch.gain[:, order][:, :, order].float(), batch.weight[:, order].float())
    plain = Batch(batch.gain.float(), batch.weight.float())
    with torch.no_grad():
        assert torch.equal(learner.shares(moved), learner.shares(plain)[:, :, order])
