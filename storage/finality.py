"""What a reorg can still undo, and what becomes of it: final (T4), or undone (T3r).  Pure.

A fill that is booked and not final keeps its token claimed, the rest of its reservation reserved and its
proceeds unsettled.  So nothing can have been built on it, and undoing it brings back exactly what was.
"""

from msgspec.structs import replace

from actors.messages import (
    Asset,
    Finalized,
    PositionClosed,
    PositionOpened,
    PositionReversed,
    Refusal,
    Reversed,
)
from storage import ledger as money
from storage import orders
from storage.fills import closed
from storage.holdings import (
    Booked,
    Books,
    Day,
    EndedOrder,
    counted,
    in_quote,
    last_final,
    paid_fee,
    remembered,
    same_day,
    still_loose,
    with_result,
)
from storage.tables import put, without


def finalize(books: Books, body: Finalized, at_ns: int) -> Books | Refusal:
    booked = _booked(books, body)
    if booked is None:
        return Refusal.ORDER_NOT_FOUND
    status = orders.after(booked.live.status, "Finalized")
    change, order = booked.change, booked.order
    if status is None or change is None:
        return Refusal.TRANSITION_NOT_ALLOWED
    if not isinstance(change, PositionOpened):
        ledger = money.settle(books.ledger, order.quote, change.proceeds)
        if isinstance(ledger, Refusal):
            return ledger
        books = replace(books, ledger=ledger)
    books = replace(
        books,
        booked=without(books.booked, order.id),
        loose=still_loose(books, booked.live.attempts[-1].nonce),
        last_final=last_final(books, body),
        claims=without(books.claims, order.token),
        freed_at_ns=put(books.freed_at_ns, order.token, at_ns),
        ended=remembered(books, EndedOrder(order, status, booked.outcome, True, booked.fees)),
        last_order_ns=max(books.last_order_ns, at_ns),
    )
    return closed(books, order.token, _result(booked), at_ns) if isinstance(change, PositionClosed) else books


def reverse(books: Books, body: Reversed, at_ns: int) -> Books | Refusal:
    """The second step: the order is in progress again, with its fee back in its reservation."""
    booked = _booked(books, body)
    if booked is None:
        return Refusal.ORDER_NOT_FOUND
    status = orders.after(booked.live.status, "Reversed")
    if status is None or booked.change is not None:
        return Refusal.TRANSITION_NOT_ALLOWED
    ledger = money.unspend(books.ledger, body.order, booked.order.fee_asset, booked.outcome.fee, "fees")
    if isinstance(ledger, Refusal):
        return ledger
    live = booked.live
    again = replace(live, status=status, since_ns=at_ns, reversals=live.reversals + 1)
    books = paid_fee(replace(books, ledger=ledger), booked.order, -booked.outcome.fee, at_ns, booked.at_ns)
    return replace(
        books,
        booked=without(books.booked, body.order),
        live=put(books.live, body.order, again),
        last_order_ns=max(books.last_order_ns, at_ns),
        counts=put(counted(books, "landed", -1), "reversed", books.counts.get("reversed", 0) + 1),
    )


def reverse_position(books: Books, body: PositionReversed, at_ns: int) -> Books | Refusal:
    """The first step: the position is what it was before the fill, but for the fee."""
    booked = books.booked.get(body.order)
    if booked is None or booked.change is None:
        return Refusal.ORDER_NOT_FOUND
    change, order = booked.change, booked.order
    proceeds = 0 if isinstance(change, PositionOpened) else change.proceeds
    if (body.position, body.quantity, body.cost, body.proceeds) != (
        change.position, change.quantity, change.cost, proceeds,
    ):  # fmt: skip
        return Refusal.TRANSITION_NOT_ALLOWED
    if isinstance(change, PositionOpened):
        ledger = money.unspend(books.ledger, body.order, order.quote, body.cost, "cost")
    else:
        ledger = money.unsell(books.ledger, order.quote, body.cost, body.proceeds)
        books = replace(books, day=_undone(books, booked, order.quote, body.cost - body.proceeds, at_ns))
    if isinstance(ledger, Refusal):
        return ledger
    positions = without(books.positions, order.token) if order.token in books.positions else books.positions
    if booked.before:
        before = replace(booked.before, fees=booked.before.fees + in_quote(order, booked.outcome.fee))
        positions = put(positions, order.token, before)
    undone = put(books.booked, order.id, replace(booked, change=None))
    return replace(books, ledger=ledger, positions=positions, booked=undone)


def _undone(books: Books, booked: Booked, asset: Asset, amount: int, at_ns: int) -> Day:
    """Of another day nothing is left to undo: what it made then must not pay for what is lost now."""
    return with_result(books, asset, amount if same_day(booked.at_ns, at_ns) else 0, at_ns)


def _booked(books: Books, body: Finalized | Reversed) -> Booked | None:
    """Of this very transaction."""
    booked = books.booked.get(body.order)
    return booked if booked and booked.outcome.tx_id == body.tx_id else None


def _result(booked: Booked) -> int:
    """Of the whole position, from its entry to this close."""
    before, change = booked.before, booked.change
    assert before is not None
    assert isinstance(change, PositionClosed)
    return (
        before.realised
        + change.proceeds
        - change.cost
        - before.fees
        - in_quote(booked.order, booked.outcome.fee)
    )
