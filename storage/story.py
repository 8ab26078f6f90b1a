"""The life of an order, told in sentences from its records.  Pure: it needs nothing but the records.

Amounts are in whole tokens where the asset's decimals are known, else in base units; times are the market's.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import assert_never

from msgspec import Struct

from actors.messages import (
    BPS,
    NEVER,
    Adopted,
    Allowed,
    Asset,
    Body,
    Dead,
    Deposited,
    Finalized,
    Halted,
    Id,
    Landed,
    Leg,
    Lifted,
    Operation,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    PositionReversed,
    Rebalanced,
    Record,
    Reserved,
    Returned,
    Reversed,
    Reverted,
    RolledBack,
    Side,
    Signed,
    StateSaved,
    Withdrawn,
)
from storage.amounts import shown
from storage.orders import TERMINAL

Numbered = tuple[int, Record]
Decimals = Mapping[Asset, int]
NEAR = 5  # So many ids are named to somebody who mistyped one.
SEARCHED = 5_000  # The newest ids, which are the likely ones; comparing letters is slow.


class Told(Struct, frozen=True):
    lsn: int
    at: str
    status: str
    sentence: str


class Names(Struct):
    """Which orders a name stands for: an order's own id, that of its position, of one of its records."""

    orders: dict[Id, Order] = {}
    others: dict[Id, tuple[Id, ...]] = {}

    def read(self, record: Record) -> None:
        if isinstance(record.body, OrderOpened):
            order = record.body.order
            self.orders[order.id] = order
            self.others[order.position] = (*self.others.get(order.position, ()), order.id)
        elif record.operation_id not in self.others:
            owner = order_of(record.body)
            self.others[record.operation_id] = () if owner is None else (owner,)

    def find(self, wanted: str) -> tuple[Id, ...] | None:
        """The orders of this name, none for an operation without an order; None if nothing has that name.

        The beginning of an id will do where it fits one order alone.
        """
        id = Id(wanted)
        if id in self.orders:
            return (id,)
        if id in self.others:
            return self.others[id]
        fitting = [each for each in self.orders if each.startswith(wanted)]
        return tuple(fitting) if wanted and len(fitting) == 1 else None

    def near(self, wanted: str) -> list[Id]:
        """What may have been meant: ids that hold the words as typed, else those that look alike."""
        for ids in (self.orders, self.others):
            if holding := [id for id in ids if wanted.lower() in id.lower()]:
                return holding[-NEAR:]
        newest = [*self.others, *self.orders][-SEARCHED:]
        return [Id(id) for id in get_close_matches(wanted, newest, NEAR, 0.5)]


def order_of(body: Body) -> Id | None:
    """The order that a record belongs to; None for deposits and the like."""
    match body:
        case OrderOpened(order):
            return order.id
        case Deposited() | Adopted() | Withdrawn() | Halted() | Lifted() | Rebalanced() | StateSaved():
            return None
        case _:
            return body.order


def moment(at_ns: int) -> str:
    """UTC, to the millisecond where that says more than the second."""
    seconds, rest = divmod(at_ns, 10**9)
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{when}{f'.{rest // 10**6:03d}' if rest >= 10**6 else ''} UTC"


def span(ns: int) -> str:
    return str(timedelta(seconds=max(0, ns) // 10**9))


def worded(units: int, asset: Asset, decimals: Decimals) -> str:
    """An amount with its asset, exactly."""
    known = decimals.get(asset)
    if known is None:
        return f"{units} base units of {asset}"
    return f"{shown(units, known)} {asset.partition(':')[2] or asset}"


def worded_all(amounts: Mapping[Asset, int], decimals: Decimals) -> str:
    """Amounts of several assets."""
    return " and ".join(worded(units, asset, decimals) for asset, units in amounts.items()) or "nothing"


def told(records: Iterable[Numbered], decimals: Decimals) -> Iterator[Told]:
    """The records of one or more orders, or of any other operation, a sentence each."""
    orders: dict[Id, Order] = {}
    for lsn, record in records:
        if isinstance(record.body, OrderOpened):
            orders[record.body.order.id] = record.body.order
        sentence = _sentence(record.body, orders, decimals)
        yield Told(lsn, moment(record.at_ns), record.status.value, sentence)


def ending(records: Iterable[Numbered], now_ns: int) -> list[str]:
    """How each of the orders stands; `now_ns` is the time of the log's last record."""
    last: dict[Id, Record] = {}
    began: dict[Id, int] = {}
    for _, record in records:
        if record.operation is Operation.TRADE_EXECUTE:
            id = order_of(record.body)
            assert id is not None
            last[id] = record
            began.setdefault(id, record.at_ns)
    return [_standing(id, record, began[id], now_ns) for id, record in last.items()]


def _standing(id: Id, last: Record, began_ns: int, now_ns: int) -> str:
    if last.status in TERMINAL:
        return f"{id} is {last.status.value}, {span(last.at_ns - began_ns)} after it was decided."
    blocks = "its outcome is not proved" if isinstance(last.body, Signed) else "no bytes of its swap exist"
    return (
        f"{id} is {last.status.value}, {span(now_ns - began_ns)} of market time after it was decided: "
        f"{blocks}, and what was set aside for it stays so."
    )


def _sentence(body: Body, orders: Mapping[Id, Order], decimals: Decimals) -> str:
    id = order_of(body)
    if (
        isinstance(body, Deposited | Adopted | Withdrawn | Halted | Lifted | Rebalanced | StateSaved)
        or id is None
    ):
        return _without_order(body, decimals)
    order = orders.get(id)
    if order is None:
        return f"{type(body).__name__} of order {id}, whose beginning is not among these records."
    return _of_order(body, order, decimals)


def _without_order(body: Body, decimals: Decimals) -> str:
    match body:
        case Deposited(asset, amount):
            return f"{worded(amount, asset, decimals)} came in."
        case Adopted(wallet, nonce):
            return f"The wallet is {wallet}; its next nonce was {nonce}."
        case Withdrawn(asset, amount):
            return f"{worded(amount, asset, decimals)} went out."
        case Halted(scope, reason):
            return f"Halted ({scope}): {reason}."
        case Lifted(scope, reason):
            return f"The halt ({scope}) is lifted: {reason}."
        case Rebalanced(_, budgets):
            return _budgets(budgets)
        case StateSaved(role, through_ns):
            return f"{role} wrote down what it remembers of the market up to {moment(through_ns)}."
        case _:
            raise AssertionError(f"{type(body).__name__} belongs to an order")


def _budgets(budgets: Mapping[str, int]) -> str:
    shares = [f"{name} {shown(share, 2)} %" for name, share in budgets.items()]
    cash = shown(BPS - sum(budgets.values()), 2)
    return f"The money is shared anew: {', '.join(shares)}, and {cash} % stays cash."


def _of_order(body: Body, order: Order, decimals: Decimals) -> str:
    """Every kind of record that an order has."""
    match body:
        case OrderOpened():
            return _opened(order, decimals)
        case Reserved(_, asset, amount):
            return f"{worded(amount, asset, decimals)} of the free money is set aside for it."
        case Signed():
            return _signed(body, order, decimals)
        case Allowed():
            return _allowed(body, order, decimals)
        case Landed():
            return _landed(body, order, decimals)
        case Reverted(_, tx_id, evidence, fee):
            cost = worded(fee, order.fee_asset, decimals)
            return f"{tx_id} reverted ({evidence}): nothing was swapped, its fee of {cost} was paid."
        case Dead(_, tx_id, evidence):
            return f"{tx_id} is dead ({evidence}): it can not land any more, and cost nothing."
        case Finalized(_, tx_id, evidence):
            return f"{tx_id} is final ({evidence}): no reorg can undo it any more."
        case Reversed(_, tx_id, evidence):
            return f"A reorg has undone {tx_id} ({evidence}): the order is in progress again."
        case RolledBack(_, reason):
            return f"Rolled back ({reason}): no bytes of its swap ever existed, so nothing was swapped."
        case Returned(_, asset, amount):
            if not amount:
                return "Nothing is left of what was set aside."
            return f"{worded(amount, asset, decimals)} of what was set aside is free again."
        case PositionOpened() | PositionReduced() | PositionClosed():
            return _position(body, order, decimals)
        case PositionReversed():
            quantity = worded(body.quantity, order.token, decimals)
            return f"Position {body.position} is as it was before: what was booked of {quantity} is undone."
        case Deposited() | Adopted() | Withdrawn() | Halted() | Lifted() | Rebalanced() | StateSaved():
            raise AssertionError(f"{type(body).__name__} belongs to no order")
        case _:
            assert_never(body)


def _opened(order: Order, decimals: Decimals) -> str:
    symbol = order.token.partition(":")[2] or order.token
    amount = worded(order.amount_in, order.quote if order.side is Side.BUY else order.token, decimals)
    wish = f"buy {symbol} for {amount}" if order.side is Side.BUY else f"sell {amount}"
    if order.side is Side.REVOKE:
        return (
            f"A router may still take {amount} ({order.reason}): that is to be taken back, for a fee of at "
            f"most {worded(order.max_fee, order.fee_asset, decimals)}, by {moment(order.deadline_ns)}."
        )
    whole = ", all that is left of its position" if order.closes else ""
    reason = f" ({order.reason})" if order.reason else ""
    return (
        f"{order.strategy} wished to {wish}{whole}{reason}, and the portfolio approved: a fee of at most "
        f"{worded(order.max_fee, order.fee_asset, decimals)}, slippage of at most "
        f"{shown(order.slippage_bps, 2)} %, signed by {moment(order.deadline_ns)} or never; "
        f"{symbol} is claimed for it."
    )


def _signed(body: Signed, order: Order, decimals: Decimals) -> str:
    out = order.token if order.side is Side.BUY else order.quote
    until = f"until {moment(body.valid_until_ns)}"
    if body.last_valid_height:
        until = f"up to block height {body.last_valid_height}"
    elif body.valid_until_ns == NEVER:
        until = "until its nonce is used"
    what = {
        Leg.APPROVE: "to let the venue take what it swaps",
        Leg.SWAP: f"for at least {worded(body.min_amount_out, out, decimals)}",
        Leg.REVOKE: "to let the venue take nothing any more",
    }[body.leg]
    what = "to cancel the order" if body.cancels else what
    return (
        f"Attempt {body.attempt} is signed, and may leave from now on: transaction {body.tx_id}, nonce "
        f"{body.nonce}, {what}, by {body.channel}; it can land {until}."
    )


def _allowed(body: Allowed, order: Order, decimals: Decimals) -> str:
    what = "approval" if body.leg is Leg.APPROVE else "revocation"
    return (
        f"{body.tx_id} landed ({body.evidence}): its {what} stands, for a fee of "
        f"{worded(body.fee, order.fee_asset, decimals)}, and the order goes on."
    )


def _landed(body: Landed, order: Order, decimals: Decimals) -> str:
    paid, got = (order.quote, order.token) if order.side is Side.BUY else (order.token, order.quote)
    return (
        f"{body.tx_id} landed ({body.evidence}): {worded(body.amount_in, paid, decimals)} went, "
        f"{worded(body.amount_out, got, decimals)} came, and its fee was "
        f"{worded(body.fee, order.fee_asset, decimals)}.{'' if body.final else ' A reorg can still undo it.'}"
    )


def _position(
    body: PositionOpened | PositionReduced | PositionClosed, order: Order, decimals: Decimals
) -> str:
    quantity, cost = worded(body.quantity, order.token, decimals), worded(body.cost, order.quote, decimals)
    if isinstance(body, PositionOpened):
        return f"Position {body.position} is opened: {quantity}, which cost {cost}."
    how = "closed" if isinstance(body, PositionClosed) else "reduced"
    gain = body.proceeds - body.cost
    return (
        f"Position {body.position} is {how}: {quantity}, which had cost {cost}, gave "
        f"{worded(body.proceeds, order.quote, decimals)}: a {'loss' if gain < 0 else 'gain'} of "
        f"{worded(abs(gain), order.quote, decimals)} before fees."
    )
