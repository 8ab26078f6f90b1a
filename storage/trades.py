"""The records of a trade, stage by stage: T1 reserve, T2 signed, T3 outcome.  Each stage is one append.

Pure.  The ids of the appends are made from the order's, so a stage that is written twice is written once.
"""

from actors.messages import (
    Allowed,
    Append,
    Asset,
    BlockId,
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
from storage.holdings import at_most, status_after


def local(operation_id: str, body: Body, at_ns: int) -> Record:
    """An operation inside our own books: born completed."""
    operation = orders.LOCAL[type(body).__name__]
    return Record(Id(operation_id), operation, Status.COMPLETED, at_ns, body)


def trade(order: Id, status: Status, body: Body, at_ns: int) -> Record:
    return Record(order, Operation.TRADE_EXECUTE, status, at_ns, body)


def opening(order: Order) -> Append:
    """T1: the order is known, its money is set aside, its token is claimed."""
    records = [trade(order.id, Status.PENDING, OrderOpened(order), order.at_ns)]
    for name, (asset, amount) in zip(_names(order, "reserve"), at_most(order).items(), strict=False):
        records.append(local(name, Reserved(order.id, asset, Units(amount)), order.at_ns))
    return Append(Id(f"{order.id}/T1"), tuple(records))


def signing(signed: Signed, at_ns: int) -> Append:
    """T2: the bytes exist.  Only after this is durable may they leave the process."""
    record = trade(signed.order, Status.IN_PROGRESS, signed, at_ns)
    return Append(Id(f"{signed.order}/T2.{signed.attempt}"), (record,))


def allowance(books: Books, allowed: Allowed, at_ns: int) -> Append:
    """T2a: an approval or a revocation has landed.  Its order goes on with what is left of its fee."""
    live = books.live[allowed.order]
    record = trade(allowed.order, _status_after(live, allowed), allowed, at_ns)
    more = _more(live.order, _lacking(books, live.order, allowed.fee), at_ns)
    return Append(Id(f"{allowed.order}/T2a.{len(live.legs_done) + 1}"), (*more, record))


def settlement(books: Books, outcome: Outcome, at_ns: int) -> Append:
    """T3: the outcome, what it did to the position, and the end of the reservation; or T2a, of an approval.

    Of a fill that is not final the reservation goes on, and its append may be needed again (T3r).
    """
    live = books.live[outcome.order]
    order = live.order
    if isinstance(outcome, Allowed):
        return allowance(books, outcome, at_ns)
    status = _status_after(live, outcome)
    fee = outcome.fee if isinstance(outcome, Landed | Reverted) else 0
    lacking = _lacking(books, order, fee)
    records = [*_more(order, lacking, at_ns), trade(order.id, status, outcome, at_ns)]
    spent = {order.fee_asset: fee - lacking}
    if isinstance(outcome, Landed):
        records.append(_position(books, order, outcome, at_ns))
        if order.side is Side.BUY:
            spent[order.quote] = spent.get(order.quote, 0) + outcome.amount_in
    if not isinstance(outcome, Landed) or outcome.final:
        records += _returns(books, order, at_ns, spent)
    again = f".{live.reversals + 1}" if live.reversals else ""
    return Append(Id(f"{order.id}/T3{again}"), tuple(records))


def finality(books: Books, order: Id, evidence: str, at_ns: int, in_block: BlockId | None = None) -> Append:
    """T4: what was booked stays; what it did not use is free again."""
    booked = books.booked[order]
    final = Finalized(order, booked.outcome.tx_id, evidence, in_block)
    record = trade(order, booked.live.status, final, at_ns)
    return Append(Id(f"{order}/T4"), (record, *_returns(books, booked.order, at_ns, {})))


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


def _status_after(live: LiveOrder, outcome: Outcome) -> Status:
    status = status_after(live, outcome)
    assert status is not None, f"{live.order.id}: {type(outcome).__name__} while {live.status}, {live.leg}"
    return status


def _lacking(books: Books, order: Order, fee: int) -> int:
    """What a fee is beyond what is set aside for it.

    It has been paid, whatever was allowed: no bytes of a transaction bound what its data costs on L1.
    """
    held = books.ledger.reservations[order.id].get(order.fee_asset, 0)
    for_tokens = order.amount_in if order.side is Side.BUY and order.quote == order.fee_asset else 0
    return max(0, fee - (held - for_tokens))


def _more(order: Order, lacking: int, at_ns: int) -> list[Record]:
    if not lacking:
        return []
    return [local(f"{order.id}/reserve/more", Reserved(order.id, order.fee_asset, Units(lacking)), at_ns)]


def _returns(books: Books, order: Order, at_ns: int, spent: dict[Asset, int]) -> list[Record]:
    """What is left of its reservations once it has spent so much of them."""
    held = books.ledger.reservations[order.id]
    returned = (
        Returned(order.id, asset, Units(amount - spent.get(asset, 0))) for asset, amount in held.items()
    )
    names = _names(order, "return")
    return [local(name, body, at_ns) for name, body in zip(names, returned, strict=False)]


def _names(order: Order, what: str) -> tuple[str, str]:
    """Of its operations, one by asset; the second is there if its fee is of another."""
    return f"{order.id}/{what}", f"{order.id}/{what}/fee"


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
