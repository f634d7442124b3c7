"""3 x 3 convolutions with a quarter of the multiplications, for networks that are frozen.

A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016: F(4 x 4, 3 x 3).
Tiles of 6 x 6 pixels that overlap by two become 36 matrix products in place of 144. A strip of
tiles at a time is transformed, multiplied and transformed back, so that it stays in the caches.
Weights are transformed once, which is why they must not change. Some 1e-5 of the largest activation
is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float32]

_TILE = 4  # pixels of a side that come out
_SEEN = 6  # and that go in

_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)

#: Bytes that a strip of tiles may take, unless the weights take more than that: then they would be
#: read again and again.
_STRIP = 1 << 20


class Convolution:
    """A frozen convolution, 3 x 3, and a rectifier behind it; a pixel on each side is lost.

    Args:
        weight: ``(out, in, 3, 3)``.
        bias: ``(out,)``.
    """

    def __init__(self, weight: FloatArray, bias: FloatArray) -> None:
        self._bias = np.ascontiguousarray(bias, dtype=np.float32)
        self._forth = _transformed(weight)
        # Backwards it is a convolution, too: outputs for inputs, and each filter turned around.
        self._back = _transformed(weight[:, :, ::-1, ::-1].swapaxes(0, 1))
        self._nothing = np.zeros(weight.shape[1], dtype=np.float32)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the rectified convolution of ``(N, in, H, W)``, float32, channels last.

        It is ``(N, out, H - 2, W - 2)``; H and W at least 3.
        """
        import torch

        if torch.is_grad_enabled() and x.requires_grad:
            return _function().apply(x, self)  # type: ignore[no-any-return]
        return self.forth(x)

    def forth(self, x: torch.Tensor) -> torch.Tensor:
        """Return the rectified convolution."""
        return _convolved(x, None, self._forth, self._bias, np.float32(0.0), 0)

    def back(self, gradient: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the gradient by the input, of that by the output ``y``."""
        return _convolved(gradient, y, self._back, self._nothing, np.float32(-np.inf), 2)


@cache
def _function() -> Any:
    """Return the autograd function; torch is imported when it is needed."""
    import torch

    class Rectified(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, layer: Convolution) -> torch.Tensor:
            y = layer.forth(x)
            ctx.save_for_backward(y)
            ctx.layer = layer
            return y

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
            (y,) = ctx.saved_tensors
            return ctx.layer.back(gradient, y), None

    return Rectified


def _transformed(weight: FloatArray) -> torch.Tensor:
    """Return weights ``(out, in, 3, 3)`` as ``(36, in, out)``."""
    import torch

    outputs, inputs, _, _ = weight.shape
    flat = weight.transpose(2, 3, 1, 0).reshape(9, inputs * outputs).astype(np.float32)
    both = np.kron(_G, _G).astype(np.float32)
    return torch.from_numpy((both @ flat).reshape(_SEEN**2, inputs, outputs))


def _convolved(
    x: torch.Tensor,
    mask: torch.Tensor | None,
    weight: torch.Tensor,
    bias: FloatArray,
    least: np.float32,
    around: int,
) -> torch.Tensor:
    """Return ``max(x * weight + bias, least)``.

    Args:
        x: ``(N, in, H, W)``.
        mask: x is taken for zero where this is not above it.
        weight: transformed, ``(36, in, out)``.
        bias: ``(out,)``.
        least: what results are cut at.
        around: so many zeros are put on each side of x.
    """
    import torch

    count, inputs, height, width = x.shape
    outputs = weight.shape[2]
    x = x.contiguous(memory_format=torch.channels_last)
    height, width = height + 2 * around - 2, width + 2 * around - 2
    y = torch.empty((count, outputs, height, width), memory_format=torch.channels_last)
    down, across = -(-height // _TILE), -(-width // _TILE)
    room = max(_STRIP, 2 * weight.nbytes)
    rows = min(down, max(1, room // (_SEEN**2 * 4 * max(inputs, outputs) * across)))
    before, after = (torch.empty(_SEEN**2 * rows * across * side) for side in (inputs, outputs))
    threads = torch.get_num_threads()
    for image in range(count):
        source, result, positive = (
            each[image].detach().permute(1, 2, 0).numpy()
            for each in (x, y, x if mask is None else mask)
        )
        for first in range(0, down, rows):
            last = min(down, first + rows)
            tiles = (last - first) * across
            seen = before[: _SEEN**2 * tiles * inputs].view(_SEEN**2, tiles, inputs)
            made = after[: _SEEN**2 * tiles * outputs].view(_SEEN**2, tiles, outputs)
            into, out_of = seen.numpy(), made.numpy()
            _shared(
                threads, first, last,
                partial(_into_tiles, source, positive, mask is not None, into, around),
            )  # fmt: skip
            torch.bmm(seen, weight, out=made)
            _shared(threads, first, last, partial(_out_of_tiles, out_of, result, bias, least))
    return y


def _shared(threads: int, first: int, last: int, work: Callable[[int, int, int], None]) -> None:
    """Call ``work(first, begin, end)`` for all rows from ``first`` to ``last``.

    Threads of Python's do: numba's own would share OpenMP with torch, and change its threads.
    """
    if threads == 1 or last - first == 1:
        work(first, first, last)
        return
    cuts = np.linspace(first, last, min(threads, last - first) + 1).astype(int).tolist()
    for done in [_pool().submit(work, first, a, b) for a, b in pairwise(cuts)]:
        done.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="winograd")


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _into_tiles(x, mask, masked, tiles, around, first, begin, end):  # type: ignore[no-untyped-def]
    """Write B^T d B of the tiles of some rows: x ``(H, W, C)`` to ``(36, T, C)``."""
    height, width, channels = x.shape
    across = (width + 2 * around + 1) // 4
    four, five, two = np.float32(4.0), np.float32(5.0), np.float32(2.0)
    for row in range(begin, end):
        d = np.empty((6, 6, channels), dtype=np.float32)
        s = np.empty((6, 6, channels), dtype=np.float32)
        for column in range(across):
            t = (row - first) * across + column
            for i in range(6):
                down = 4 * row + i - around
                for j in range(6):
                    right = 4 * column + j - around
                    if 0 <= down < height and 0 <= right < width:
                        if masked:
                            for c in range(channels):
                                positive = mask[down, right, c] > 0.0
                                d[i, j, c] = x[down, right, c] if positive else np.float32(0.0)
                        else:
                            for c in range(channels):
                                d[i, j, c] = x[down, right, c]
                    else:
                        for c in range(channels):
                            d[i, j, c] = 0.0
            for j in range(6):
                for c in range(channels):
                    p, q = d[4, j, c] - four * d[2, j, c], d[3, j, c] - four * d[1, j, c]
                    u, v = d[4, j, c] - d[2, j, c], two * (d[3, j, c] - d[1, j, c])
                    s[0, j, c] = four * d[0, j, c] - five * d[2, j, c] + d[4, j, c]
                    s[1, j, c] = p + q
                    s[2, j, c] = p - q
                    s[3, j, c] = u + v
                    s[4, j, c] = u - v
                    s[5, j, c] = four * d[1, j, c] - five * d[3, j, c] + d[5, j, c]
            for i in range(6):
                for c in range(channels):
                    p, q = s[i, 4, c] - four * s[i, 2, c], s[i, 3, c] - four * s[i, 1, c]
                    u, v = s[i, 4, c] - s[i, 2, c], two * (s[i, 3, c] - s[i, 1, c])
                    tiles[6 * i, t, c] = four * s[i, 0, c] - five * s[i, 2, c] + s[i, 4, c]
                    tiles[6 * i + 1, t, c] = p + q
                    tiles[6 * i + 2, t, c] = p - q
                    tiles[6 * i + 3, t, c] = u + v
                    tiles[6 * i + 4, t, c] = u - v
                    tiles[6 * i + 5, t, c] = four * s[i, 1, c] - five * s[i, 3, c] + s[i, 5, c]


@njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def _out_of_tiles(tiles, y, bias, least, first, begin, end):  # type: ignore[no-untyped-def]
    """Write max(A^T m A + bias, least) of the tiles of some rows: ``(36, T, C)`` to ``(H, W, C)``.

    Rows and columns beyond the picture's are made, and left away.
    """
    height, width, channels = y.shape
    across = (width + 3) // 4
    two, four, eight = np.float32(2.0), np.float32(4.0), np.float32(8.0)
    for row in range(begin, end):
        s = np.empty((4, 6, channels), dtype=np.float32)
        beyond = np.empty((4, channels), dtype=np.float32)
        for column in range(across):
            t = (row - first) * across + column
            for j in range(6):
                for c in range(channels):
                    a, b = (
                        tiles[6 + j, t, c] + tiles[12 + j, t, c],
                        (tiles[6 + j, t, c] - tiles[12 + j, t, c]),
                    )
                    e, f = (
                        tiles[18 + j, t, c] + tiles[24 + j, t, c],
                        (tiles[18 + j, t, c] - tiles[24 + j, t, c]),
                    )
                    s[0, j, c] = tiles[j, t, c] + a + e
                    s[1, j, c] = b + two * f
                    s[2, j, c] = a + four * e
                    s[3, j, c] = b + eight * f + tiles[30 + j, t, c]
            inside = 4 * column + 3 < width
            for i in range(min(4, height - 4 * row)):
                line = y[4 * row + i, 4 * column : 4 * column + 4] if inside else beyond
                for c in range(channels):
                    a, b = s[i, 1, c] + s[i, 2, c], s[i, 1, c] - s[i, 2, c]
                    e, f = s[i, 3, c] + s[i, 4, c], s[i, 3, c] - s[i, 4, c]
                    line[0, c] = max(s[i, 0, c] + a + e + bias[c], least)
                    line[1, c] = max(b + two * f + bias[c], least)
                    line[2, c] = max(a + four * e + bias[c], least)
                    line[3, c] = max(b + eight * f + s[i, 5, c] + bias[c], least)
                if not inside:
                    for j in range(width - 4 * column):
                        for c in range(channels):
                            y[4 * row + i, 4 * column + j, c] = line[j, c]
