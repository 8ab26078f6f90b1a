"""What a start finds half done, and what becomes of it.  Pure; the evidence is gathered by the executor.

What is done is a row of storage/resolution.py.  An order without bytes needs no evidence but the time, so it
is decided here; the others are resumed, in the order of their nonces: the later can not land before the
earlier.
"""

from msgspec import Struct

from actors.messages import Id
from storage.books import Books, LiveOrder
from storage.evidence import Action, Answer, Deadline, Entry, Paper
from storage.resolution import Row, entry_of, resolve


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


def recover(books: Books, market_ns: int) -> Recovery:
    """An order without bytes that can still be signed is neither: its quote is taken anew, as ever."""
    resume = tuple(live.order.id for live in under_way(books))
    unsigned = [live for live in books.live.values() if entry_of(live) is Entry.PENDING]
    late = [live.order.id for live in unsigned if without_bytes(live, market_ns).action is Action.ROLL_BACK]
    failed = books.counts.get("reverted", 0) + books.counts.get("dead", 0)
    return Recovery(resume, tuple(late), failed)


def under_way(books: Books) -> tuple[LiveOrder, ...]:
    """What the chain must be asked about."""
    signed = (live for live in books.live.values() if entry_of(live) is not Entry.PENDING)
    return tuple(sorted(signed, key=lambda live: live.attempts[-1].nonce))


def without_bytes(live: LiveOrder, market_ns: int) -> Row:
    """The row of an order that was never signed."""
    late = live.order.deadline_ns < market_ns
    deadline = Deadline.PAST if late else Deadline.BEFORE
    return resolve(Entry.PENDING, Paper(answer=Answer.UNANSWERED, deadline=deadline))
