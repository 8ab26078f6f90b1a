"""The bars of several pools out of one chain's blocks, with a way back for reorgs.  Pure, integers only.

A token's price is that of its pool.  Where the pool trades against another coin than ours (the wrapped native
one, or the stable), a second pool says what that is worth: an event of either is a price of the token, in the
order of the chain.

A bar is given out once a block has come that is not before its end, and then it stays, whatever a reorg
undoes: what was decided on it is not undone, and an execution quotes anew.  Whatever has not been given out
is folded again.  What the surviving blocks say of a time whose bar is out counts for the bar after it.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Tick, Units
from chains.evm import bars
from chains.evm.bars import Event, Forming, Market
from chains.evm.logs import position
from chains.evm.wire import Log

KEPT = 256  # Blocks that a reorg may undo: as many as chains/evm/chain.py remembers.
AFTER_LOGS = 1 << 32  # What is read of a block's end comes after all of its logs.


class Listing(Struct, frozen=True):
    """What is traded; its market in the pool's own two tokens; and what turns that pool's quote into ours."""

    instrument: Instrument
    market: Market
    via: Market | None = None

    @property
    def pools(self) -> tuple[str, ...]:
        return (self.market.pool, self.via.pool) if self.via else (self.market.pool,)


class State(Struct, frozen=True):
    """All that is known after a block."""

    block: int
    pools: dict[str, Event] = {}  # The last event with a price of each pool.
    forming: dict[Asset, Forming] = {}
    partial: frozenset[Asset] = frozenset()  # Their bar began before we looked: it is not given out.


class Fold(Struct, frozen=True):
    listings: tuple[Listing, ...]
    interval_ns: int
    told_ns: int = 0  # The bars up to here are out.
    states: tuple[State, ...] = ()  # Newest last.


def markets(listings: Iterable[Listing]) -> dict[str, Market]:
    """Every pool that is watched, by its address."""
    every = [market for each in listings for market in (each.market, each.via) if market]
    return {market.pool: market for market in every}


def known(fold: Fold, block: int, at_ns: int, pools: Mapping[str, Event]) -> tuple[Fold, tuple[Tick, ...]]:
    """The pools as they were read at the end of a block: a beginning, or the truth after a history."""
    state, ticks, fold = _advanced(fold, at_ns)
    for at, (pool, event) in enumerate(pools.items()):
        placed = replace(event, at_ns=max(at_ns, fold.told_ns), position=(block, AFTER_LOGS + at))
        state = _seen(state, fold, pool, placed)
    return _kept(fold, replace(state, block=block)), ticks


def after_block(fold: Fold, block: int, at_ns: int, found: Iterable[Log]) -> tuple[Fold, tuple[Tick, ...]]:
    """The state after a block, and the ticks that it ends.  ValueError if it can not follow the last one."""
    if block <= fold.states[-1].block:
        raise ValueError(f"block {block} comes after block {fold.states[-1].block}")
    state, ticks, fold = _advanced(fold, at_ns)
    every = markets(fold.listings)
    for log in sorted(found, key=position):
        if log.block != block:
            raise ValueError(f"a log of block {log.block} was given for block {block}")
        event = bars.event_of(every[log.address], log, max(at_ns, fold.told_ns))
        if event is not None:
            state = _seen(state, fold, log.address, event)
    return _kept(fold, replace(state, block=block)), ticks


def undone(fold: Fold, from_block: int) -> Fold | None:
    """As it was before this block; None if that is not remembered any more."""
    states = tuple(state for state in fold.states if state.block < from_block)
    return replace(fold, states=states) if states else None


def _advanced(fold: Fold, at_ns: int) -> tuple[State, tuple[Tick, ...], Fold]:
    """The chain's clock has come so far: what ended is out."""
    before = fold.states[-1] if fold.states else State(-1)
    forming, partial, closed = {}, before.partial, dict[int, list[Bar]]()
    for token in (listing.instrument.token for listing in fold.listings):
        if token not in before.forming:
            continue
        forming[token], ended = bars.advanced(before.forming[token], max(at_ns, fold.told_ns))
        for end_ns, bar in ended:
            if end_ns > fold.told_ns and token not in partial:
                closed.setdefault(end_ns, []).append(bar)
            partial -= {token}
    ticks = tuple(Tick(end_ns, tuple(closed[end_ns])) for end_ns in sorted(closed))
    told_ns = max(fold.told_ns, at_ns // fold.interval_ns * fold.interval_ns)
    return replace(before, forming=forming, partial=partial), ticks, replace(fold, told_ns=told_ns)


def _kept(fold: Fold, state: State) -> Fold:
    return replace(fold, states=(*fold.states, state)[-KEPT:])


def _seen(state: State, fold: Fold, pool: str, event: Event) -> State:
    if event.price is not None:
        state = replace(state, pools={**state.pools, pool: event})
    for listing in fold.listings:
        if pool in listing.pools and (priced := _priced(listing, state.pools, pool, event)):
            state = _grown(state, fold.interval_ns, listing, priced)
    return state


def _grown(state: State, interval_ns: int, listing: Listing, event: Event) -> State:
    token = listing.instrument.token
    if before := state.forming.get(token):
        forming, closed = bars.folded(before, event)
        assert not closed, f"{token}: the clock was advanced before the events of the block"
        return replace(state, forming={**state.forming, token: forming})
    if event.price is None:
        return state
    forming = bars.started(replace(listing.market, instrument=listing.instrument), event, interval_ns)
    return replace(state, forming={**state.forming, token: forming}, partial=state.partial | {token})


def _priced(listing: Listing, pools: Mapping[str, Event], pool: str, event: Event) -> Event | None:
    """An event of either pool in our quote; None as long as one of the two has no price."""
    if listing.via is None:
        return event
    own, rate = pools.get(listing.market.pool), pools.get(listing.via.pool)
    if own is None or rate is None or rate.price is None:
        return None
    if pool == listing.market.pool:
        return _worth(event, rate.price, listing.via)
    if event.price is None:
        return None
    return replace(
        _worth(own, rate.price, listing.via), at_ns=event.at_ns, position=event.position, volume=Units(0)
    )


def _worth(event: Event, rate: Price, via: Market) -> Event:
    scale = 10**via.instrument.token_decimals * PRICE_SCALE
    return replace(
        event,
        volume=Units(event.volume * rate // scale),
        price=None if event.price is None else Price(event.price * rate // scale),
        reserve_quote=Units(max(1, event.reserve_quote * rate // scale)),
    )
