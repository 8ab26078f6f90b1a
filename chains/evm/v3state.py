"""The state of a Uniswap V3 pool, out of its contract's answers: what to read of it, and what that says.

Answers of different blocks must not be mixed: ask for all of them at one block.  Only the ticks near the
price are read, on the side to which a swap moves it: `near`, and where that is too little `further`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, takewhile

from msgspec import Struct

from chains.evm.calldata import LIQUIDITY, SLOT0, TICK_BITMAP, TICKS, Method, read_uint
from chains.evm.v3math import Pool, holds, tick_at
from chains.tickmath import MAX_TICK, sqrt_price_x96

_WORD_BITS = 256
NEAR, FURTHER = 8, 32  # Initialised ticks that are read at first, and later: most orders cross none.


class Part(Struct, frozen=True):
    """What is read by one call of a pool's contract."""

    method: Method
    arguments: tuple[int, ...] = ()


BASE = (Part(SLOT0), Part(LIQUIDITY))
Answers = Mapping[Part, bytes]


def word_of(tick: int, tick_spacing: int) -> int:
    """The word of the bitmap in which a tick's bit is: 256 spacings (at 0.3 %: a factor of 4.6)."""
    return tick // tick_spacing // _WORD_BITS


def ticks_of(word: int, bitmap: int, tick_spacing: int) -> tuple[int, ...]:
    """The initialised ticks of a word, ascending: those whose net liquidity is to be read."""
    ticks = []
    while bitmap:
        lowest = bitmap & -bitmap
        ticks.append((word * _WORD_BITS + lowest.bit_length() - 1) * tick_spacing)
        bitmap ^= lowest
    return tuple(ticks)


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


# -- what to read ------------------------------------------------------------------------------------
def bitmap(tick_spacing: int) -> range:
    """All words that a pool has."""
    return range(word_of(-MAX_TICK, tick_spacing), word_of(MAX_TICK, tick_spacing) + 1)


def near(answers: Answers, tick_spacing: int, down: bool) -> tuple[Part, ...]:
    """What such a swap begins with: two words, and once they are read the first of their ticks."""
    _, tick = read_slot0(answers[BASE[0]])
    words = _words(tick, tick_spacing, down)
    if any(part not in answers for part in words):
        return words
    return words + _ahead(answers, tick_spacing, down, tick)[:NEAR]


def further(answers: Answers, tick_spacing: int, down: bool, at: int) -> tuple[Part, ...]:
    """What is still to be read for a swap that comes to the tick `at`: words first, then ticks."""
    words = tuple(part for part in _words(at, tick_spacing, down) if part not in answers)
    if words:
        return words
    ahead = _ahead(answers, tick_spacing, down, at)
    return tuple(part for part in ahead if part not in answers)[:FURTHER]


def _words(tick: int, tick_spacing: int, down: bool) -> tuple[Part, ...]:
    """That of the tick, and the one after it."""
    first, there = word_of(tick, tick_spacing), bitmap(tick_spacing)
    words = (first, first - 1 if down else first + 1)
    return tuple(Part(TICK_BITMAP, (word,)) for word in words if word in there)


def _ahead(answers: Answers, tick_spacing: int, down: bool, start: int) -> tuple[Part, ...]:
    """Initialised ticks that such a swap comes to, in its order."""
    every = sorted(_initialised(answers, tick_spacing), reverse=down)
    return tuple(Part(TICKS, (tick,)) for tick in every if (tick <= start if down else tick >= start))


def _initialised(answers: Answers, tick_spacing: int) -> Iterable[int]:
    for part, answer in answers.items():
        if part.method == TICK_BITMAP:
            yield from ticks_of(part.arguments[0], read_uint(TICK_BITMAP, answer), tick_spacing)


# -- what it says ------------------------------------------------------------------------------------
def pool_of(answers: Answers, tier: tuple[int, int]) -> Pool:
    """From all that was read, as far as its words hang together.  ValueError: see `snapshot`."""
    slot0, liquidity = read_slot0(answers[BASE[0]]), read_uint(LIQUIDITY, answers[BASE[1]])
    read = {part.arguments[0] for part in answers if part.method == TICK_BITMAP}
    first = last = word_of(slot0[1], tier[1])
    if first not in read:
        raise ValueError(f"the word {first} of its tick {slot0[1]} was not read")
    while first - 1 in read:
        first -= 1
    while last + 1 in read:
        last += 1
    words, nets = range(first, last + 1), dict[int, int | None]()
    for tick in _initialised(answers, tier[1]):
        if word_of(tick, tier[1]) in words:
            answer = answers.get(Part(TICKS, (tick,)))
            nets[tick] = None if answer is None else read_net(tick, answer)
    return snapshot(slot0, liquidity, tier, words, nets)


def snapshot(
    slot0: tuple[int, int],
    liquidity: int,
    tier: tuple[int, int],
    words: range,
    nets: Mapping[int, int | None],
) -> Pool:
    """`tier`: fee in millionths and tick spacing; `nets`: of all initialised ticks of the words, None where
    it was not read.  ValueError if the parts contradict one another.
    """
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
    if not (below or holds(tick, root)):
        raise ValueError(f"slot0 has tick {tick}, but its sqrtPriceX96 {root} is of tick {tick_at(root)}")


def _check_liquidity(tick: int, liquidity: int, ticks: Sequence[tuple[int, int | None]], whole: bool) -> None:
    """Where all ticks below are known they add up to the liquidity; and no range holds less than nothing."""
    below = _known(net for each, net in reversed(ticks) if each <= tick)
    if whole and len(below) == sum(each <= tick for each, _ in ticks) and sum(below) != liquidity:
        raise ValueError(f"liquidity is {liquidity}, but the ticks up to {tick} add up to {sum(below)}")
    above = _known(net for each, net in ticks if each > tick)
    downwards = accumulate((-net for net in below), initial=liquidity)
    if min(*downwards, *accumulate(above, initial=liquidity)) < 0:
        raise ValueError(f"liquidity {liquidity} and the ticks are not of one block: a range would hold < 0")


def _known(nets: Iterable[int | None]) -> list[int]:
    """Those that were read, up to the first that was not."""
    return [net for net in takewhile(lambda net: net is not None, nets) if net is not None]
