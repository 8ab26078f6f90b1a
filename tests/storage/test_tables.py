"""Folding writes on tables of its own; nobody else's are ever changed by it."""

from copy import deepcopy

import pytest

from storage.books import book, fold
from storage.tables import Own, put, without
from tests.deals import busy_desk

RECORDS = busy_desk().records


@pytest.mark.parametrize("place", range(len(RECORDS)))
def test_books_stay_as_they_are_whoever_goes_on_from_them(place):
    early = fold(RECORDS[:place])
    before = deepcopy(early)
    book(early, RECORDS[place])
    assert early == before
    fold(RECORDS[place:], early)
    assert early == before


def test_a_table_is_replaced_and_ones_own_is_written_on():
    table, own = {"a": 1, "b": 2}, Own({"a": 1, "b": 2})
    assert put(table, "a", 3) == put(own, "a", 3) == own == {"a": 3, "b": 2}
    assert list(own) == ["a", "b"]
    assert without(table, "a") == without(own, "a") == own == {"b": 2}
    assert table == {"a": 1, "b": 2}
