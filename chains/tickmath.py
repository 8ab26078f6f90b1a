"""Prices of Uniswap V3 ticks, exact to the bit.

The square root of 1.0001**tick as a fixed-point number with 96 bits behind the point, as published in
Uniswap V3 core, `contracts/libraries/TickMath.sol`, `getSqrtRatioAtTick`: tick is a sum of powers of two, and
the root for each of them is a known constant with 128 bits behind the point.
"""

from functools import lru_cache

MAX_TICK = 887_272

# The n-th of them is 2**128 divided by the 2**n-th power of sqrt(1.0001).
ROOTS = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)


@lru_cache(maxsize=65_536)
def sqrt_price_x96(tick: int) -> int:
    """sqrt(token1 per token0, in base units) * 2**96 at a tick."""
    assert abs(tick) <= MAX_TICK, f"tick {tick} is outside +-{MAX_TICK}"
    root = 1 << 128
    for bit, factor in enumerate(ROOTS):
        if abs(tick) >> bit & 1:
            root = root * factor >> 128
    if tick > 0:
        root = ((1 << 256) - 1) // root
    return (root >> 32) + (root & 0xFFFF_FFFF > 0)  # Rounded up, as the contract does.
