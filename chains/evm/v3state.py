"""The state of a Uniswap V3 pool, out of its contract's answers: which words of ticks to read, what they say.

Answers of different blocks must not be mixed: ask for all of them at one block.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from chains.evm.calldata import SLOT0, TICK_BITMAP, TICKS, read_uint
from chains.evm.v3math import Pool, tick_at
from chains.tickmath import MAX_TICK, sqrt_price_x96

_WORD_BITS = 256


def word_of(tick: int, tick_spacing: int) -> int:
    """The word of the bitmap in which a tick's bit is."""
    return tick // tick_spacing // _WORD_BITS


def words_around(tick: int, tick_spacing: int, radius: int) -> range:
    """The words to read; each is 256 spacings wide (of a pool of 0.3 %: a factor of 4.6 in price)."""
    lowest, highest = word_of(-MAX_TICK, tick_spacing), word_of(MAX_TICK, tick_spacing)
    middle = word_of(tick, tick_spacing)
    return range(max(lowest, middle - radius), min(highest, middle + radius) + 1)


def ticks_of(word: int, bitmap: int, tick_spacing: int) -> tuple[int, ...]:
    """The initialised ticks of a word, ascending: those whose net liquidity is to be read."""
    places = (word * _WORD_BITS + bit for bit in range(_WORD_BITS) if bitmap >> bit & 1)
    return tuple(place * tick_spacing for place in places)


def read_bitmap(word: int, answer: bytes, tick_spacing: int) -> tuple[int, ...]:
    return ticks_of(word, read_uint(TICK_BITMAP, answer), tick_spacing)


def read_net(tick: int, answer: bytes) -> int:
    """The net liquidity of an initialised tick."""
    gross, net, *_, initialised = TICKS.read(answer)
    assert isinstance(gross, int)
    assert isinstance(net, int)
    if not initialised or gross < abs(net):
        raise ValueError(f"ticks({tick}) answered gross {gross}, net {net}, initialised {initialised}")
    return net


def read_slot0(answer: bytes) -> tuple[int, int]:
    """The square root of the price, and the tick."""
    root, tick, *_ = SLOT0.read(answer)
    assert isinstance(root, int)
    assert isinstance(tick, int)
    if root == 0:
        raise ValueError("slot0 answered sqrtPriceX96 = 0: the pool was never initialised")
    return root, tick


def snapshot(
    slot0: tuple[int, int], liquidity: int, tier: tuple[int, int], words: range, nets: Mapping[int, int]
) -> Pool:
    """`tier`: fee in millionths and tick spacing.  ValueError if the parts contradict one another."""
    root, tick = slot0
    fee_pips, spacing = tier
    if not (0 < spacing < 16_384 and 0 < fee_pips < 1_000_000):
        raise ValueError(f"fee {fee_pips}, tickSpacing {spacing}: no pool has these")
    _check_price(root, tick, spacing)
    if word_of(tick, spacing) not in words:
        raise ValueError(f"words {words} do not hold the pool's own tick {tick}")
    ticks = tuple(sorted(nets.items()))
    if odd := [each for each, _ in ticks if each % spacing or word_of(each, spacing) not in words]:
        raise ValueError(f"ticks {odd[:3]} are no multiples of {spacing} within the words {words}")
    _check_liquidity(tick, liquidity, ticks, words[0] <= word_of(-MAX_TICK, spacing))
    return Pool(root, tick, liquidity, fee_pips, spacing, ticks, (words[0], words[-1]))


def _check_price(root: int, tick: int, spacing: int) -> None:
    """Having come down onto a tick at which it stops, a pool's tick is one below that of its price."""
    below = root == sqrt_price_x96(tick + 1) and (tick + 1) % spacing == 0
    if tick_at(root) != tick and not below:
        raise ValueError(f"slot0 has tick {tick}, but its sqrtPriceX96 {root} is of tick {tick_at(root)}")


def _check_liquidity(tick: int, liquidity: int, ticks: Iterable[tuple[int, int]], whole: bool) -> None:
    """Where all ticks below are known they add up to the liquidity; and no range holds less than nothing."""
    below = sum(net for each, net in ticks if each <= tick)
    if whole and below != liquidity:
        raise ValueError(f"liquidity is {liquidity}, but the ticks up to {tick} add up to {below}")
    if min(accumulate((net for _, net in ticks), initial=liquidity - below)) < 0:
        raise ValueError(f"liquidity {liquidity} and the ticks are not of one block: a range would hold < 0")
