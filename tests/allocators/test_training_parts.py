from collections.abc import Iterator

import numpy as np
import pytest
import torch

from allocators.training.muon import Muon, orthogonalised
from allocators.training.quality import standard_error
from allocators.training.train_dnn import _batches


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


def test_standard_error_of_a_share_against_repetition() -> None:
    rng = np.random.default_rng(3)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        reference = rng.gamma(5.0, size=400)
        return reference * rng.uniform(0.7, 1.0, 400), reference

    shares, errors = [], []
    for _ in range(500):
        rates, reference = draw()
        shares.append(rates.mean() / reference.mean())
        errors.append(standard_error(rates, reference))
    # The deviation of 500 repetitions is known to 3%: five of those, 1 in 2 million seeds.
    assert np.std(shares) == pytest.approx(np.mean(errors), rel=0.16)


def test_batches_do_not_know_where_the_pieces_end() -> None:
    class Pieces:
        samples = 25

        def chunks(self, epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
            del epoch
            for first, last in ((0, 3), (3, 11), (11, 12), (12, 25)):
                numbers = np.arange(first, last, dtype=np.float32)
                yield numbers, 10 * numbers

        def describe(self) -> dict[str, object]:
            return {}

    batches = list(_batches(Pieces(), 0, 4, np.random.default_rng(1)))
    assert [len(gain) for gain, _ in batches] == [4, 4, 4, 4, 4, 4, 1]
    gain = np.concatenate([gain for gain, _ in batches])
    assert sorted(gain.tolist()) == list(range(25))
    assert np.array_equal(np.concatenate([power for _, power in batches]), 10 * gain)
