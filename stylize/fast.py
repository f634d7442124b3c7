"""The fast solver: a trained network, run by ONNX Runtime.

Normalisation looks at the whole picture, and so a large one cannot be cut into tiles that are
stylised each on its own: seams would show. Means and variances are therefore taken of all tiles
first, convolution after convolution, each with those before it normalised by theirs. What is left
is convolutions, and tiles that overlap by what these see join exactly: what comes out is what the
whole would give. (A smaller copy's means and variances would be cheaper, as in Z. Chen et al.,
"Towards ultra-resolution neural style transfer via thumbnail instance normalization", AAAI 2022;
but its edges are steeper, and the picture would look different from tiles than whole.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from stylize.network import MULTIPLE, Size, noise
from stylize.onnx_graph import graph_of, normalised
from stylize.pictures import Picture, continued

_Any = TypeVar("_Any")

#: Pixels up to which a picture is stylised whole.
MOST_WHOLE = 2048 * 2048

#: Of more tiles than this, means and variances are taken of so many, evenly spread.
_MOST_LOOKED = 24

_TILE = 768
_MARGIN = 128  # a pixel is made of no other that is further away


class Fast:
    """A network of one style.

    Args:
        weights: by the names of `stylize.network.shapes`.
        size: what it is made of.
        threads: of ONNX Runtime.
        most_whole: larger pictures, in pixels, are stylised in tiles.

    Raises:
        InputError: ONNX Runtime is missing.
    """

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        size: Size,
        threads: int = 1,
        most_whole: int = MOST_WHOLE,
    ) -> None:
        self._weights, self._size, self._threads = weights, size, threads
        self._most_whole = most_whole
        self._session = self._started()

    def steps(self, picture: Picture) -> int:
        """Return how many steps a picture takes: one, or those of its tiles."""
        if self._is_whole(picture):
            return 1
        tiles = len(_tiles(*continued(picture, MULTIPLE).shape[1:]))
        return tiles + len(_chosen(range(tiles))) * (len(normalised(self._size)) - 1)

    def __call__(self, picture: Picture, done: Callable[[], None] | None = None) -> Picture:
        """Return a picture ``(3, H, W)``, from 0 to 1, in the style, of the same size.

        Args:
            picture: of any size.
            done: told after every step.
        """
        _, height, width = picture.shape
        whole = continued(picture, MULTIPLE)
        if self._is_whole(picture):
            (found,) = self._session.run(None, _inputs(whole, 0, 0))
            if done is not None:
                done()
            return np.ascontiguousarray(found[0, :, :height, :width])
        tiles = _tiles(*whole.shape[1:])

        def runs(output: str, chosen: Sequence[_Tile]) -> Iterator[tuple[_Tile, Picture]]:
            session = self._started(moments=moments, output=output)
            for tile in chosen:
                seen = whole[:, tile.rows, tile.columns]
                inputs = _inputs(seen, tile.rows.start, tile.columns.start)
                (found,) = session.run(None, inputs)
                yield tile, tile.inner(found[0])
                if done is not None:
                    done()

        moments = {"picture": _moments([whole])}
        for name in normalised(self._size)[1:]:
            moments[name] = _moments(part for _, part in runs(name, _chosen(tiles)))
        result = np.empty_like(whole)
        for tile, part in runs("stylised", tiles):
            result[:, tile.top : tile.bottom, tile.left : tile.right] = part
        return np.ascontiguousarray(result[:, :height, :width])

    def _is_whole(self, picture: Picture) -> bool:
        _, height, width = picture.shape
        return bool(height * width <= self._most_whole)

    def _started(self, **how: Any) -> Any:
        try:
            import onnx  # noqa: F401
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError:
            raise InputError(
                "onnx and onnxruntime are missing: pip install 'ttirace[stylize]'"
            ) from None
        options = SessionOptions()
        options.intra_op_num_threads = self._threads
        model = graph_of(self._weights, self._size, **how).SerializeToString()
        return InferenceSession(model, options, providers=["CPUExecutionProvider"])


#: Frames of a video are all of one size: theirs is not made again.
_noise = lru_cache(maxsize=1)(noise)


def _inputs(picture: Picture, top: int, left: int) -> dict[str, Picture]:
    """Return what the network is given for a picture, or a part of one."""
    _, height, width = picture.shape
    return {
        "picture": np.ascontiguousarray(picture)[None],
        "noise": _noise(height, width, top, left)[None],
    }


class _Tile(NamedTuple):
    """A part of a picture, and what is to be looked at for it."""

    top: int
    bottom: int
    left: int
    right: int
    rows: slice
    columns: slice

    def inner(self, found: Picture) -> Picture:
        """Return the tile's part of what was found for all of its rows and columns."""
        scale = (self.rows.stop - self.rows.start) // found.shape[1]  # of this layer
        rows, columns = (
            slice((first - seen.start) // scale, (last - seen.start) // scale)
            for first, last, seen in (
                (self.top, self.bottom, self.rows),
                (self.left, self.right, self.columns),
            )
        )
        return found[:, rows, columns]


def _tiles(height: int, width: int) -> list[_Tile]:
    return [
        _Tile(
            top,
            min(height, top + _TILE),
            left,
            min(width, left + _TILE),
            slice(max(0, top - _MARGIN), min(height, top + _TILE + _MARGIN)),
            slice(max(0, left - _MARGIN), min(width, left + _TILE + _MARGIN)),
        )
        for top in range(0, height, _TILE)
        for left in range(0, width, _TILE)
    ]


def _chosen(tiles: Sequence[_Any]) -> Sequence[_Any]:
    """Return the tiles that means and variances are taken of: all, or some, evenly spread."""
    return tiles[:: -(-len(tiles) // _MOST_LOOKED)]


def _moments(parts: Iterable[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the variance of every channel over all parts, ``(C,)`` each."""
    count, total, square = 0, 0.0, 0.0
    for part in parts:
        count += part[0].size
        total = total + part.sum(axis=(1, 2), dtype=np.float64)
        square = square + np.einsum("chw,chw->c", part, part, dtype=np.float64)
    mean = np.asarray(total / count)
    variance = np.maximum(square / count - mean**2, 0.0)
    return mean.astype(np.float32), variance.astype(np.float32)
