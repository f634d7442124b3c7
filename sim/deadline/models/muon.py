"""Muon: momentum whose matrix-shaped steps are orthogonalised.

All directions of a weight matrix then move equally fast, where Adam follows the few that dominate
the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95


class Muon:
    """The optimiser of K. Jordan et al. (2024), for weight matrices.

    Steps are scaled to have about the root mean square that Adam's have at the same learning rate.

    Args:
        matrices: parameters whose last two axes are a matrix; leading axes number matrices.

    Attributes:
        momentum: running means of the gradients, in the same order.
    """

    def __init__(self, matrices: Sequence[torch.Tensor]) -> None:
        import torch

        self._matrices = matrices
        self.momentum = [torch.zeros_like(matrix) for matrix in matrices]

    def step(self, learning_rate: float) -> None:
        """Move every matrix along its orthogonalised momentum, looking ahead as Nesterov does."""
        import torch

        with torch.no_grad():
            for matrix, momentum in zip(self._matrices, self.momentum, strict=True):
                gradient = matrix.grad
                assert gradient is not None
                momentum.lerp_(gradient, 1.0 - _MOMENTUM)
                direction = orthogonalised(torch.lerp(gradient, momentum, _MOMENTUM))
                matrix.sub_(direction, alpha=0.2 * learning_rate * max(matrix.shape[-2:]) ** 0.5)


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Return roughly U V^T of each matrix's singular value decomposition U S V^T.

    A quintic Newton-Schulz iteration drives all singular values into about [0.7, 1.2].
    """
    import torch

    a, b, c = _COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-12)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: torch.Tensor = x.mT if tall else x
    return result
