"""The records of a trade, stage by stage: T1 reserve, T2 signed, T3 outcome.  Each stage is one append.

Pure.  The ids of the appends are made from the order's, so a stage that is written twice is written once.
"""

from actors.messages import (
    Append,
    Body,
    Finalized,
    Halted,
    Id,
    Landed,
    Lifted,
    Operation,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    PositionReversed,
    Record,
    Reserved,
    Returned,
    Reversed,
    Reverted,
    RolledBack,
    Side,
    Signed,
    Status,
    Units,
)
from storage import orders
from storage.books import Books, LiveOrder, Outcome


def local(operation_id: str, body: Body, at_ns: int) -> Record:
    """An operation inside our own books: born completed."""
    operation = orders.LOCAL[type(body).__name__]
    return Record(Id(operation_id), operation, Status.COMPLETED, at_ns, body)


def trade(order: Id, status: Status, body: Body, at_ns: int) -> Record:
    return Record(order, Operation.TRADE_EXECUTE, status, at_ns, body)


def to_reserve(order: Order) -> int:
    """What an order may cost at most, in the asset of its fee."""
    if order.side is Side.SELL:
        return order.max_fee
    assert order.fee_asset == order.quote, "a fee in another asset needs a reservation of its own"
    return order.amount_in + order.max_fee


def opening(order: Order) -> Append:
    """T1: the order is known, its money is set aside, its token is claimed."""
    amount = Units(to_reserve(order))
    reserved = Reserved(order.id, order.fee_asset, amount)
    return Append(
        Id(f"{order.id}/T1"),
        (
            trade(order.id, Status.PENDING, OrderOpened(order), order.at_ns),
            local(f"{order.id}/reserve", reserved, order.at_ns),
        ),
    )


def signing(signed: Signed, at_ns: int) -> Append:
    """T2: the bytes exist.  Only after this is durable may they leave the process."""
    record = trade(signed.order, Status.IN_PROGRESS, signed, at_ns)
    return Append(Id(f"{signed.order}/T2.{signed.attempt}"), (record,))


def settlement(books: Books, outcome: Outcome, at_ns: int) -> Append:
    """T3: the outcome, what it did to the position, and the end of the reservation.

    Of a fill that is not final the reservation goes on, and its append may be needed again (T3r).
    """
    live = books.live[outcome.order]
    order = live.order
    status = orders.after(live.status, type(outcome).__name__)
    assert status is not None, f"{order.id}: {type(outcome).__name__} while {live.status}"
    records = [trade(order.id, status, outcome, at_ns)]
    spent = outcome.fee if isinstance(outcome, Landed | Reverted) else 0
    if isinstance(outcome, Landed):
        records.append(_position(books, order, outcome, at_ns))
        spent += outcome.amount_in if order.side is Side.BUY else 0
    if not isinstance(outcome, Landed) or outcome.final:
        left = books.ledger.reservations[order.id].amount - spent
        records.append(_return(order, left, at_ns))
    again = f".{live.reversals + 1}" if live.reversals else ""
    return Append(Id(f"{order.id}/T3{again}"), tuple(records))


def finality(books: Books, order: Id, evidence: str, at_ns: int) -> Append:
    """T4: what was booked stays; what it did not use is free again."""
    booked = books.booked[order]
    final = Finalized(order, booked.outcome.tx_id, evidence)
    left = books.ledger.reservations[order].amount
    status = booked.live.status
    return Append(Id(f"{order}/T4"), (trade(order, status, final, at_ns), _return(booked.order, left, at_ns)))


def reversal(books: Books, order: Id, evidence: str, at_ns: int) -> Append:
    """T3r: what was booked is undone, and the order is in progress again."""
    booked = books.booked[order]
    change = booked.change
    assert change is not None, f"{order} was booked without a position"
    proceeds = Units(0) if isinstance(change, PositionOpened) else change.proceeds
    undone = PositionReversed(change.position, order, change.quantity, change.cost, proceeds)
    again = trade(order, Status.IN_PROGRESS, Reversed(order, booked.outcome.tx_id, evidence), at_ns)
    id = f"{order}/T3r.{booked.live.reversals + 1}"
    return Append(Id(id), (local(change.position, undone, at_ns), again))


def halting(id: Id, scope: str, reason: str, at_ns: int) -> Append:
    return Append(id, (local(id, Halted(scope, reason), at_ns),))


def lifting(id: Id, scope: str, reason: str, at_ns: int) -> Append:
    return Append(id, (local(id, Lifted(scope, reason), at_ns),))


def _return(order: Order, left: int, at_ns: int) -> Record:
    return local(f"{order.id}/return", Returned(order.id, order.fee_asset, Units(left)), at_ns)


def _position(books: Books, order: Order, landed: Landed, at_ns: int) -> Record:
    if order.side is Side.BUY:
        opened = PositionOpened(
            order.position, order.id, order.strategy, order.token, order.quote,
            landed.amount_out, landed.amount_in,
        )  # fmt: skip
        return local(order.position, opened, at_ns)
    position = books.positions[order.token]
    sold, proceeds = landed.amount_in, landed.amount_out
    if sold == position.quantity:
        closed = PositionClosed(position.id, order.id, sold, position.cost, proceeds)
        return local(position.id, closed, at_ns)
    cost = Units(position.cost * sold // position.quantity)
    return local(position.id, PositionReduced(position.id, order.id, sold, cost, proceeds), at_ns)


def rollback(live: LiveOrder, reason: str) -> RolledBack:
    assert not live.attempts, f"{live.order.id} has bytes: only the chain can say that it is dead"
    return RolledBack(live.order.id, reason)
