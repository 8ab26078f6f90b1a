"""What a start finds half done, and what becomes of it.  Pure; the evidence is gathered by the executor."""

from msgspec import Struct

from actors.messages import Id
from storage.books import Books


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
    resume = [id for id, live in books.live.items() if live.attempts]
    late = [id for id, live in books.live.items() if not live.attempts and live.order.deadline_ns < market_ns]
    failed = books.counts.get("reverted", 0) + books.counts.get("dead", 0)
    return Recovery(tuple(resume), tuple(late), failed)
