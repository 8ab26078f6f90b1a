"""What an exact input buys in a Uniswap V3 pool, across its ticks, to the unit.  Integers only.

The arithmetic is that of Uniswap V3 core (SqrtPriceMath, SwapMath, TickBitmap, and the loop of
UniswapV3Pool.swap).  This rounds where the contract rounds, and the same way; and like the contract it stops
at the end of every 256 spacings of ticks, since each stop rounds once more.  A square root of a price has 96
bits behind the point and counts token1 per token0, in base units.
"""

from bisect import bisect_left, bisect_right

from msgspec import Struct
from msgspec.structs import replace

from chains.pool import FEE_SCALE
from chains.tickmath import MAX_TICK, sqrt_price_x96
from chains.venue import Unanswered

Q96 = 1 << 96
MIN_ROOT, MAX_ROOT = sqrt_price_x96(-MAX_TICK), sqrt_price_x96(MAX_TICK)
TIERS = {100: 1, 500: 10, 3_000: 60, 10_000: 200}  # Uniswap's fees in millionths, and their tick spacings.
_WORD_BITS = 256  # One word of a tick bitmap.
_UINT256 = 1 << 256


class Pool(Struct, frozen=True):
    """A pool at one block: slot0, its liquidity in range, and the initialised ticks of some words."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_pips: int
    tick_spacing: int
    # (tick, net liquidity when it is crossed upwards; None: not read), ascending.
    ticks: tuple[tuple[int, int | None], ...]
    words: tuple[int, int]  # First and last word of the bitmap that was read: beyond them nothing is known.


class Swapped(Struct, frozen=True):
    """`amount_in` is less than was offered if the pool ran dry."""

    amount_in: int
    amount_out: int
    crossed: int  # Initialised ticks: each costs gas.
    pool: Pool  # As the swap leaves it.


class Unread(Unanswered, frozen=True):
    """The swap comes to this tick or past it, and what is there was not read.

    It gives no more than `most`: beyond the tick the price only gets worse.
    """

    tick: int
    most: int


def quote(pool: Pool, amount_in: int, zero_for_one: bool) -> Swapped | Unread:
    """`zero_for_one`: token0 is paid in and token1 paid out."""
    if amount_in <= 0:
        raise ValueError(f"amount_in is {amount_in}: a swap pays more than nothing")
    left, out, crossed, limit = amount_in, 0, 0, MIN_ROOT + 1 if zero_for_one else MAX_ROOT - 1
    while left and pool.sqrt_price_x96 != limit:
        tick, initialised = next_tick(pool, zero_for_one)
        if tick is None:
            return _unread(pool, zero_for_one, left, out)
        end = sqrt_price_x96(tick)
        target = max(end, limit) if zero_for_one else min(end, limit)
        root, paid, got, fee = step(pool.sqrt_price_x96, target, pool.liquidity, left, pool.fee_pips)
        left, out = left - paid - fee, out + got
        if root == end:
            crossed += initialised
            net = _net(pool, tick)
            if net is None:
                return _unread(replace(pool, sqrt_price_x96=root), zero_for_one, left, out)
            pool = _crossed(pool, tick, net, zero_for_one)
        elif root != pool.sqrt_price_x96:
            pool = replace(pool, sqrt_price_x96=root, tick=tick_at(root))
    return Swapped(amount_in - left, out, crossed, pool)


def next_tick(pool: Pool, down: bool) -> tuple[int | None, bool]:
    """The next initialised tick within the word of the bitmap, or the word's end; None: not read.

    Source: TickBitmap.nextInitializedTickWithinOneWord.  Downwards the pool's own tick counts.
    """
    place = pool.tick // pool.tick_spacing + (0 if down else 1)
    word = place // _WORD_BITS
    if not pool.words[0] <= word <= pool.words[1]:
        return None, False
    places = word * _WORD_BITS, (word + 1) * _WORD_BITS - 1
    first, last = (each * pool.tick_spacing for each in places)
    if down:
        at = bisect_right(pool.ticks, pool.tick, key=lambda each: each[0]) - 1
        found = pool.ticks[at][0] if at >= 0 else first - 1
        return (found, True) if found >= first else (max(first, -MAX_TICK), False)
    at = bisect_left(pool.ticks, pool.tick + 1, key=lambda each: each[0])
    found = pool.ticks[at][0] if at < len(pool.ticks) else last + 1
    return (found, True) if found <= last else (min(last, MAX_TICK), False)


def _unread(pool: Pool, down: bool, left: int, out: int) -> Unread:
    """Without a fee, at the price that has been reached."""
    square = pool.sqrt_price_x96**2
    most = left * square // Q96**2 if down else left * Q96**2 // square
    place = pool.tick // pool.tick_spacing + (0 if down else 1)
    return Unread(
        "the swap leaves the ticks of the pool that were read", place * pool.tick_spacing, out + most
    )


def _net(pool: Pool, tick: int) -> int | None:
    at = bisect_left(pool.ticks, tick, key=lambda each: each[0])
    return pool.ticks[at][1] if at < len(pool.ticks) and pool.ticks[at][0] == tick else 0


def _crossed(pool: Pool, tick: int, net: int, down: bool) -> Pool:
    """At the tick: its net liquidity comes in upwards and goes out downwards."""
    liquidity = pool.liquidity + (-net if down else net)
    if liquidity < 0:
        raise ValueError(
            f"liquidity would be {liquidity} beyond tick {tick}: the snapshot is not of one block"
        )
    root = sqrt_price_x96(tick)
    return replace(pool, sqrt_price_x96=root, tick=tick - 1 if down else tick, liquidity=liquidity)


def step(root: int, target: int, liquidity: int, left: int, fee_pips: int) -> tuple[int, int, int, int]:
    """One step within a range: (root after it, amount in, amount out, fee).  Source: computeSwapStep."""
    down = root >= target
    taxed = left * (FEE_SCALE - fee_pips) // FEE_SCALE
    most = _amount0(target, root, liquidity, up=True) if down else _amount1(root, target, liquidity, up=True)
    after = target if taxed >= most else root_after(root, liquidity, taxed, down)
    if down:
        paid = most if after == target else _amount0(after, root, liquidity, up=True)
        got = _amount1(after, root, liquidity, up=False)
    else:
        paid = most if after == target else _amount1(root, after, liquidity, up=True)
        got = _amount0(root, after, liquidity, up=False)
    fee = _up(paid * fee_pips, FEE_SCALE - fee_pips) if after == target else left - paid
    return after, paid, got, fee


def root_after(root: int, liquidity: int, amount: int, down: bool) -> int:
    """Source: getNextSqrtPriceFromInput; the second form is taken where the first one overflows."""
    if not down:
        return root + (amount << 96) // liquidity
    scaled, product = liquidity << 96, amount * root
    if product < _UINT256 and scaled + product < _UINT256:
        return _up(scaled * root, scaled + product)
    return _up(scaled, scaled // root + amount)


def _amount0(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Token0 between two prices: L * (1/low - 1/high).  Source: getAmount0Delta."""
    product = (liquidity << 96) * (high - low)
    return _up(_up(product, high), low) if up else product // high // low


def _amount1(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """Token1 between two prices: L * (high - low).  Source: getAmount1Delta."""
    product = liquidity * (high - low)
    return _up(product, Q96) if up else product // Q96


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def holds(tick: int, root: int) -> bool:
    """Whether the price is at this tick, and below the next one."""
    if not -MAX_TICK <= tick < MAX_TICK:
        return False
    return sqrt_price_x96(tick) <= root < sqrt_price_x96(tick + 1)


def tick_at(root: int) -> int:
    """The highest tick whose price is not above this one.  Source: getTickAtSqrtRatio."""
    if not MIN_ROOT <= root < MAX_ROOT:
        raise ValueError(f"sqrtPriceX96 is {root}: a pool's is from {MIN_ROOT} to {MAX_ROOT - 1}")
    return bisect_right(range(-MAX_TICK, MAX_TICK), root, key=sqrt_price_x96) - 1 - MAX_TICK
