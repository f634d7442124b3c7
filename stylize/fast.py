"""The fast solver: a trained network, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sim.deadline.errors import InputError
from stylize.network import MULTIPLE, Size
from stylize.onnx_graph import graph_of

Picture = NDArray[np.float32]

#: Mirrored borders need so many pixels; a smaller picture is continued first.
LEAST = 16


class Fast:
    """A network of one style.

    Args:
        weights: by the names of `stylize.network.shapes`.
        size: what it is made of.
        threads: of ONNX Runtime.

    Raises:
        InputError: ONNX Runtime is missing.
    """

    def __init__(
        self, weights: Mapping[str, NDArray[np.float32]], size: Size, threads: int = 1
    ) -> None:
        try:
            import onnx  # noqa: F401
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError:
            raise InputError(
                "onnx and onnxruntime are missing: pip install 'ttirace[stylize]'"
            ) from None
        options = SessionOptions()
        options.intra_op_num_threads = threads
        model = graph_of(weights, size).SerializeToString()
        self._session = InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, picture: Picture) -> Picture:
        """Return a picture ``(3, H, W)``, from 0 to 1, in the style, of the same size."""
        _, height, width = picture.shape
        tall, wide = (max(LEAST, -(-side // MULTIPLE) * MULTIPLE) for side in (height, width))
        margin = ((0, 0), (0, tall - height), (0, wide - width))
        whole = (
            np.pad(picture, margin, mode="symmetric")
            if (tall, wide) != (height, width)
            else picture
        )
        (found,) = self._session.run(None, {"picture": whole[None]})
        return np.ascontiguousarray(found[0, :, :height, :width])
