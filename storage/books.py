"""Everything the log adds up to: money, live orders, open positions, and what the limits must remember.

The books of any moment are `fold(records)`; every actor that needs them folds the same records with the same
function.  Pure: no clock, no disk, no actor.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any, assert_never

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import (
    Asset,
    Body,
    CloseReason,
    Dead,
    Deposited,
    Id,
    Landed,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Record,
    Refusal,
    Reserved,
    Returned,
    Reverted,
    Role,
    RolledBack,
    Side,
    Signed,
    StateSaved,
    Status,
    Units,
    Withdrawn,
)
from storage import ledger as money
from storage import orders
from storage.ledger import Ledger
from storage.tables import Own, put, without

REMEMBERED = 1_000  # Ended orders that a repeated request still gets its answer for.
DAY_NS = 86_400 * 10**9

_TABLES = (
    "live", "ended", "positions", "claims", "freed_at_ns", "left_at_ns", "saved", "counts",
)  # fmt: skip
Outcome = Landed | Reverted | Dead | RolledBack


class Unbookable(ValueError):
    """A record that no run of ours can have written."""


class LiveOrder(Struct, frozen=True):
    order: Order
    status: Status = Status.PENDING
    attempts: tuple[Signed, ...] = ()
    since_ns: int = 0  # When its last record was written.


class EndedOrder(Struct, frozen=True):
    order: Order
    status: Status
    outcome: Outcome
    booked: bool  # A landed order's position change is in the books.


class Position(Struct, frozen=True):
    id: Id
    strategy: str
    token: Asset
    quote: Asset
    quantity: Units
    cost: Units
    opened_at_ns: int
    bought: Units  # At the entry, for `paid`: what it really cost a token, whatever was sold since.
    paid: Units
    realised: int = 0  # By partial sells.
    took_profit: bool = False  # A take profit has landed.
    fees: int = 0


class Day(Struct, frozen=True):
    """What limits remember: of one UTC day, and since the last win."""

    number: int = 0  # Days since 1970.
    result: dict[Asset, int] = {}  # Realised PnL less fees.
    losses: int = 0  # In a row, over days.
    last_loss_ns: int = 0


class Books(Struct, frozen=True):
    ledger: Ledger = Ledger()
    live: dict[Id, LiveOrder] = {}
    ended: dict[Id, EndedOrder] = {}
    positions: dict[Asset, Position] = {}
    claims: dict[Asset, Id] = {}  # The live order that has the token.
    freed_at_ns: dict[Asset, int] = {}  # The tick at which its last order ended.
    day: Day = Day()
    left_at_ns: dict[Asset, int] = {}  # When a token was last sold out.
    saved: dict[Role, StateSaved] = {}
    last_order_ns: int = 0  # The tick of the last record of a trade.
    nonce: int = 0  # The next one.
    counts: dict[str, int] = {}


def fold(records: Iterable[Record], books: Books | None = None) -> Books:
    """Raises Unbookable at the first record that the books refuse: such a log is not ours."""
    books = _tables_as(Own, books or Books())
    for record in records:
        after = book(books, record)
        if isinstance(after, Refusal):
            raise Unbookable(f"operation {record.operation_id} ({_kind(record.body)}): {after}")
        books = after
    return _tables_as(dict, books)


def book(books: Books, record: Record) -> Books | Refusal:
    """The books with one record more, or the first reason against it."""
    body = record.body
    match body:
        case OrderOpened(order):
            return _open(books, order, record.at_ns)
        case Reserved(order_id, asset, amount):
            if order_id not in books.live:
                return Refusal.ORDER_NOT_FOUND
            return _with(books, money.reserve(books.ledger, order_id, asset, amount))
        case Signed():
            return _sign(books, body, record.at_ns)
        case Landed() | Reverted() | Dead() | RolledBack():
            return _end(books, body, record.at_ns)
        case Returned(order_id, asset, amount):
            if order_id not in books.ended:
                return Refusal.ORDER_NOT_FOUND
            return _with(books, money.give_back(books.ledger, order_id, asset, amount))
        case PositionOpened():
            return _open_position(books, body, record.at_ns)
        case PositionReduced() | PositionClosed():
            return _sell(books, body, record.at_ns)
        case Deposited(asset, amount):
            return _with(books, money.deposit(books.ledger, asset, amount))
        case Withdrawn(asset, amount):
            return _with(books, money.withdraw(books.ledger, asset, amount))
        case StateSaved():
            return replace(books, saved=put(books.saved, body.role, body))
        case _:
            assert_never(body)


def faults(books: Books) -> list[str]:
    """Promises that the books break; checked after every append, so it must hold between appends."""
    found = []
    for asset, account in books.ledger.accounts.items():
        if fault := money.broken(account):
            found.append(f"no-overdraft: {asset}: {fault}")
        held = sum(each.amount for each in books.ledger.reservations.values() if each.asset == asset)
        cost = sum(each.cost for each in books.positions.values() if each.quote == asset)
        if held != account.reserved or cost != account.cost:
            found.append(f"no-overdraft: {asset}: reservations or positions do not add up to the account")
    holding, live = books.ledger.reservations.keys(), books.live.keys()
    found += [f"no-overdraft: order {id} has ended and still holds money" for id in holding - live]
    found += [f"no-overdraft: order {id} is live and holds no money" for id in live - holding]
    if sorted(books.claims.values()) != sorted(books.live):
        found.append("one-position: claims and live orders differ")
    latest = next(reversed(books.ended.values()), None)
    if latest and not latest.booked:
        found.append(f"settle-from-chain: order {latest.order.id} has landed without a position")
    return found


def _kind(body: Body) -> str:
    return type(body).__name__


def _with(books: Books, ledger: Ledger | Refusal) -> Books | Refusal:
    return ledger if isinstance(ledger, Refusal) else replace(books, ledger=ledger)


def _tables_as(kind: type[dict[Any, Any]], books: Books) -> Books:
    """The same books in tables of their own; none of `books` is changed by what is done to them."""
    ledger = replace(books.ledger, reservations=kind(books.ledger.reservations))
    tables = {name: kind(getattr(books, name)) for name in _TABLES}
    return replace(books, ledger=ledger, **tables)


def _counted(books: Books, name: str) -> dict[str, int]:
    return put(books.counts, name, books.counts.get(name, 0) + 1)


def _remembered(books: Books, ended: EndedOrder) -> dict[Id, EndedOrder]:
    table = books.ended
    for oldest in list(islice(table, max(0, len(table) - REMEMBERED + 1))):
        table = without(table, oldest)
    return put(table, ended.order.id, ended)


def _open(books: Books, order: Order, at_ns: int) -> Books | Refusal:
    if order.id in books.live or order.id in books.ended:
        return Refusal.ID_TAKEN
    if order.amount_in <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    position = books.positions.get(order.token)
    if order.side is Side.BUY and position:
        return Refusal.POSITION_EXISTS
    if order.side is Side.SELL and (position is None or position.id != order.position):
        return Refusal.POSITION_NOT_FOUND
    if order.token in books.claims:
        return Refusal.TOKEN_CLAIMED
    if position and order.amount_in > position.quantity:
        return Refusal.NOT_ENOUGH_TOKENS
    if position and order.closes != (order.amount_in == position.quantity):
        return Refusal.TRANSITION_NOT_ALLOWED
    return replace(
        books,
        live=put(books.live, order.id, LiveOrder(order, since_ns=at_ns)),
        claims=put(books.claims, order.token, order.id),
        last_order_ns=max(books.last_order_ns, at_ns),
        counts=_counted(books, "orders"),
    )


def _sign(books: Books, signed: Signed, at_ns: int) -> Books | Refusal:
    live = books.live.get(signed.order)
    if live is None:
        return Refusal.ORDER_NOT_FOUND
    status = orders.after(live.status, "Signed")
    if status is None or signed.attempt != len(live.attempts) + 1 or signed.nonce < books.nonce:
        return Refusal.TRANSITION_NOT_ALLOWED
    if signed.order not in books.ledger.reservations:
        return Refusal.RESERVATION_NOT_FOUND
    after = LiveOrder(live.order, status, (*live.attempts, signed), at_ns)
    return replace(
        books,
        live=put(books.live, signed.order, after),
        last_order_ns=max(books.last_order_ns, at_ns),
        nonce=signed.nonce + 1,
    )


def _end(books: Books, outcome: Outcome, at_ns: int) -> Books | Refusal:
    live = books.live.get(outcome.order)
    if live is None:
        return Refusal.ORDER_NOT_FOUND
    status = orders.after(live.status, _kind(outcome))
    known = isinstance(outcome, RolledBack) or outcome.tx_id in {each.tx_id for each in live.attempts}
    if status is None or not known:
        return Refusal.TRANSITION_NOT_ALLOWED
    if isinstance(outcome, Landed) and outcome.amount_in != live.order.amount_in:
        return Refusal.TRANSITION_NOT_ALLOWED
    fee = outcome.fee if isinstance(outcome, (Landed, Reverted)) else 0
    ledger = money.spend(books.ledger, live.order.id, fee, "fees")
    if isinstance(ledger, Refusal):
        return ledger
    ended = EndedOrder(live.order, status, outcome, booked=not isinstance(outcome, Landed))
    after = replace(
        books,
        ledger=ledger,
        live=without(books.live, live.order.id),
        claims=without(books.claims, live.order.token),
        freed_at_ns=put(books.freed_at_ns, live.order.token, at_ns),
        ended=_remembered(books, ended),
        last_order_ns=max(books.last_order_ns, at_ns),
        counts=_counted(books, _kind(outcome).lower()),
    )
    return _paid_fee(after, live.order, fee, at_ns)


def _paid_fee(books: Books, order: Order, fee: int, at_ns: int) -> Books:
    day = _on_day(books.day, at_ns)
    result = {**day.result, order.fee_asset: day.result.get(order.fee_asset, 0) - fee}
    position = books.positions.get(order.token)
    if position is None:
        return replace(books, day=replace(day, result=result))
    charged = replace(position, fees=position.fees + fee)
    positions = put(books.positions, order.token, charged)
    return replace(books, day=replace(day, result=result), positions=positions)


def _on_day(day: Day, at_ns: int) -> Day:
    number = at_ns // DAY_NS
    return day if number == day.number else replace(day, number=number, result={})


def _open_position(books: Books, body: PositionOpened, at_ns: int) -> Books | Refusal:
    ended = books.ended.get(body.order)
    if ended is None or not isinstance(ended.outcome, Landed) or ended.booked:
        return Refusal.ORDER_NOT_FOUND
    if body.token in books.positions:
        return Refusal.POSITION_EXISTS
    if body.quantity != ended.outcome.amount_out or body.cost != ended.outcome.amount_in:
        return Refusal.TRANSITION_NOT_ALLOWED
    ledger = money.spend(books.ledger, body.order, body.cost, "cost")
    if isinstance(ledger, Refusal):
        return ledger
    position = Position(
        body.position, body.strategy, body.token, body.quote, body.quantity, body.cost, at_ns,
        bought=body.quantity, paid=body.cost, fees=ended.outcome.fee,
    )  # fmt: skip
    return replace(
        books,
        ledger=ledger,
        positions=put(books.positions, body.token, position),
        ended=put(books.ended, body.order, replace(ended, booked=True)),
    )


def _sell(books: Books, body: PositionReduced | PositionClosed, at_ns: int) -> Books | Refusal:
    ended = books.ended.get(body.order)
    if ended is None or not isinstance(ended.outcome, Landed) or ended.booked:
        return Refusal.ORDER_NOT_FOUND
    token = ended.order.token
    position = books.positions.get(token)
    if position is None or position.id != body.position:
        return Refusal.POSITION_NOT_FOUND
    left, cost_left = position.quantity - body.quantity, position.cost - body.cost
    whole = isinstance(body, PositionClosed)
    if whole != (left == 0) or left < 0 or cost_left < 0 or (whole and cost_left):
        return Refusal.NOT_ENOUGH_TOKENS
    if body.quantity != ended.outcome.amount_in or body.proceeds != ended.outcome.amount_out:
        return Refusal.TRANSITION_NOT_ALLOWED
    ledger = money.sell(books.ledger, position.quote, body.cost, body.proceeds)
    if isinstance(ledger, Refusal):
        return ledger
    gain = body.proceeds - body.cost
    day = _on_day(books.day, at_ns)
    day = replace(day, result={**day.result, position.quote: day.result.get(position.quote, 0) + gain})
    booked = put(books.ended, body.order, replace(ended, booked=True))
    books = replace(books, ledger=ledger, day=day, ended=booked)
    if not whole:
        rest = replace(
            position,
            quantity=Units(left),
            cost=Units(cost_left),
            realised=position.realised + gain,
            took_profit=position.took_profit or ended.order.reason == CloseReason.TAKE_PROFIT,
        )
        return replace(books, positions=put(books.positions, token, rest))
    return _closed(books, position, position.realised + gain - position.fees, at_ns)


def _closed(books: Books, position: Position, result: int, at_ns: int) -> Books:
    """One close is one step of the loss streak, however many sells it took."""
    lost = result < 0
    day = replace(
        books.day,
        losses=books.day.losses + 1 if lost else 0,
        last_loss_ns=at_ns if lost else books.day.last_loss_ns,
    )
    return replace(
        books,
        day=day,
        positions=without(books.positions, position.token),
        left_at_ns=put(books.left_at_ns, position.token, at_ns),
        counts=_counted(books, "closed"),
    )
