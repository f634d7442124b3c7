"""Policies as ONNX files, from whatever framework, run by ONNX Runtime on one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from allocators.policy.flat import Forward
from sim.deadline.errors import InputError
from sim.observation import Float32Array


def read_onnx(path: Path) -> Forward:
    """Return the policy in a file: one input ``(1, n)``, and the action as its first output.

    Raises:
        InputError: ONNX Runtime is missing, not a readable file, or other inputs or outputs.
    """
    run = _Session(path)
    return Forward(run, run.inputs, run.outputs)


class _Session:
    """A network in ONNX Runtime. Copies share it; where it is unpickled, its file is read again.

    Args:
        path: the file.

    Attributes:
        inputs: how many values it takes, if the file states it.
        outputs: how many it returns, likewise.

    Raises:
        InputError: see `read_onnx`.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise InputError(f"{path}: needs ONNX Runtime: pip install 'ttirace[onnx]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's own kinds
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"{path}: not a readable ONNX file: {reason}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
            shown = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
            raise InputError(f"{path}: inputs {shown}; want one, tensor(float) [1, n]")
        if not outputs or not outputs[0].type.startswith(("tensor(float", "tensor(double")):
            shown = ", ".join(f"{one.name} {one.type}" for one in outputs[:1])
            raise InputError(
                f"{path}: outputs {shown}; want the action first, tensor(float) [1, n]"
            )
        self._path = path
        self._input, self._output = inputs[0].name, outputs[0].name
        self.inputs, self.outputs = _fixed(inputs[0].shape), _fixed(outputs[0].shape)

    def __call__(self, seen: Float32Array) -> Float32Array:
        try:
            found = self._session.run([self._output], {self._input: seen[None]})[0]
            return np.asarray(found, np.float32).reshape(-1)
        except Exception as error:  # the runtime's own kinds
            raise ValueError(" ".join(str(error).split())[:120]) from error

    def __deepcopy__(self, memo: dict[int, Any]) -> _Session:
        return self

    def __reduce__(self) -> tuple[type[_Session], tuple[Path]]:
        return _Session, (self._path.absolute(),)


def _fixed(shape: list[Any]) -> int | None:
    """Return the last size of a shape, if the file states it."""
    return shape[-1] if shape and isinstance(shape[-1], int) else None
