"""What a start finds half done, and what becomes of it.  Pure; the evidence is gathered by the executor.

What is done is a row of storage/resolution.py; this is what a start reports.
"""

from msgspec import Struct

from actors.messages import Asset, BlockId, Id, Landed, Leg, Order, Side, Signed
from storage.books import Books, LegDone, LiveOrder
from storage.evidence import Entry
from storage.resolution import entry_of


class Recovery(Struct, frozen=True):
    """`resume`: bytes exist, only the venue can say.  `roll_back`: none exist, and it is too late to sign."""

    resume: tuple[Id, ...]
    roll_back: tuple[Id, ...]
    failed: int

    def report(self) -> dict[str, int]:
        return {
            "pending_found": len(self.resume) + len(self.roll_back),
            "failed_found": self.failed,
            "recovered": len(self.resume),
            "rolled_back": len(self.roll_back),
        }


class Case(Struct, frozen=True):
    """An order, and all that the books know of the chain that it is on."""

    live: LiveOrder
    entry: Entry
    booked: Landed | None = None  # What its entry says has happened.
    settled: int = 0  # The nonce before this one has ended for good: on chain all below it are used.
    newest_block: int = 0  # In which something of this wallet was seen.
    touched_ns: int = 0  # The tick at which a trade was last written about.
    last_final: BlockId | None = None  # Nothing before its end can change, or the chain is not what it was.

    @property
    def leg(self) -> Leg | None:
        """That has bytes and has not ended; None if the next is still to be signed."""
        return self.live.leg


def recover(books: Books, market_ns: int) -> Recovery:
    """An order without bytes that can still be signed is neither: its quote is taken anew, as ever."""
    resume = tuple(case.live.order.id for case in under_way(books))
    unsigned = [live for live in books.live.values() if entry_of(live) is Entry.PENDING]
    late = [live.order.id for live in unsigned if live.order.deadline_ns < market_ns]
    failed = books.counts.get("reverted", 0) + books.counts.get("dead", 0)
    return Recovery(resume, tuple(late), failed)


def under_way(books: Books) -> tuple[Case, ...]:
    """Whatever has bytes and is not final, by nonce: the later can not land before the earlier."""
    signed = [case_of(books, live) for live in books.live.values() if live.attempts]
    booked = [case_of(books, each.live, each.outcome) for each in books.booked.values()]
    return tuple(sorted(signed + booked, key=lambda case: case.live.attempts[-1].nonce))


def landed_legs(books: Books) -> tuple[Signed, ...]:
    """Approvals that landed, and that a reorg may have lost: to be sent again where their nonce is free.

    By nonce; what comes after them can not land without them.
    """
    return tuple(sorted((done.signed for done in _legs(books)), key=lambda signed: signed.nonce))


def _legs(books: Books) -> list[LegDone]:
    """That are done and not known to be final."""
    open_orders = (*books.live.values(), *(each.live for each in books.booked.values()))
    return [*books.loose, *(done for each in open_orders for done in each.legs_done)]


def unsettled(books: Books) -> bool:
    """Whether anything of the wallet is not final yet: what is under way, or what an open order has done."""
    return bool(under_way(books)) or any(live.legs_done for live in books.live.values())


def case_of(books: Books, live: LiveOrder, booked: Landed | None = None) -> Case:
    """A leg that is done is no more final than a fill that is booked: a reorg can undo both."""
    open_orders = (*books.live.values(), *(each.live for each in books.booked.values()))
    legs = _legs(books)
    nonces = {each.attempts[-1].nonce for each in open_orders if each.attempts}
    nonces |= {done.signed.nonce for done in legs}
    settled = books.nonce
    while settled - 1 in nonces:
        settled -= 1
    blocks = [each.outcome.block for each in books.booked.values()]
    blocks += [done.allowed.block for done in legs]
    final = books.last_final
    newest = max([*blocks, final.number if final else 0])
    entry = Entry.BOOKED if booked else entry_of(live)
    return Case(live, entry, booked, settled, newest, books.last_order_ns, final)


def waits_for_turn(books: Books, order: Order) -> bool:
    """Whether another order that pays in the same asset is between its first approval and its swap's bytes.

    A router's allowance is one number for a token, and an order swaps on an approval of its own alone.  Once
    the bytes of its swap are durable an order approves nothing any more, and what has a later nonce can not
    touch the allowance before that swap has landed, or can not land any more: so then the next may approve.
    Who takes back what is left over has one transaction in all, and nobody waits for it.
    """
    asset = paid_by(order)
    others = (live for live in books.live.values() if live.order.id != order.id)
    return any(_keeps_turn(live) for live in others if paid_by(live.order) == asset)


def _keeps_turn(live: LiveOrder) -> bool:
    return live.begun and live.leg is not Leg.SWAP and live.order.side is not Side.REVOKE


def whose_turn(books: Books, asset: Asset) -> Id | None:
    """Who has waited for an order that pays in this to pass its turn on."""
    waiting = [live.order for live in books.live.values() if not live.attempts]
    there = (order for order in waiting if paid_by(order) == asset)
    return next((order.id for order in there if not waits_for_turn(books, order)), None)


def is_paid(books: Books, asset: Asset) -> bool:
    """By an order that has not ended: what may be taken is the order's then, or it replaces that."""
    under_way = (*books.live.values(), *(each.live for each in books.booked.values()))
    return any(paid_by(live.order) == asset for live in under_way)


def paid_by(order: Order) -> Asset:
    return order.quote if order.side is Side.BUY else order.token
