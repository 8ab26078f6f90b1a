"""What a start finds half done, and what becomes of it.  Pure; the evidence is gathered by the executor.

What is done is a row of storage/resolution.py; this is what a start reports.
"""

from msgspec import Struct

from actors.messages import Id
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
    """An order that the chain must be asked about."""

    live: LiveOrder
    entry: Entry


def recover(books: Books, market_ns: int) -> Recovery:
    """An order without bytes that can still be signed is neither: its quote is taken anew, as ever."""
    resume = tuple(case.live.order.id for case in under_way(books))
    unsigned = [live for live in books.live.values() if entry_of(live) is Entry.PENDING]
    late = [live.order.id for live in unsigned if live.order.deadline_ns < market_ns]
    failed = books.counts.get("reverted", 0) + books.counts.get("dead", 0)
    return Recovery(resume, tuple(late), failed)


def under_way(books: Books) -> tuple[Case, ...]:
    """Whatever has bytes and is not final, by nonce: the later can not land before the earlier."""
    signed = [Case(live, entry_of(live)) for live in books.live.values() if live.attempts]
    booked = [Case(each.live, Entry.BOOKED) for each in books.booked.values()]
    return tuple(sorted(signed + booked, key=lambda case: case.live.attempts[-1].nonce))
