"""The records of a trade, stage by stage: T1 reserve, T2 signed, T3 outcome.  Each stage is one append.

Pure.  The ids of the appends are made from the order's, so a stage that is written twice is written once.
"""

from actors.messages import (
    Append,
    Body,
    Id,
    Landed,
    Operation,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Record,
    Reserved,
    Returned,
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
    """T3: the outcome, what it did to the position, and the end of the reservation."""
    live = books.live[outcome.order]
    order = live.order
    status = orders.after(live.status, type(outcome).__name__)
    assert status is not None, f"{order.id}: {type(outcome).__name__} while {live.status}"
    records = [trade(order.id, status, outcome, at_ns)]
    spent = outcome.fee if isinstance(outcome, Landed | Reverted) else 0
    if isinstance(outcome, Landed):
        records.append(_position(books, order, outcome, at_ns))
        spent += outcome.amount_in if order.side is Side.BUY else 0
    left = Units(books.ledger.reservations[order.id].amount - spent)
    records.append(local(f"{order.id}/return", Returned(order.id, order.fee_asset, left), at_ns))
    return Append(Id(f"{order.id}/T3"), tuple(records))


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
