"""Small bars into big ones: minutes into the timeframe of a strategy.

A timeframe bar covers (start, end] and is given out at the first tick at or past its end, whether or not that
tick has a price of the token.  Timeframes in which a token did not trade are left out.
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Asset, Bar, Tick, Units


class Forming(Struct, frozen=True):
    """One token's timeframe bar that has not ended."""

    end_ns: int
    bar: Bar


Growing = dict[Asset, Forming]  # The whole state: JSON can hold it.


def after_tick(growing: Growing, tick: Tick, timeframe_ns: int) -> tuple[Growing, tuple[Tick, ...]]:
    """The state after a tick, and the timeframe bars that it completes, by when they ended.

    Usually that is none, or one tick; after a gap it can be two.
    """
    done: dict[int, list[Bar]] = {}
    after = dict(growing)
    for token, forming in growing.items():
        if forming.end_ns < tick.at_ns:
            done.setdefault(forming.end_ns, []).append(after.pop(token).bar)
    end_ns = -(-tick.at_ns // timeframe_ns) * timeframe_ns
    for bar in tick.bars:
        earlier = after.get(bar.token)
        grown = _grown(earlier.bar, bar) if earlier else bar
        after[bar.token] = Forming(end_ns, grown)
    if end_ns == tick.at_ns:
        ended = [token for token, forming in after.items() if forming.end_ns == end_ns]
        done.setdefault(end_ns, []).extend(after.pop(token).bar for token in ended)
    return after, tuple(Tick(at_ns, tuple(bars)) for at_ns, bars in sorted(done.items()) if bars)


def _grown(first: Bar, then: Bar) -> Bar:
    """Two bars of one token, one after the other, as one."""
    return replace(
        then,
        open=first.open,
        high=max(first.high, then.high),
        low=min(first.low, then.low),
        volume=Units(first.volume + then.volume),
    )
