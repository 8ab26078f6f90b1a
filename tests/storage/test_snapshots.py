"""A snapshot in the middle of history and the rest of it give the same books as all of it."""

import pytest
from msgspec import Struct, defstruct

from storage import snapshots
from storage.books import Books, fold
from storage.snapshots import digest_of, packed, unpacked
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


class Plain(Struct):
    free: int = 0


FREE = ("free", int, 0)
OTHERS = {
    "another name": [("cash", int, 0)],
    "another type": [("free", str, "")],
    "another default": [("free", int, 1)],
    "a field more": [FREE, ("reserved", int, 0)],
    "no field": [],
    "a table of it": [("free", dict[str, int], {})],
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_books_with_other_fields_have_another_layout(fields):
    assert digest_of(defstruct("Plain", fields)) != digest_of(Plain)


def test_a_docstring_is_no_part_of_the_layout():
    described = defstruct("Plain", [FREE], namespace={"__doc__": "Says more."})
    assert digest_of(described) == digest_of(Plain)


def test_what_books_of_another_layout_or_meaning_have_packed_is_not_read(monkeypatch):
    body = packed(fold(RECORDS))
    for other in (b'{"ledger":{}}', b"{}", b"", b"half", body[:-2], body.replace(b"layout", b"layouts")):
        assert unpacked(other) is None
    snapshots.layout.cache_clear()
    monkeypatch.setattr(snapshots, "MEANING", snapshots.MEANING + 1)
    assert unpacked(body) is None
    snapshots.layout.cache_clear()
