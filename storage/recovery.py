"""What a start finds half done, and what becomes of it.  Pure; the evidence is gathered by the executor.

What is done is a row of storage/resolution.py; this is what a start reports.
"""

from msgspec import Struct

from actors.messages import Id, Landed
from storage.books import Books, LiveOrder
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
    settled: int = 0  # Every nonce below this one has ended for good.
    newest_block: int = 0  # In which something of this wallet was seen.


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


def case_of(books: Books, live: LiveOrder, booked: Landed | None = None) -> Case:
    open_orders = (*books.live.values(), *(each.live for each in books.booked.values()))
    nonces = (each.attempts[-1].nonce for each in open_orders if each.attempts)
    blocks = (each.outcome.block for each in books.booked.values())
    entry = Entry.BOOKED if booked else entry_of(live)
    return Case(live, entry, booked, min(nonces, default=books.nonce), max(blocks, default=0))
