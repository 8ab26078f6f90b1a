"""The product of strategies/kernel/product.py for the compiler, which alone loads this: one instruction."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload

from strategies.kernel.product import HALF, HALF_MASK, product


@intrinsic
def _in_128_bits(typing: Any, one: Any, other: Any) -> Any:  # noqa: ARG001
    def code(context: Any, builder: Any, signature: Any, factors: Any) -> Any:
        twice = ir.IntType(128)
        one, other = (builder.zext(factor, twice) for factor in factors)
        whole = builder.mul(one, other)
        high = builder.lshr(whole, twice(HALF))
        low = builder.and_(whole, twice(HALF_MASK))
        made = [builder.trunc(half, ir.IntType(64)) for half in (high, low)]
        return context.make_tuple(builder, signature.return_type, made)

    halves = types.UniTuple(types.int64, 2)  # type: ignore[no-untyped-call]
    return halves(types.int64, types.int64), code


@overload(product, strict=False)
def _product(one: Any, other: Any) -> Any:  # noqa: ARG001
    return lambda one, other: _in_128_bits(one, other)  # type: ignore[call-arg]  # noqa: PLW0108
