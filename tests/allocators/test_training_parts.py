from pathlib import Path

import numpy as np
import pytest
import torch

from allocators.training.dataset import DatasetSettings, open_dataset, write_dataset
from allocators.training.samples import Setting
from allocators.training.source import StoredSamples
from sim.deadline.models.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(80, 200), (30, 80), (80, 30), (1, 5)])
def test_orthogonalised_steps_move_all_directions_alike(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    matrix = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    got = orthogonalised(matrix)
    singular = torch.linalg.svdvals(got)
    # The iteration's fixed band is about [0.68, 1.13]; the smallest values are still on their way.
    assert float(singular.max()) < 1.25
    assert float(torch.diag(u.T @ got @ v.T)[s > 0.1 * s.max()].min()) > 0.6
    assert got.shape == matrix.shape


def test_muon_finds_a_linear_map() -> None:
    rng = np.random.default_rng(2)
    wanted = torch.from_numpy(rng.standard_normal((4, 6)).astype(np.float32))
    found = torch.nn.Parameter(torch.zeros(4, 6))
    muon = Muon([found])
    for step in range(300):
        found.grad = None
        torch.mean((found - wanted) ** 2).backward()
        muon.step(0.1 * (1 - step / 300))
    assert float((found.detach() - wanted).abs().max()) < 0.05


def test_muon_steps_along_its_momentum_looking_ahead() -> None:
    rng = np.random.default_rng(5)
    shape, rate = (2, 3, 7), 0.03  # two matrices of 3 x 7
    gradients = [torch.from_numpy(rng.standard_normal(shape)) for _ in range(3)]
    matrices = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    muon, wanted, momentum = Muon([matrices]), np.zeros(shape), np.zeros(shape)
    for gradient in gradients:
        matrices.grad = gradient.clone()
        muon.step(rate)
        momentum = 0.95 * momentum + 0.05 * gradient.numpy()
        ahead = 0.05 * gradient.numpy() + 0.95 * momentum
        # A step whose singular values are 1 has a root mean square of 1 / sqrt(7).
        wanted -= rate * 0.2 * np.sqrt(7) * orthogonalised(torch.from_numpy(ahead)).numpy()
        np.testing.assert_allclose(muon.momentum[0].numpy(), momentum, rtol=1e-12)
    np.testing.assert_allclose(matrices.detach().numpy(), wanted, rtol=1e-9)


def test_muon_treats_stacked_matrices_one_by_one() -> None:
    rng = np.random.default_rng(4)
    stack = torch.from_numpy(rng.standard_normal((3, 8, 5)))
    together = orthogonalised(stack)
    for one, alone in zip(stack, together, strict=True):
        assert torch.allclose(orthogonalised(one), alone)


def test_stored_batches_do_not_know_where_the_shards_end(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", DatasetSettings(Setting(2, snr_db=10.0), 25, 7), workers=1)
    dataset = open_dataset(tmp_path / "d")
    stored = np.concatenate([gain for gain, _ in dataset.shards()])
    source = StoredSamples(dataset, seed=1)
    endless = source.batches(0, 4, True)
    batches = [next(endless) for _ in range(14)]
    assert [len(batch) for batch in batches] == 2 * [4, 4, 4, 4, 4, 4, 1]
    rounds = [np.concatenate([b.gain for b in batches[i : i + 7]]) for i in (0, 7)]
    for seen in rounds:  # every sample once, brought to unit noise
        np.testing.assert_allclose(np.sort(seen[:, 0, 0]), np.sort(10 * stored[:, 0, 0]), rtol=1e-6)
    assert not np.array_equal(*rounds)
    for first in (1, 6, 7, 13):
        late = next(source.batches(first, 4, True))
        np.testing.assert_array_equal(late.gain, batches[first].gain)
        np.testing.assert_array_equal(late.target, batches[first].target)
