"""An actor's own books: what it has heard of the log so far."""

from msgspec import Struct

from actors.messages import Committed, Snapshot
from storage.books import Books, fold
from storage.snapshots import unpacked


class Replica(Struct, frozen=True):
    books: Books = Books()
    lsn: int = 0


def fits(replica: Replica, news: Committed) -> bool:
    """Whether nothing between the replica and the news is missing; what is older is no loss."""
    return news.after <= replica.lsn


def told(replica: Replica, news: Committed) -> Replica:
    """The books after the news.  News that are known already change nothing."""
    assert fits(replica, news), f"records {replica.lsn + 1} to {news.after} are missing"
    if news.through <= replica.lsn:
        return replica
    unknown = news.records[replica.lsn - news.after :]
    return Replica(fold(unknown, replica.books), news.through)


def restored(replica: Replica, snapshot: Snapshot) -> Replica:
    """The books of a snapshot, unless ours are newer."""
    if snapshot.lsn <= replica.lsn:
        return replica
    books = unpacked(snapshot.books.encode())
    assert books is not None, "the log's owner runs other code than we do"
    return Replica(books, snapshot.lsn)
