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
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{path}: needs ONNX Runtime: pip install 'ttirace[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's own kinds
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a readable ONNX file: {reason}") from None
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if not outputs or not outputs[0].type.startswith(("tensor(float", "tensor(double")):
        shown = ", ".join(f"{one.name} {one.type}" for one in outputs[:1])
        raise InputError(f"{path}: outputs {shown}; want the action first, tensor(float) [1, n]")
    output = outputs[0]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        shown = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise InputError(f"{path}: inputs {shown}; want one, tensor(float) [1, n]")
    name = inputs[0].name

    def run(seen: Float32Array) -> Float32Array:
        try:
            found = session.run([output.name], {name: seen[None]})[0]
            return np.asarray(found, np.float32).reshape(-1)
        except Exception as error:  # likewise, and of what are no numbers
            raise ValueError(" ".join(str(error).split())[:120]) from error

    return Forward(run, _fixed(inputs[0].shape), _fixed(output.shape))


def _fixed(shape: list[Any]) -> int | None:
    """Return the last size of a shape, if the file states it."""
    return shape[-1] if shape and isinstance(shape[-1], int) else None
