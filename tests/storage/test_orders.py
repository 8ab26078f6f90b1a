"""The life of an operation: only what the table says, and nothing after the end."""

import pytest

from actors.messages import Operation, Status
from storage import orders

KINDS = {kind for _, kind in orders.TRADE}


def test_nothing_follows_an_end_but_what_a_reorg_can_still_undo():
    follows = {(status, kind) for status in orders.TERMINAL for kind in KINDS if orders.after(status, kind)}
    assert follows == {(Status.COMPLETED, "Finalized"), (Status.COMPLETED, "Reversed")}


def test_every_status_is_reached_and_every_one_that_is_no_end_is_left():
    reached, left = set(orders.TRADE.values()), {before for before, _ in orders.TRADE}
    assert reached == set(Status)
    assert left - {orders.NEW, Status.COMPLETED} == set(Status) - orders.TERMINAL


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (Status.PENDING, "Landed"),
        (Status.PENDING, "Dead"),
        (Status.PENDING, "Allowed"),
        (Status.COMPLETED, "RolledBack"),
        (None, "Signed"),
        (Status.PENDING, "OrderOpened"),
    ],
)
def test_an_order_neither_ends_without_bytes_nor_is_rolled_back_once_it_has_landed(before, kind):
    assert orders.after(before, kind) is None


def test_every_operation_of_the_audit_is_written_by_somebody():
    assert {*orders.LOCAL.values(), Operation.TRADE_EXECUTE} == set(Operation)


def test_the_diagram_names_every_row_of_the_table_at_its_arrow_and_every_end():
    lines = orders.diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    drawn = {
        arrow: kinds.split(", ") for arrow, _, kinds in (line.partition(": ") for line in lines) if kinds
    }
    for (before, kind), then in orders.TRADE.items():
        assert kind in drawn[f"    {before or '[*]'} --> {then}"]
    assert sum(map(len, drawn.values())) == len(orders.TRADE)
    assert len(lines) == 1 + len(drawn) + len(orders.TERMINAL)
