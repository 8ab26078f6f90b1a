"""An actor's own books: whatever comes twice, late or in odd pieces, they are the log's."""

import pytest

from actors.messages import Committed, Snapshot
from storage.books import fold
from storage.replica import Replica, fits, restored, told
from storage.snapshots import packed
from tests.deals import busy_desk

RECORDS = tuple(busy_desk().records)


def committed(after, through):
    return Committed(after, through, RECORDS[after:through])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_news_in_batches_of_any_size_make_the_same_books(size):
    replica = Replica()
    for after in range(0, len(RECORDS), size):
        replica = told(replica, committed(after, min(after + size, len(RECORDS))))
    assert replica == Replica(fold(RECORDS), len(RECORDS))


def test_news_that_overlap_or_come_twice_change_nothing_twice():
    replica = told(told(Replica(), committed(0, 5)), committed(2, 8))
    assert replica == Replica(fold(RECORDS[:8]), 8)
    assert told(replica, committed(1, 4)) is replica


def test_news_after_a_gap_do_not_fit_and_are_never_believed():
    replica = told(Replica(), committed(0, 5))
    assert not fits(replica, committed(6, 8))
    with pytest.raises(AssertionError, match="records 6 to 6 are missing"):
        told(replica, committed(6, 8))


@pytest.mark.parametrize("lsn", range(len(RECORDS) + 1))
def test_a_snapshot_and_the_news_after_it_make_the_books_of_all_records(lsn):
    newcomer = restored(Replica(), Snapshot(lsn, packed(fold(RECORDS[:lsn])).decode()))
    assert told(newcomer, committed(lsn, len(RECORDS))) == Replica(fold(RECORDS), len(RECORDS))


def test_a_snapshot_that_is_older_than_the_books_changes_nothing():
    replica = told(Replica(), committed(0, 8))
    assert restored(replica, Snapshot(5, packed(fold(RECORDS[:5])).decode())) is replica
