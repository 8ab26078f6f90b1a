"""What a fill does to a position: opens it, makes it smaller, closes it.  Pure."""

from msgspec.structs import replace

from actors.messages import (
    Asset,
    CloseReason,
    Id,
    Landed,
    Order,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Refusal,
    Units,
)
from storage import ledger as money
from storage.holdings import Booked, Books, Change, EndedOrder, Position, counted, in_quote, with_result
from storage.tables import put, without


def open_position(books: Books, body: PositionOpened, at_ns: int) -> Books | Refusal:
    fill = _fill(books, body.order)
    if fill is None:
        return Refusal.ORDER_NOT_FOUND
    outcome = fill.outcome
    assert isinstance(outcome, Landed)
    if body.token in books.positions:
        return Refusal.POSITION_EXISTS
    if body.quantity != outcome.amount_out or body.cost != outcome.amount_in:
        return Refusal.TRANSITION_NOT_ALLOWED
    ledger = money.spend(books.ledger, body.order, fill.order.quote, body.cost, "cost")
    if isinstance(ledger, Refusal):
        return ledger
    position = Position(
        body.position, body.strategy, body.token, body.quote, body.quantity, body.cost, at_ns,
        bought=body.quantity, paid=body.cost, fees=in_quote(fill.order, fill.fees),
    )  # fmt: skip
    positions = put(books.positions, body.token, position)
    return _noted(replace(books, ledger=ledger, positions=positions), fill, body)


def sell(books: Books, body: PositionReduced | PositionClosed, at_ns: int) -> Books | Refusal:
    fill = _fill(books, body.order)
    if fill is None:
        return Refusal.ORDER_NOT_FOUND
    position = books.positions.get(fill.order.token)
    if position is None or position.id != body.position:
        return Refusal.POSITION_NOT_FOUND
    if refusal := _unfit(fill, position, body):
        return refusal
    final = isinstance(fill, EndedOrder)
    ledger = money.sell(books.ledger, position.quote, body.cost, body.proceeds, settled=final)
    if isinstance(ledger, Refusal):
        return ledger
    gain = body.proceeds - body.cost
    books = replace(books, ledger=ledger, day=with_result(books, position.quote, gain, at_ns))
    books = _noted(books, fill, body)
    if isinstance(body, PositionReduced):
        rest = _rest(position, body, fill.order)
        return replace(books, positions=put(books.positions, position.token, rest))
    books = replace(books, positions=without(books.positions, position.token))
    return closed(books, position.token, position.realised + gain - position.fees, at_ns) if final else books


def closed(books: Books, token: Asset, result: int, at_ns: int) -> Books:
    """One close is one step of the loss streak, however many sells it took; it counts once it is final."""
    lost = result < 0
    day = replace(
        books.day,
        losses=books.day.losses + 1 if lost else 0,
        last_loss_ns=at_ns if lost else books.day.last_loss_ns,
    )
    left = put(books.left_at_ns, token, at_ns)
    return replace(books, day=day, left_at_ns=left, counts=counted(books, "closed"))


def _fill(books: Books, order: Id) -> EndedOrder | Booked | None:
    """The fill whose position is not in the books yet."""
    found = books.ended.get(order) or books.booked.get(order)
    return found if found and isinstance(found.outcome, Landed) and not found.booked else None


def _noted(books: Books, fill: EndedOrder | Booked, body: Change) -> Books:
    if isinstance(fill, Booked):
        return replace(books, booked=put(books.booked, body.order, replace(fill, change=body)))
    return replace(books, ended=put(books.ended, body.order, replace(fill, booked=True)))


def _unfit(
    fill: EndedOrder | Booked, position: Position, body: PositionReduced | PositionClosed
) -> Refusal | None:
    outcome = fill.outcome
    assert isinstance(outcome, Landed)
    left, cost_left = position.quantity - body.quantity, position.cost - body.cost
    whole = isinstance(body, PositionClosed)
    if whole != (left == 0) or left < 0 or cost_left < 0 or (whole and cost_left):
        return Refusal.NOT_ENOUGH_TOKENS
    if body.quantity != outcome.amount_in or body.proceeds != outcome.amount_out:
        return Refusal.TRANSITION_NOT_ALLOWED
    return None


def _rest(position: Position, body: PositionReduced, order: Order) -> Position:
    return replace(
        position,
        quantity=Units(position.quantity - body.quantity),
        cost=Units(position.cost - body.cost),
        realised=position.realised + body.proceeds - body.cost,
        took_profit=position.took_profit or order.reason == CloseReason.TAKE_PROFIT,
    )
