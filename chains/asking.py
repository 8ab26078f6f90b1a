"""What a venue is asked about orders, and what the resolver makes of the answers: I/O over pure cores.

At a venue that is at hand none of this ever waits.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TypeVar

from msgspec import Struct

from actors.messages import Leg, Tick
from chains.venue import Draft, Foreign, Over, Seen, Unanswered, Venue
from storage.evidence import Action, Wallet
from storage.recovery import Case
from storage.resolution import Row, resolve

Found = TypeVar("Found")


class Asked(Struct, frozen=True):
    case: Case
    wallet: Wallet


class Judged(Struct, frozen=True):
    case: Case
    row: Row
    seen: Seen


class Prepared(Struct, frozen=True):
    """An order without bytes: its row, those of the orders under way, and the bytes if it may have some."""

    own: Judged
    others: tuple[Judged, ...]
    draft: Draft | Foreign | Over | Unanswered


async def judged(venue: Venue, asked: Sequence[Asked], at_ns: int) -> tuple[Judged, ...]:
    if not venue.parallel:
        return tuple([await _judge(venue, each, at_ns) for each in asked])
    return tuple(await asyncio.gather(*(_judge(venue, each, at_ns) for each in asked)))


async def prepared(
    venue: Venue, own: Asked, others: Sequence[Asked], blocked: bool, nonce: int, tick: Tick
) -> Prepared:
    """While another comes first (`blocked`), or its outcome is found to be unknown, nothing new is quoted."""
    if blocked or not venue.parallel or own.wallet is not Wallet.GOOD:
        found = await judged(venue, others, tick.at_ns)
        mine, early = await _judge(venue, own, tick.at_ns), None
    else:  # Nothing of it is signed before all is known.
        found, mine, early = await asyncio.gather(
            judged(venue, others, tick.at_ns),
            _judge(venue, own, tick.at_ns),
            venue.prepare(own.case.live, nonce, tick),
        )
    if blocked or any(each.row.action is Action.BLOCK for each in found):
        return Prepared(mine, found, Unanswered("another order of this wallet comes first"))
    if mine.row.action is not Action.QUOTE:
        return Prepared(mine, found, Unanswered(mine.row.because))
    draft = early or await venue.prepare(own.case.live, nonce, tick)
    return Prepared(mine, found, _founded(draft, mine.seen))


def _founded(draft: Draft | Foreign | Over | Unanswered, seen: Seen) -> Draft | Foreign | Over | Unanswered:
    """An allowance is one number, of whatever branch the node that told it is on: nothing is swapped on it
    unless what made it is seen on chain at this moment, too.
    """
    if isinstance(draft, Draft) and draft.leg is Leg.SWAP and not seen.stands:
        return Unanswered("its approval is not on chain at this moment, or not deep enough")
    return draft


def at_once(work: Coroutine[None, None, Found]) -> Found:
    """The end of work that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        found: Found = end.value
        return found
    work.close()
    raise RuntimeError("a venue that is at hand has waited for something")


async def _judge(venue: Venue, asked: Asked, at_ns: int) -> Judged:
    seen = await venue.look(asked.case, asked.wallet, at_ns)
    return Judged(asked.case, resolve(asked.case.entry, seen.evidence), seen)
