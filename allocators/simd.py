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

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FUSE = ("contract",)


class Vector(types.Type):
    """numba's type of ``lanes`` numbers side by side: float32, or float64 to read what is given."""

    def __init__(self, lanes: int, element: Any = types.float32) -> None:
        self.lanes, self.element = lanes, element
        super().__init__(f"{element}x{lanes}")

    @property
    def code(self) -> Any:
        """LLVM's type."""
        scalar = _FLOAT if self.element == types.float32 else ir.DoubleType()
        return ir.VectorType(scalar, self.lanes)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.code)  # type: ignore[no-untyped-call]


def _primitive(build: Callable[..., Any]) -> Any:
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
        value, undefined, ir.Constant(ir.VectorType(_INT, len(mask)), mask)
    )


def _loader(read: Vector, mask: list[int] | None = None) -> Any:
    """Return a load of `read`, its lanes then rearranged."""
    result = read if mask is None else Vector(len(mask))

    @_primitive
    def load(typing_context: Any, array: Any, at: Any) -> Any:
        if not _is_flat(array, read.element):
            return None

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value = _load(context, builder, array, args, read)
            return value if mask is None else _shuffled(builder, value, mask)

        return result(array, types.intp), build

    return load


#: ``load8(x, at)``: the vector ``x[at : at + 8]`` of a flat float32 array.
load4, load8, load16 = _loader(Vector(4)), _loader(Vector(8)), _loader(Vector(16))
#: ``spread8(x, at)``: the vector whose lanes are all ``x[at]``.
spread4, spread8, spread16 = (_loader(Vector(1), [0] * lanes) for lanes in (4, 8, 16))
#: ``repeat4(x, at)``: ``np.repeat(x[at : at + 4], 4)``; 16 lanes in any case.
repeat2, repeat4 = (_loader(Vector(n), [i * n // 16 for i in range(16)]) for n in (2, 4))
#: ``tile4(x, at)``: ``np.tile(x[at : at + 4], 4)``; 16 lanes in any case.
tile4, tile8 = (_loader(Vector(n), [i % n for i in range(16)]) for n in (4, 8))
#: ``double4(x, at)``: the vector ``x[at : at + 4]`` of a flat float64 array.
double4 = _loader(Vector(4, types.float64))


@_primitive
def single(typing_context: Any, vector: Any) -> Any:
    """Round float64 lanes to float32."""
    if not (isinstance(vector, Vector) and vector.element == types.float64):
        return None
    narrow = Vector(vector.lanes)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fptrunc(args[0], narrow.code)

    return narrow(vector), build


def _filler(lanes: int) -> Any:
    @_primitive
    def fill(typing_context: Any, value: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _broadcast(builder, args[0], lanes)

        return Vector(lanes)(types.float32), build

    return fill


#: ``fill8(value)``: the vector whose lanes are all ``value``.
fill4, fill8, fill16 = _filler(4), _filler(8), _filler(16)


@_primitive
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


@_primitive
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
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, 4), mask))

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
    one = builder.insert_element(undefined, scalar, ir.Constant(_INT, 0))
    return _shuffled(builder, one, [0] * lanes)


def _pairwise(emit: Callable[[Any, Any, Any], Any]) -> Any:
    """Return an operation on two vectors, or on one and a scalar."""

    @_primitive
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


def _select(builder: Any, comparison: str, a: Any, b: Any) -> Any:
    # `a` where the comparison is false for a NaN in it: a bound on the right wins over NaN
    return builder.select(builder.fcmp_ordered(comparison, a, b), a, b)


_add = _pairwise(lambda b, x, y: b.fadd(x, y, flags=_FUSE))
_subtract = _pairwise(lambda b, x, y: b.fsub(x, y, flags=_FUSE))
_multiply = _pairwise(lambda b, x, y: b.fmul(x, y, flags=_FUSE))
_divide = _pairwise(lambda b, x, y: b.fdiv(x, y))
#: Elementwise; where the left side is NaN, the right one.
maximum = _pairwise(lambda b, x, y: _select(b, ">", x, y))
minimum = _pairwise(lambda b, x, y: _select(b, "<", x, y))


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


def _single(emit: Callable[[Any, Any, int], Any]) -> Any:
    @_primitive
    def operation(typing_context: Any, vector: Any) -> Any:
        if not isinstance(vector, Vector):
            return None

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit(builder, args[0], vector.lanes)

        return vector(vector), build

    return operation


@_primitive
def total(typing_context: Any, vector: Any) -> Any:
    """Return the sum of a vector's lanes, in no particular order."""
    if not isinstance(vector, Vector):
        return None

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"llvm.vector.reduce.fadd.v{vector.lanes}f32"
        kind = ir.FunctionType(_FLOAT, [_FLOAT, vector.code])
        reduce: Any = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, name
        )
        return builder.call(reduce, [ir.Constant(_FLOAT, 0.0), args[0]], fastmath=("reassoc",))

    return types.float32(vector), build


class _Expression:
    """Constants and arithmetic on whole vectors while code is built."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder = builder
        self.floats, self.ints = ir.VectorType(_FLOAT, lanes), ir.VectorType(_INT, lanes)

    def real(self, value: float) -> Any:
        # llvmlite wants a float32 that a double holds exactly
        return ir.Constant(self.floats, [float(np.float32(value))] * self.floats.count)

    def integer(self, value: int) -> Any:
        return ir.Constant(self.ints, [value] * self.ints.count)

    def polynomial(self, x: Any, coefficients: tuple[float, ...]) -> Any:
        """Horner's rule, highest power first."""
        total = self.real(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.add(self.multiply(total, x), self.real(coefficient))
        return total

    def add(self, x: Any, y: Any) -> Any:
        return self.builder.fadd(x, y, flags=_FUSE)

    def multiply(self, x: Any, y: Any) -> Any:
        return self.builder.fmul(x, y, flags=_FUSE)


_SQRT_HALF_BITS = 0x3F3504F3
_LN2 = 0.6931471805599453


def _log1p_code(builder: Any, x: Any, lanes: int) -> Any:
    # 1 + x = 2^e m, m in [sqrt(1/2), sqrt(2)): log m = 2 atanh(z), z = f / (2 + f), f = m - 1. With
    # e = 0, f is x itself: nothing is lost to the 1 where x is small.
    v = _Expression(builder, lanes)
    whole = builder.bitcast(v.add(x, v.real(1.0)), v.ints)
    offset = builder.sub(whole, v.integer(_SQRT_HALF_BITS))
    exponent = builder.ashr(offset, v.integer(23))
    mantissa = builder.add(
        builder.and_(offset, v.integer((1 << 23) - 1)), v.integer(_SQRT_HALF_BITS)
    )
    above_one = v.add(builder.bitcast(mantissa, v.floats), v.real(-1.0))
    small = builder.icmp_signed("==", exponent, v.integer(0))
    f = builder.select(small, x, above_one)
    z = builder.fdiv(f, v.add(f, v.real(2.0)))
    square = v.multiply(z, z)
    series = v.polynomial(square, (2 / 9, 2 / 7, 2 / 5, 2 / 3))
    log_m = v.add(v.multiply(z, v.multiply(square, series)), v.multiply(z, v.real(2.0)))
    return v.add(v.multiply(builder.sitofp(exponent, v.floats), v.real(_LN2)), log_m)


def _exp_code(builder: Any, x: Any, lanes: int) -> Any:
    # exp x = 2^n exp r with n the whole number next to x / ln 2, |r| <= ln 2 / 2
    v = _Expression(builder, lanes)
    x = _select(builder, ">", x, v.real(-87.0))
    x = _select(builder, "<", x, v.real(87.0))
    shift = v.real(1.5 * 2**23)  # adding it rounds to a whole number
    rounded = builder.fadd(builder.fmul(x, v.real(1.0 / _LN2)), shift)
    n = builder.fsub(rounded, shift)
    r = v.add(x, v.multiply(n, v.real(-0.693145751953125)))
    r = v.add(r, v.multiply(n, v.real(-1.4286068203094172e-06)))
    series = v.polynomial(r, (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0))
    power = builder.shl(builder.fptosi(n, v.ints), v.integer(23))
    return builder.bitcast(builder.add(builder.bitcast(series, v.ints), power), v.floats)


#: log(1 + x) for finite x >= 0, to a few units in the last place, however small x is.
log1p = _single(_log1p_code)
#: exp(x), to a few units in the last place; x is cut to [-87, 87].
exp = _single(_exp_code)


def aligned_zeros(size: int) -> Float32Array:
    """Return zeros that begin on a cache line, so that no vector is split between two."""
    line = 16
    flat = np.zeros(size + line, dtype=np.float32)
    start = -(flat.ctypes.data // 4) % line
    return flat[start : start + size]
