"""Bars out of a pool's events: the live prices of a token, as a fold of its logs.  Integers only.

V2: every Sync is a price and the reserves; the Swap behind it is the volume.  V3: a Swap is all of that, over
the virtual reserves of the range it ends in (what providers add or take between two swaps shows in the next
one).  A bar opens at the price at which the one before closed; one without trades stays there, at no volume.

Events come in the order of the chain.  An event of a block that a reorg undid is not taken back: fold again
from the state before it, which is frozen.
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import PRICE_SCALE, Bar, Instrument, Price, Units
from chains.evm import logs
from chains.evm.logs import PoolSwap
from chains.evm.wire import Log
from chains.pool import price_of


class Market(Struct, frozen=True):
    """A token and the pool whose events are its market."""

    instrument: Instrument
    pool: str
    quote_is_token0: bool


class Event(Struct, frozen=True):
    """What one log says; a V2 Swap has the volume alone."""

    at_ns: int  # Of its block.
    position: tuple[int, int]  # Block, index in it.
    volume: Units = Units(0)  # Of the quote.
    price: Price | None = None
    reserve_quote: Units = Units(0)
    reserve_token: Units = Units(0)


class Forming(Struct, frozen=True):
    """The bar of the interval that `end_ns` ends: so far."""

    bar: Bar
    end_ns: int
    interval_ns: int
    last: tuple[int, int]  # The position up to which the chain is in it.


Closed = tuple[tuple[int, Bar], ...]  # Each with the moment at which its interval ended.


def event_of(market: Market, log: Log, at_ns: int) -> Event | None:
    """None: another pool's, or nothing that changes a price."""
    if log.address != market.pool:
        return None
    place = logs.position(log)
    if found := logs.sync(log):
        return Event(at_ns, place, Units(0), *v2_state(market, found.reserve0, found.reserve1))
    if swap := logs.swap(log):
        state = v3_state(market, swap.sqrt_price_x96, swap.liquidity) if swap.sqrt_price_x96 else ()
        return Event(at_ns, place, _volume(market, swap), *state)
    return None


def started(market: Market, event: Event, interval_ns: int) -> Forming:
    """From a state of the pool that was read (or its first event): nothing is known of what was before."""
    if event.price is None:
        raise ValueError(f"the event at {event.position} has no price: begin with the pool's state")
    token, price = market.instrument.token, event.price
    bar = Bar(token, price, price, price, price, Units(0), event.reserve_quote, event.reserve_token)
    end_ns = (event.at_ns // interval_ns + 1) * interval_ns
    return Forming(bar, end_ns, interval_ns, event.position)


def folded(forming: Forming, event: Event) -> tuple[Forming, Closed]:
    """The state after an event, and the bars that ended before it."""
    if event.position <= forming.last:
        return _earlier(forming, event)
    forming, closed = advanced(forming, event.at_ns)
    if event.at_ns < forming.end_ns - forming.interval_ns:
        raise ValueError(f"the event at {event.position} is of a bar that has ended: its block came too late")
    bar = replace(forming.bar, volume=Units(forming.bar.volume + event.volume))
    if event.price is not None:
        bar = replace(
            bar, high=max(bar.high, event.price), low=min(bar.low, event.price), close=event.price,
            reserve_quote=event.reserve_quote, reserve_token=event.reserve_token,
        )  # fmt: skip
    return replace(forming, bar=bar, last=event.position), closed


def _earlier(forming: Forming, event: Event) -> tuple[Forming, Closed]:
    """Twice the same is nothing new; what is before it has been there already, or was lost on the way."""
    if event.position == forming.last:
        return forming, ()
    raise ValueError(f"the event at {event.position} comes after that at {forming.last}: sort them")


def advanced(forming: Forming, now_ns: int) -> tuple[Forming, Closed]:
    """The chain's clock stands at `now_ns`, and all events before it are folded: what ended is a bar."""
    closed = []
    while forming.end_ns <= now_ns:
        closed.append((forming.end_ns, forming.bar))
        forming = replace(forming, bar=_empty(forming.bar), end_ns=forming.end_ns + forming.interval_ns)
    return forming, tuple(closed)


def _empty(bar: Bar) -> Bar:
    close = bar.close
    return replace(bar, open=close, high=close, low=close, volume=Units(0))


def _quote_and_token(market: Market, amount0: int, amount1: int) -> tuple[Units, Units]:
    pair = (amount0, amount1) if market.quote_is_token0 else (amount1, amount0)
    return Units(pair[0]), Units(pair[1])


def v2_state(market: Market, reserve0: int, reserve1: int) -> tuple[Price, Units, Units]:
    """The price and the reserves (quote, token); of an emptied pair, as if a unit of each were left."""
    quote, token = _quote_and_token(market, max(1, reserve0), max(1, reserve1))
    return price_of(quote, token, market.instrument.token_decimals), quote, token


def _volume(market: Market, swap: PoolSwap) -> Units:
    """Quote units in or out; of a flash swap, the difference."""
    quote = (swap.in0, swap.out0) if market.quote_is_token0 else (swap.in1, swap.out1)
    return Units(abs(quote[0] - quote[1]))


def v3_state(market: Market, root: int, liquidity: int) -> tuple[Price, Units, Units]:
    """The price and the virtual reserves (quote, token): x = L / sqrt(P), y = L * sqrt(P)."""
    square, scale = root * root, 10**market.instrument.token_decimals * PRICE_SCALE
    price = (scale << 192) // square if market.quote_is_token0 else scale * square >> 192
    reserves = max(1, (liquidity << 96) // root), max(1, liquidity * root >> 96)
    return Price(price), *_quote_and_token(market, *reserves)
