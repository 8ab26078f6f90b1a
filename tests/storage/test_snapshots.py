"""A snapshot in the middle of history and the rest of it give the same books as all of it."""

import pytest

from storage.books import Books, fold
from storage.snapshots import packed, unpacked
from tests.deals import busy_desk

RECORDS = busy_desk().records


@pytest.mark.parametrize("place", range(len(RECORDS) + 1))
def test_a_fold_from_a_snapshot_at_any_record_is_the_fold_of_everything(place):
    early = unpacked(packed(fold(RECORDS[:place])))
    assert early == fold(RECORDS[:place])
    assert fold(RECORDS[place:], early) == fold(RECORDS)


def test_a_snapshot_keeps_the_order_in_which_orders_ended():
    books = fold(RECORDS)
    assert list(unpacked(packed(books)).ended) == list(books.ended)


def test_empty_books_survive_too():
    assert unpacked(packed(Books())) == Books()
