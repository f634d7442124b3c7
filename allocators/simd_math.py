"""Logarithm and exponential of whole vectors: a library's would be a call for every lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from allocators.simd import FLOAT, FUSE, INT, Vector, primitive, select


def _single(emit: Callable[[Any, Any, int], Any]) -> Any:
    @primitive
    def operation(typing_context: Any, vector: Any) -> Any:
        if not isinstance(vector, Vector):
            return None

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit(builder, args[0], vector.lanes)

        return vector(vector), build

    return operation


class _Expression:
    """Constants and arithmetic on whole vectors while code is built."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder = builder
        self.floats, self.ints = ir.VectorType(FLOAT, lanes), ir.VectorType(INT, lanes)

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
        return self.builder.fadd(x, y, flags=FUSE)

    def multiply(self, x: Any, y: Any) -> Any:
        return self.builder.fmul(x, y, flags=FUSE)


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
    x = select(builder, ">", x, v.real(-87.0))
    x = select(builder, "<", x, v.real(87.0))
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
