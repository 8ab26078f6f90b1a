"""The resolver: every combination of state and evidence has one row, and no row breaks a promise."""

from collections import Counter
from functools import cache
from itertools import product
from typing import get_type_hints

import pytest
from msgspec.structs import replace

from storage.evidence import Action, Answer, Channel, Deadline, Entry, Paper, Wallet
from storage.resolution import SOLANA, TABLES, entry_of, markdown, only, resolve, when
from tests.deals import Desk, propose
from tests.storage.resolver_promises import PROMISES, SENDS

COMBINATIONS = {"Paper": 60, "EVM": 46_080, "Solana": 9_216}
tables = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)


def combinations(table):
    names, kinds = zip(*get_type_hints(table.evidence).items(), strict=True)
    for entry, *values in product(table.entries, *kinds):
        yield entry, table.evidence(**dict(zip(names, values, strict=True)))


@cache
def cases(table_name):
    """(state, evidence, row) of every combination; `only` insists on one row each."""
    table = next(table for table in TABLES.values() if table.name == table_name)
    return tuple((entry, evidence, only(table, entry, evidence)) for entry, evidence in combinations(table))


# -- the table as such -------------------------------------------------------------------------------
@tables
def test_every_combination_has_exactly_one_row_and_every_row_is_hit(table):
    hit = Counter(row.number for _, _, row in cases(table.name))
    assert sum(hit.values()) == COMBINATIONS[table.name]
    assert sorted(hit) == sorted(row.number for row in table.rows)


@tables
def test_a_row_says_what_it_is_and_names_only_what_its_chain_can_say(table):
    assert [row.number for row in table.rows] == [f"{table.name[0]}{n + 1}" for n in range(len(table.rows))]
    kinds = get_type_hints(table.evidence)
    for row in table.rows:
        assert row.because
        assert row.when["entry"] <= set(table.entries)
        assert row.when.keys() - {"entry"} <= kinds.keys()
        for field in row.when.keys() - {"entry"}:
            assert set() < row.when[field] < set(kinds[field]), f"{row.number}: {field} says nothing"


@tables
def test_a_table_with_a_gap_or_an_overlap_is_not_believed(table):
    for row in table.rows:
        entry, evidence, _ = next(case for case in cases(table.name) if case[2] is row)
        gap = replace(table, rows=tuple(each for each in table.rows if each is not row))
        twice = replace(table, rows=(*table.rows, replace(row, number="X", when=when(entry=entry))))
        for broken in (gap, twice):
            with pytest.raises(AssertionError, match="instead of one"):
                only(broken, entry, evidence)


def test_a_state_that_a_chain_does_not_have_is_refused():
    evidence = Paper(answer=Answer.LANDED, deadline=Deadline.PAST, wallet=Wallet.GOOD)
    with pytest.raises(AssertionError, match="no order is cancelling"):
        resolve(Entry.CANCELLING, evidence)


@tables
def test_the_docs_table_has_a_line_for_every_row(table):
    lines = markdown(table).splitlines()
    assert len(lines) == 2 + len(table.rows)
    assert {line.count(" | ") for line in lines if "---" not in line} == {4}
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {row.number}" for row in table.rows]


def test_a_line_of_the_docs_reads_like_this():
    assert (
        "| S17 | in progress | node ok; signature absent; height valid; wallet good; channel private "
        "| send the same bytes (private) | it can land; others than its own relay must not see it |"
    ) in markdown(SOLANA)


def test_an_order_is_in_progress_from_its_first_bytes_on():
    desk = Desk()
    buy = desk.wish(propose())
    assert entry_of(desk.books.live[buy.id]) is Entry.PENDING
    desk.sign(buy.id)
    assert entry_of(desk.books.live[buy.id]) is Entry.IN_PROGRESS


# -- what no row may do, and what it must --
@tables
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_no_row_breaks_a_promise(table, promise):
    broken = [
        (row.number, entry, found)
        for entry, found, row in cases(table.name)
        if not promise(entry, found, row)
    ]
    assert not broken, f"{len(broken)}, such as {broken[0]}"


def breaks(action, entry, evidence, row):
    """Whether some promise forbids another action for this case, its bytes sent where they should be."""
    channel = getattr(evidence, "channel", Channel.PUBLIC) if action in SENDS else None
    planted = replace(row, action=action, channel=channel)
    return not all(promise(entry, evidence, planted) for promise in PROMISES)


@tables
def test_a_row_with_any_other_action_breaks_a_promise(table):
    """So the tables are written twice, here as promises and there as rows, and the two agree."""
    of_row = {row.number: [case for case in cases(table.name) if case[2] is row] for row in table.rows}
    planted = [(row, action) for row in table.rows for action in Action if action is not row.action]
    survivors = [
        f"{row.number} {action.name}"
        for row, action in planted
        if not any(breaks(action, *case) for case in of_row[row.number])
    ]
    assert survivors == []


@tables
def test_a_row_whose_bytes_take_another_channel_breaks_a_promise(table):
    for row in table.rows:
        entry, evidence, _ = next(case for case in cases(table.name) if case[2] is row)
        for channel in {None, *Channel} - {row.channel}:
            planted = replace(row, channel=channel)
            assert not all(promise(entry, evidence, planted) for promise in PROMISES), row.number
