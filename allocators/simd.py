"""Single-precision vectors as values in compiled code: what one register holds, spelt out.

numba leaves vectorising to LLVM, which gives up where arrays might overlap or loops are short, and
those are the loops of a small network. Here a vector is a value like any other::

    v = load16(x, at)
    store(y, at, maximum(v * scale + offset, 0.0))

Scalars mix in as float32. Where a processor has narrower registers, LLVM splits the vectors.
Offsets count elements and are not checked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

FLOAT, INT = ir.FloatType(), ir.IntType(32)
FUSE = ("contract",)


class Vector(types.Type):
    """numba's type of ``lanes`` numbers side by side: float32, or float64 to read what is given."""

    def __init__(self, lanes: int, element: Any = types.float32) -> None:
        self.lanes, self.element = lanes, element
        super().__init__(f"{element}x{lanes}")

    @property
    def code(self) -> Any:
        """LLVM's type."""
        scalar = FLOAT if self.element == types.float32 else ir.DoubleType()
        return ir.VectorType(scalar, self.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.code)  # type: ignore[no-untyped-call]


def primitive(build: Callable[..., Any]) -> Any:
    """As numba's `intrinsic`: the types of what is returned are known to numba alone."""
    return intrinsic(build)


def _is_flat(array: Any, element: Any = types.float32) -> bool:
    return isinstance(array, types.Array) and array.dtype == element and array.ndim == 1


def _load(context: Any, builder: Any, array: Any, args: Any, vector: Vector) -> Any:
    data = context.make_array(array)(context, builder, args[0]).data
    address = builder.bitcast(builder.gep(data, [args[1]]), vector.code.as_pointer())
    return builder.load(address, align=vector.element.bitwidth // 8)


def _shuffled(builder: Any, value: Any, mask: list[int]) -> Any:
    undefined = ir.Constant(value.type, ir.Undefined)
    return builder.shuffle_vector(
        value, undefined, ir.Constant(ir.VectorType(INT, len(mask)), mask)
    )


def _loader(read: Vector, mask: list[int] | None = None) -> Any:
    """Return a load of `read`, its lanes then rearranged."""
    result = read if mask is None else Vector(len(mask))

    @primitive
    def load(typing_context: Any, array: Any, at: Any) -> Any:
        if not _is_flat(array, read.element):
            return None

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = _load(context, builder, array, args, read)
            return value if mask is None else _shuffled(builder, value, mask)

        return result(array, types.intp), build

    return load


#: ``load16(x, at)``: the vector ``x[at : at + 16]`` of a flat float32 array.
load16 = _loader(Vector(16))
#: ``spread16(x, at)``: the vector whose lanes are all ``x[at]``.
spread16 = _loader(Vector(1), [0] * 16)
#: ``repeat4(x, at)``: ``np.repeat(x[at : at + 4], 4)``; 16 lanes in any case.
repeat2, repeat4 = (_loader(Vector(n), [i * n // 16 for i in range(16)]) for n in (2, 4))
#: ``tile4(x, at)``: ``np.tile(x[at : at + 4], 4)``; 16 lanes in any case.
tile4, tile8 = (_loader(Vector(n), [i % n for i in range(16)]) for n in (4, 8))
#: ``double4(x, at)``: the vector ``x[at : at + 4]`` of a flat float64 array.
double4 = _loader(Vector(4, types.float64))


@primitive
def single(typing_context: Any, vector: Any) -> Any:
    """Round float64 lanes to float32."""
    if not (isinstance(vector, Vector) and vector.element == types.float64):
        return None
    narrow = Vector(vector.lanes)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fptrunc(args[0], narrow.code)

    return narrow(vector), build


@primitive
def fill16(typing_context: Any, value: Any) -> Any:
    """Return the vector whose 16 lanes are all ``value``."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _broadcast(builder, args[0], 16)

    return Vector(16)(types.float32), build


@primitive
def store(typing_context: Any, array: Any, at: Any, vector: Any) -> Any:
    """``x[at : at + lanes] = vector``."""
    if not (_is_flat(array) and isinstance(vector, Vector)):
        return None

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        address = builder.bitcast(builder.gep(data, [args[1]]), vector.code.as_pointer())
        builder.store(args[2], address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), build


@primitive
def transpose4(typing_context: Any, array: Any, at: Any, stride: Any, to: Any) -> Any:
    """Write the transpose of a 4 x 4 block at ``at`` to ``to``; rows are ``stride`` apart."""
    if not _is_flat(array):
        return None

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        kind = Vector(4).code.as_pointer()
        rows, ends = [], []
        at, to = args[1], args[3]
        for _ in range(4):
            rows.append(builder.load(builder.bitcast(builder.gep(data, [at]), kind), align=4))
            ends.append(builder.bitcast(builder.gep(data, [to]), kind))
            at, to = builder.add(at, args[2]), builder.add(to, args[2])

        def mix(a: Any, b: Any, mask: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, 4), mask))

        low = [mix(rows[i], rows[i + 1], [0, 4, 1, 5]) for i in (0, 2)]
        high = [mix(rows[i], rows[i + 1], [2, 6, 3, 7]) for i in (0, 2)]
        halves = ([0, 1, 4, 5], [2, 3, 6, 7])
        columns = [mix(pair[0], pair[1], mask) for pair in (low, high) for mask in halves]
        for column, end in zip(columns, ends, strict=True):
            builder.store(column, end, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, types.intp), build


def _broadcast(builder: Any, scalar: Any, lanes: int) -> Any:
    undefined = ir.Constant(ir.VectorType(scalar.type, 1), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(INT, 0))
    return _shuffled(builder, one, [0] * lanes)


def _pairwise(emit: Callable[[Any, Any, Any], Any]) -> Any:
    """Return an operation on two vectors, or on one and a scalar."""

    @primitive
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        vector = left if isinstance(left, Vector) else right
        if not isinstance(vector, Vector):
            return None
        pair = [side if isinstance(side, Vector) else vector.element for side in (left, right)]

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            whole = [
                value if isinstance(side, Vector) else _broadcast(builder, value, vector.lanes)
                for side, value in zip(pair, args, strict=True)
            ]
            return emit(builder, *whole)

        return vector(*pair), build

    return operation


def select(builder: Any, comparison: str, a: Any, b: Any) -> Any:
    """Emit ``a if a <comparison> b else b`` lane by lane: a bound on the right wins over NaN."""
    return builder.select(builder.fcmp_ordered(comparison, a, b), a, b)


_add = _pairwise(lambda b, x, y: b.fadd(x, y, flags=FUSE))
_subtract = _pairwise(lambda b, x, y: b.fsub(x, y, flags=FUSE))
_multiply = _pairwise(lambda b, x, y: b.fmul(x, y, flags=FUSE))
_divide = _pairwise(lambda b, x, y: b.fdiv(x, y))
#: Elementwise; where the left side is NaN, the right one.
maximum = _pairwise(lambda b, x, y: select(b, ">", x, y))
minimum = _pairwise(lambda b, x, y: select(b, "<", x, y))


def _overloaded(function: Callable[..., Any], operation: Any) -> None:
    @overload(function)  # numba compares signatures, annotations included
    def use(left, right):  # type: ignore[no-untyped-def]
        if isinstance(left, Vector) or isinstance(right, Vector):
            return lambda left, right: operation(left, right)
        return None


for _function, _operation in (
    (operator.add, _add),
    (operator.sub, _subtract),
    (operator.mul, _multiply),
    (operator.truediv, _divide),
):
    _overloaded(_function, _operation)


@primitive
def total(typing_context: Any, vector: Any) -> Any:
    """Return the sum of a vector's lanes, in no particular order."""
    if not isinstance(vector, Vector):
        return None

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"llvm.vector.reduce.fadd.v{vector.lanes}f32"
        kind = ir.FunctionType(FLOAT, [FLOAT, vector.code])
        reduce: Any = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, name
        )
        return builder.call(reduce, [ir.Constant(FLOAT, 0.0), args[0]], fastmath=("reassoc",))

    return types.float32(vector), build


def aligned_zeros(size: int) -> Float32Array:
    """Return zeros that begin on a cache line, so that no vector is split between two."""
    line = 16
    flat = np.zeros(size + line, dtype=np.float32)
    start = -(flat.ctypes.data // 4) % line
    return flat[start : start + size]
