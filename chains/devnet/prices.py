"""How far a pool must be pushed to a price: exact integers.  Pure.

A ratio is token1 per token0 in base units, as (numerator, denominator).
"""

from math import isqrt

Ratio = tuple[int, int]
PIPS = 10**6


def ratio(price0: int, decimals0: int, price1: int, decimals1: int) -> Ratio:
    """Of two tokens whose prices are in one quote; the quote's own is `world.whole(1, decimals)`."""
    assert price0 > 0, "token0 has no price"
    assert price1 > 0, "token1 has no price"
    return price0 * 10**decimals1, price1 * 10**decimals0


def sqrt_x96(wanted: Ratio) -> int:
    """The V3 price: sqrt(token1 per token0) * 2**96, rounded down."""
    numerator, denominator = wanted
    return isqrt((numerator << 192) // denominator)


def v2_push(reserve0: int, reserve1: int, wanted: Ratio) -> tuple[bool, int]:
    """Whether token0 is sold, and how much of it or of token1: 0 if the pool is there already.

    x is what is paid in and y the other; p is the wanted y per x.  The pool keeps 3/1000 of what comes in, so
    after dx it holds x + dx and 1000 x y / (1000 x + 997 dx), and their quotient is to be p:
    997 dx**2 + 1997 x dx + 1000 (x**2 - x y / p) = 0, whose discriminant is 9 x**2 + 3988000 x y / p.
    Source of the fee: UniswapV2Library.getAmountOut.
    """
    numerator, denominator = wanted
    sells_token0 = reserve1 * denominator > reserve0 * numerator  # Token0 is dearer than wanted.
    if not sells_token0:
        reserve0, reserve1, numerator, denominator = reserve1, reserve0, denominator, numerator
    square = 9 * reserve0**2 + 3_988_000 * reserve0 * reserve1 * denominator // numerator
    return sells_token0, max(0, (isqrt(square) - 1_997 * reserve0) // 1_994)


def v2_out(amount_in: int, reserve_in: int, reserve_out: int) -> int:
    """Source: UniswapV2Library.getAmountOut."""
    return amount_in * 997 * reserve_out // (reserve_in * 1_000 + amount_in * 997)


def error_pips(reached: Ratio, wanted: Ratio) -> int:
    """How far two ratios are apart, in millionths of the wanted one, rounded up: 100 of them are 1 bps."""
    a, b = reached[0] * wanted[1], reached[1] * wanted[0]
    return -(-abs(a - b) * PIPS // b)
