"""A network as an ONNX graph, made in memory: so it runs without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stylize.network import EPSILON, FLAT, NOISE, Size, convolutions

if TYPE_CHECKING:
    import onnx

Weights = Mapping[str, NDArray[np.float32]]

_OPSET, _IR = 18, 9


#: Mean and variance of each channel, ``(C,)`` each, where the network normalises.
Moments = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


def graph_of(
    weights: Weights, size: Size, moments: Moments | None = None, output: str = "stylised"
) -> onnx.ModelProto:
    """Return a model from ``picture`` ``(1, 3, H, W)`` to ``stylised``, of the same shape.

    It also takes ``noise`` ``(1, NOISE, H / 2, W / 2)``.

    Args:
        weights: of one style, by the names of `stylize.network.shapes`.
        size: what the network is made of.
        moments: what to normalise with, by the names of `normalised`; a picture's own where they
            have none.
        output: ``stylised``, or what comes to be normalised, by its name.
    """
    return _Builder(weights, size, moments or {}).model(output)


def normalised(size: Size) -> list[str]:
    """Return the names of what is normalised, in order: the picture, then convolutions."""
    return ["picture", *convolutions(size)]


class _Builder:
    def __init__(self, weights: Weights, size: Size, moments: Moments) -> None:
        self._weights, self._size, self._moments = weights, size, moments
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def model(self, output: str) -> onnx.ModelProto:
        from onnx import TensorProto, helper

        plain = self._normalised("picture", "picture", np.ones(3), np.zeros(3), FLAT)
        packed = self._node("SpaceToDepth", plain, blocksize=2)
        x = self._node("Concat", packed, "noise", axis=1)
        first = self._node("Relu", self._layer(x, "first"))
        middle = self._node("Relu", self._layer(first, "down1"))
        for i in range(self._size.middle):
            middle = self._block(middle, f"middle{i}")
        x = self._node("Relu", self._layer(middle, "down2"))
        for i in range(self._size.deep):
            x = self._block(x, f"deep{i}")
        x = self._node("Relu", self._node("Add", middle, self._layer(self._doubled(x), "up2")))
        x = self._node("Relu", self._node("Add", first, self._layer(self._doubled(x), "up1")))
        drawn = self._node("DepthToSpace", self._convolved(x, "last"), blocksize=2, mode="CRD")
        colour = self._constant(self._weights["colour.scale"][0][:, :, None, None])
        shift = self._constant(self._weights["colour.shift"][0])
        coloured = self._node("Conv", plain, colour, shift, kernel_shape=[1, 1])
        total = self._node("Add", coloured, drawn)
        self._nodes.append(helper.make_node("Sigmoid", [total], ["stylised"]))
        shape: list[str | int | None] = [1, 3, "height", "width"]
        graph = helper.make_graph(
            self._nodes, "stylize",
            [
                helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape),
                helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1, NOISE, None, None]),
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, None, None, None])],
            self._constants,
        )  # fmt: skip
        opset = helper.make_opsetid("", _OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR)

    def _block(self, x: str, name: str) -> str:
        inner = self._node("Relu", self._layer(x, f"{name}.a"))
        return self._node("Add", x, self._layer(inner, f"{name}.b"))

    def _doubled(self, x: str) -> str:
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        return self._node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip

    def _layer(self, x: str, name: str) -> str:
        scale, shift = self._weights[f"{name}.scale"][0], self._weights[f"{name}.shift"][0]
        return self._normalised(self._convolved(x, name, name), name, scale, shift, EPSILON)

    def _convolved(self, x: str, name: str, named: str | None = None) -> str:
        weight = self._weights[f"{name}.weight"]
        if name == "first":
            # The pixels of a square come before the colours here, after them in torch.
            outputs, _, *sides = weight.shape
            drawn, picture = weight[:, -NOISE:], weight[:, :-NOISE]
            picture = picture.reshape(outputs, 3, 4, *sides).swapaxes(1, 2)
            weight = np.concatenate([picture.reshape(outputs, 12, *sides), drawn], axis=1)
        side = weight.shape[2] // 2
        stride = convolutions(self._size)[name][3] if name != "last" else 1
        pads = self._constant(np.array([0, 0, side, side, 0, 0, side, side], np.int64))
        inputs = [self._node("Pad", x, pads, mode="reflect"), self._constant(weight)]
        if name == "last":
            inputs.append(self._constant(self._weights["last.bias"]))
        return self._node("Conv", *inputs, named=named, strides=[stride, stride])

    def _normalised(
        self, x: str, name: str, scale: NDArray[Any], shift: NDArray[Any], epsilon: float
    ) -> str:
        if name in self._moments:
            mean, variance = self._moments[name]
            slope = scale / np.sqrt(variance + epsilon)
            times, plus = (
                self._constant(value.astype(np.float32)[None, :, None, None])
                for value in (slope, shift - mean * slope)
            )
            return self._node("Add", self._node("Mul", x, times), plus)
        given = [self._constant(value.astype(np.float32)) for value in (scale, shift)]
        return self._node("InstanceNormalization", x, *given, epsilon=epsilon)

    def _node(self, kind: str, *inputs: str, named: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = named or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name
