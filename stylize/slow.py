"""The slow solver: the picture itself is optimised, until its loss is low.

L. A. Gatys, A. S. Ecker, M. Bethge, CVPR 2016, with L-BFGS-B (R. H. Byrd, P. Lu, J. Nocedal, C.
Zhu, SIAM J. Sci. Comput. 16(5), 1995) on pixels between 0 and 1, or Adam. What it costs is counted
in evaluations, each a loss and its gradient: so steps of both can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError, did_you_mean
from stylize.stepwise import evaluated

if TYPE_CHECKING:
    import torch

    from stylize.loss import StyleLoss

Picture = NDArray[np.float32]

STARTS = ("content", "noise")
METHODS = ("lbfgs", "adam")

_MEMORY = 20  # of L-BFGS: pairs of steps and changes of the gradient
_ADAM_RATE = 0.02


class Iterate(NamedTuple):
    """Where the optimisation is.

    Attributes:
        picture: the best so far, ``(3, H, W)``, from 0 to 1.
        loss: its own.
        evaluations: of the loss and its gradient, all up to now.
    """

    picture: Picture
    loss: float
    evaluations: int


@dataclass(frozen=True, slots=True)
class SlowSettings:
    """How a picture is optimised.

    Attributes:
        evaluations: how many at most.
        start: from the ``content`` itself, or from ``noise``.
        method: ``lbfgs`` or ``adam``.

    Raises:
        InputError: a value out of its range.
    """

    evaluations: int = 300
    start: str = "content"
    method: str = "lbfgs"

    def __post_init__(self) -> None:
        if self.evaluations < 1:
            raise InputError(f"evaluations: {self.evaluations}, want at least 1")
        if self.start not in STARTS:
            raise InputError(f"start: {self.start!r}{did_you_mean(self.start, STARTS)}")
        if self.method not in METHODS:
            raise InputError(f"method: {self.method!r}{did_you_mean(self.method, METHODS)}")


def optimise(
    loss: StyleLoss,
    content: Picture,
    settings: SlowSettings | None = None,
    rng: np.random.Generator | None = None,
) -> Iterator[Iterate]:
    """Yield the best picture so far after every evaluation, a usable answer each.

    It ends early where the method comes to its own end: at a picture without a gradient, say.

    Args:
        loss: what is made small.
        content: ``(3, H, W)``, from 0 to 1.
        settings: how.
        rng: where noise is drawn from; not needed to begin with the content.

    Raises:
        InputError: noise, and nothing to draw it from.
    """
    known = SlowSettings() if settings is None else settings
    steps = _lbfgs if known.method == "lbfgs" else _adam
    objective = Objective(loss, content)
    yield from steps(objective, start_of(content, known.start, rng), known.evaluations)


def start_of(content: Picture, start: str, rng: np.random.Generator | None) -> Picture:
    """Return the picture to begin with: the content, or uniform noise."""
    if start == "content":
        return content
    if rng is None:
        raise InputError("start: noise, but no generator to draw it from; give rng")
    return rng.random(content.shape, dtype=np.float32)


class Objective:
    """The loss of a picture and its gradient, as flat arrays of double precision.

    Args:
        loss: what is made small.
        content: ``(3, H, W)``.
    """

    def __init__(self, loss: StyleLoss, content: Picture) -> None:
        import torch

        self.shape = content.shape
        self._loss = loss
        self._content = loss.content_of(torch.from_numpy(content)[None])

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss at a picture, and its gradient."""
        import torch

        picture = torch.from_numpy(flat.reshape(self.shape).astype(np.float32))
        picture.requires_grad_()
        total: torch.Tensor = self._loss(picture[None], self._content).total.sum()
        (gradient,) = torch.autograd.grad(total, picture)
        return float(total.detach()), gradient.numpy().astype(np.float64).ravel()


def _lbfgs(objective: Objective, start: Picture, evaluations: int) -> Iterator[Iterate]:
    from scipy.optimize import minimize

    def loop(objective: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]) -> None:
        minimize(
            objective, start.ravel().astype(np.float64), jac=True, method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * start.size,
            options={"maxiter": evaluations, "maxfun": 2 * evaluations, "maxcor": _MEMORY,
                     "ftol": 0.0, "gtol": 0.0},
        )  # fmt: skip

    yield from _best(evaluated(loop, objective), start.shape, evaluations)


def _adam(objective: Objective, start: Picture, evaluations: int) -> Iterator[Iterate]:
    def steps() -> Iterator[tuple[NDArray[np.float64], float]]:
        flat = start.ravel().astype(np.float64)
        mean, square = np.zeros_like(flat), np.zeros_like(flat)
        for step in range(1, evaluations + 1):
            value, gradient = objective(flat)
            yield flat.copy(), value
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient**2 - square)
            direction = mean / (1.0 - 0.9**step)
            direction /= np.sqrt(square / (1.0 - 0.999**step)) + 1e-12
            flat = np.clip(flat - _ADAM_RATE * direction, 0.0, 1.0)

    yield from _best(steps(), start.shape, evaluations)


def _best(
    steps: Iterator[tuple[NDArray[np.float64], float]], shape: tuple[int, ...], evaluations: int
) -> Iterator[Iterate]:
    """Yield the best of all evaluated pictures, once for each of them."""
    best: Iterate | None = None
    with closing(steps):  # type: ignore[type-var]
        for done, (flat, value) in enumerate(islice(steps, evaluations), 1):
            if best is None or value < best.loss:
                best = Iterate(flat.reshape(shape).astype(np.float32), value, done)
            else:
                best = best._replace(evaluations=done)
            yield best
