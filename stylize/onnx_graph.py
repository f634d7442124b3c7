"""A network as an ONNX graph, made in memory: so it runs without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stylize.network import EPSILON, FLAT, Size, convolutions

if TYPE_CHECKING:
    import onnx

Weights = Mapping[str, NDArray[np.float32]]

_OPSET, _IR = 18, 9


def graph_of(weights: Weights, size: Size) -> onnx.ModelProto:
    """Return a model from ``picture`` ``(1, 3, H, W)`` to ``stylised``, of the same shape.

    Args:
        weights: of one style, by the names of `stylize.network.shapes`.
        size: what the network is made of.
    """
    return _Builder(weights, size).model()


class _Builder:
    def __init__(self, weights: Weights, size: Size) -> None:
        self._weights, self._size = weights, size
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self) -> onnx.ModelProto:
        from onnx import TensorProto, helper

        plain = self._normalised("picture", np.ones(3), np.zeros(3), FLAT)
        x = self._node("SpaceToDepth", plain, blocksize=2)
        x = self._node("Relu", self._layer(x, "first"))
        x = self._node("Relu", self._layer(x, "down"))
        for i in range(self._size.blocks):
            inner = self._node("Relu", self._layer(x, f"block{i}.a"))
            x = self._node("Add", x, self._layer(inner, f"block{i}.b"))
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        x = self._node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        x = self._node("Relu", self._layer(x, "up"))
        drawn = self._node("DepthToSpace", self._convolved(x, "last"), blocksize=2, mode="CRD")
        colour = self._constant(self._weights["colour.scale"][0][:, :, None, None])
        shift = self._constant(self._weights["colour.shift"][0])
        coloured = self._node("Conv", plain, colour, shift, kernel_shape=[1, 1])
        total = self._node("Add", coloured, drawn)
        self._nodes.append(helper.make_node("Sigmoid", [total], ["stylised"]))
        shape: list[str | int | None] = [1, 3, "height", "width"]
        graph = helper.make_graph(
            self._nodes, "stylize",
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("stylised", TensorProto.FLOAT, shape)],
            self._constants,
        )  # fmt: skip
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR)

    def _layer(self, x: str, name: str) -> str:
        scale, shift = self._weights[f"{name}.scale"][0], self._weights[f"{name}.shift"][0]
        return self._normalised(self._convolved(x, name), scale, shift, EPSILON)

    def _convolved(self, x: str, name: str) -> str:
        weight = self._weights[f"{name}.weight"]
        if name == "first":
            # The pixels of a square come before the colours here, after them in torch.
            outputs, _, *sides = weight.shape
            weight = weight.reshape(outputs, 3, 4, *sides).swapaxes(1, 2)
            weight = weight.reshape(outputs, 12, *sides)
        side = weight.shape[2] // 2
        stride = convolutions(self._size)[name][3] if name != "last" else 1
        pads = self._constant(np.array([0, 0, side, side, 0, 0, side, side], np.int64))
        inputs = [self._node("Pad", x, pads, mode="reflect"), self._constant(weight)]
        if name == "last":
            inputs.append(self._constant(self._weights["last.bias"]))
        return self._node("Conv", *inputs, strides=[stride, stride])

    def _normalised(self, x: str, scale: NDArray[Any], shift: NDArray[Any], epsilon: float) -> str:
        given = [self._constant(value.astype(np.float32)) for value in (scale, shift)]
        return self._node("InstanceNormalization", x, *given, epsilon=epsilon)

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name
