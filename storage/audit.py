"""Reads a whole log as an auditor would: adds it up anew, and names every promise that it breaks.

It shares no code with the books that trading relies on, so that the two can be compared.  Amounts are base
units; the quote asset is the one that was deposited.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import assert_never

from msgspec import Struct

from actors.messages import (
    BPS,
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

CHECKED = ("no-overdraft", "one-position", "write-ahead", "exactly-once", "no-guess", "first-close-wins")


class Broken(Struct, frozen=True):
    promise: str
    lsn: int
    sentence: str


class Holding(Struct):
    """An open position: what is left of it, and what that cost."""

    token: Asset
    quote: Asset
    quantity: int
    cost: int


class Trade(Struct):
    """An order from its intent to its end."""

    order: Order
    reserved: dict[Asset, int]
    signed: list[Signed]  # Of the current leg.
    outcomes: list[str]  # Transactions that landed or reverted.
    dead: set[str]
    returned: set[Asset]
    over: bool = False

    @property
    def rest(self) -> str:
        """What it still holds, in words."""
        return " and ".join(f"{amount} {asset}" for asset, amount in self.reserved.items() if amount)


class Audit:
    """`read` one record after another, then `finish`; what was found is in the fields."""

    def __init__(self) -> None:
        self.lsn = 0
        self.broken: list[Broken] = []
        self.free: dict[Asset, int] = defaultdict(int)
        self.paid_in: dict[Asset, int] = defaultdict(int)  # Deposits less withdrawals.
        self.fees: dict[Asset, int] = defaultdict(int)
        self.realised: dict[Asset, int] = defaultdict(int)
        self.holdings: dict[Id, Holding] = {}
        self.trades: dict[Id, Trade] = {}
        # Running totals, for an audit must not take the square of a log's length.
        self._reserved: dict[Asset, int] = defaultdict(int)
        self._cost: dict[Asset, int] = defaultdict(int)
        self._held: dict[Asset, int] = defaultdict(int)  # Positions in a token.
        self._live: dict[Asset, dict[Id, Trade]] = defaultdict(dict)
        self._selling: dict[Id, dict[Id, Trade]] = defaultdict(dict)  # By position.
        self.fills: dict[str, Landed] = {}
        self.rebalances = 0
        self.reverts: dict[str, Reverted] = {}
        self.unsettled: dict[Id, int] = {}  # Proceeds of sells that a reorg can still undo.
        self._unsettled: dict[Asset, int] = defaultdict(int)

    @property
    def quote(self) -> Asset | None:
        return next(iter(self.paid_in), None)

    def reserved(self, asset: Asset) -> int:
        return self._reserved[asset]

    def live(self) -> list[Trade]:
        return [trade for trade in self.trades.values() if not trade.over]

    def read(self, lsn: int, record: Record) -> None:
        self.lsn = lsn
        order_id = getattr(record.body, "order", None)
        if isinstance(order_id, str) and order_id not in self.trades:
            kind = type(record.body).__name__
            self._blame("write-ahead", f"{kind} is of order {order_id}, which no record before it opened")
        else:
            self._apply(record.body)

    def finish(self) -> None:
        """At the end of an append, where no order has given back a part of what it must."""
        for trade in self.trades.values():
            if trade.returned and not trade.over:
                self._blame("no-overdraft", f"order {trade.order.id} has ended and still holds {trade.rest}")
        self._balance()

    # -- what each record means --
    def _apply(self, body: Body) -> None:
        match body:
            case Deposited(asset, amount):
                self.paid_in[asset] += amount
                self._add(asset, amount)
            case Withdrawn(asset, amount):
                self.paid_in[asset] -= amount
                self._add(asset, -amount)
            case OrderOpened(order):
                self._open(order)
            case Reserved(order_id, asset, amount):
                self._reserve(order_id, asset, amount)
            case Signed():
                self._sign(body)
            case Allowed() | Landed() | Reverted():
                self._outcome(body)
            case Dead(order_id, tx_id):
                self.trades[order_id].dead.add(tx_id)
            case RolledBack(order_id):
                if self.trades[order_id].signed:
                    self._blame("no-guess", f"order {order_id} was rolled back after it was signed")
            case Returned(order_id, asset, amount):
                self._return(order_id, asset, amount)
            case PositionOpened() | PositionReduced() | PositionClosed():
                self._position(body)
            case Finalized(order_id, tx_id):
                self._finalize(order_id, tx_id)
            case Reversed(order_id, tx_id):
                self._reverse(order_id, tx_id)
            case PositionReversed():
                self._reverse_position(body)
            case StateSaved() | Halted() | Lifted() | Adopted() | Rebalanced():
                self._without_money(body)
            case _:
                assert_never(body)

    def _without_money(self, body: StateSaved | Halted | Lifted | Adopted | Rebalanced) -> None:
        shares = body.budgets.values() if isinstance(body, Rebalanced) else ()
        self.rebalances += isinstance(body, Rebalanced)
        if min(shares, default=0) < 0 or sum(shares) > BPS:
            self._blame("no-overdraft", f"the budgets of {sum(shares)} basis points are more than there is")

    def _open(self, order: Order) -> None:
        trade = Trade(order, {}, [], [], set(), set())
        if order.id in self.trades:
            self._blame("exactly-once", f"order {order.id} was opened twice")
        for other in self._live[_beside_none(order)]:
            self._blame("one-position", f"order {order.id} trades {order.token} beside {other}")
        self._live[_beside_none(order)][order.id] = trade
        if order.side is Side.SELL:
            for other in self._selling[order.position]:
                self._blame("first-close-wins", f"orders {other} and {order.id} both sell a position")
            self._selling[order.position][order.id] = trade
        self.trades[order.id] = trade

    def _reserve(self, order_id: Id, asset: Asset, amount: int) -> None:
        trade = self.trades[order_id]
        self._set_aside(trade, asset, amount)
        self._add(asset, -amount)

    def _sign(self, signed: Signed) -> None:
        trade = self.trades[signed.order]
        for earlier in trade.signed:  # A replacement has the same nonce: only one of the two can land.
            if earlier.nonce != signed.nonce and earlier.tx_id not in trade.dead:
                self._blame(
                    "exactly-once", f"{signed.order} was signed anew while {earlier.tx_id} could land"
                )
        if trade.order.side is Side.REVOKE and signed.leg is not Leg.REVOKE:
            self._blame("caps-on-bytes", f"{signed.order} only takes back, and is signed to {signed.leg}")
        trade.signed.append(signed)
        self._balance()

    def _outcome(self, body: Allowed | Landed | Reverted) -> None:
        trade = self.trades[body.order]
        signed = next((each for each in trade.signed if each.tx_id == body.tx_id), None)
        if signed is None:
            self._blame("write-ahead", f"{body.tx_id} is on chain, and no earlier record explains it")
        elif not _is_what_was_signed(body, signed):
            kind = type(body).__name__
            self._blame("settle-from-chain", f"{body.tx_id} is booked as {kind}, and is to {signed.leg}")
        if trade.outcomes:
            self._blame("exactly-once", f"order {body.order} has a second outcome, {body.tx_id}")
        self.fees[trade.order.fee_asset] += body.fee
        self._spend(trade, trade.order.fee_asset, body.fee)
        if isinstance(body, Allowed):  # What shared its nonce can not land, and the next leg has another.
            trade.signed = [each for each in trade.signed if signed and each.nonce != signed.nonce]
            return
        trade.outcomes.append(body.tx_id)
        if isinstance(body, Reverted):
            self.reverts[body.tx_id] = body
            return
        self.fills[body.tx_id] = body
        if trade.order.side is Side.BUY:
            self._spend(trade, trade.order.quote, body.amount_in)
        elif body.final:
            self._add(trade.order.quote, body.amount_out)
        else:
            self.unsettled[body.order] = body.amount_out
            self._unsettled[trade.order.quote] += body.amount_out

    def _finalize(self, order_id: Id, tx_id: str) -> None:
        trade = self.trades[order_id]
        if trade.outcomes[-1:] != [tx_id]:
            self._blame("settle-from-chain", f"{tx_id} is called final, and is not what order {order_id} did")
        self._add(trade.order.quote, self._settled(trade.order))

    def _settled(self, order: Order) -> int:
        """What stood as unsettled for this order, and does not any more."""
        amount = self.unsettled.pop(order.id, 0)
        self._unsettled[order.quote] -= amount
        return amount

    def _reverse(self, order_id: Id, tx_id: str) -> None:
        """The outcome never was: its fee is set aside again."""
        trade, fill = self.trades[order_id], self.fills.pop(tx_id, None)
        if fill is None or fill.final or trade.over:
            self._blame("settle-from-chain", f"{tx_id} of order {order_id} is reversed, and nothing can be")
            return
        trade.outcomes.remove(tx_id)
        self.fees[trade.order.fee_asset] -= fill.fee
        self._spend(trade, trade.order.fee_asset, -fill.fee)

    def _reverse_position(self, body: PositionReversed) -> None:
        trade = self.trades[body.order]
        order, sign = trade.order, 1 if trade.order.side is Side.SELL else -1
        self._cost[order.quote] += sign * body.cost
        if order.side is Side.BUY:
            self._held[order.token] -= 1
            del self.holdings[body.position]
            self._spend(trade, order.quote, -body.cost)
            return
        if self._settled(order) != body.proceeds:
            self._blame("no-overdraft", f"{order.id} is reversed, and its proceeds are not there any more")
        if body.position not in self.holdings:
            self._held[order.token] += 1
        holding = self.holdings.setdefault(body.position, Holding(order.token, order.quote, 0, 0))
        holding.quantity += body.quantity
        holding.cost += body.cost
        self.realised[order.quote] -= body.proceeds - body.cost

    def _return(self, order_id: Id, asset: Asset, amount: int) -> None:
        trade = self.trades[order_id]
        decided = {signed.nonce for signed in trade.signed if signed.tx_id in {*trade.outcomes, *trade.dead}}
        if any(signed.nonce not in decided for signed in trade.signed):
            self._blame("no-guess", f"order {order_id} gave back {amount} {asset} while it could still land")
        self._spend(trade, asset, amount)
        self._add(asset, amount)
        trade.returned.add(asset)
        if trade.returned >= trade.reserved.keys():
            if trade.rest:
                self._blame("no-overdraft", f"order {order_id} has ended and still holds {trade.rest}")
            self._over(trade)

    def _over(self, trade: Trade) -> None:
        trade.over = True
        self._live[_beside_none(trade.order)].pop(trade.order.id, None)
        self._selling[trade.order.position].pop(trade.order.id, None)

    def _position(self, body: PositionOpened | PositionReduced | PositionClosed) -> None:
        trade = self.trades[body.order]
        if isinstance(body, PositionOpened):
            if self._held[body.token]:
                self._blame("one-position", f"a second position in {body.token} was opened")
            self._held[body.token] += 1
            self._cost[body.quote] += body.cost
            self.holdings[body.position] = Holding(body.token, body.quote, body.quantity, body.cost)
            return
        holding = self.holdings.get(body.position)
        if holding is None or body.quantity > holding.quantity:
            self._blame("first-close-wins", f"position {body.position} was sold beyond what it held")
            return
        holding.quantity -= body.quantity
        holding.cost -= body.cost
        self._cost[holding.quote] -= body.cost
        self.realised[trade.order.quote] += body.proceeds - body.cost
        if isinstance(body, PositionClosed):
            del self.holdings[body.position]
            self._held[holding.token] -= 1
            self._cost[holding.quote] -= holding.cost

    # -- money --
    def _add(self, asset: Asset, amount: int) -> None:
        self.free[asset] += amount
        if self.free[asset] < 0:
            self._blame("no-overdraft", f"{asset} is overdrawn by {-self.free[asset]}")

    def _set_aside(self, trade: Trade, asset: Asset, amount: int) -> None:
        trade.reserved[asset] = trade.reserved.get(asset, 0) + amount
        self._reserved[asset] += amount

    def _spend(self, trade: Trade, asset: Asset, amount: int) -> None:
        self._set_aside(trade, asset, -amount)
        if trade.reserved[asset] < 0:
            self._blame(
                "no-overdraft", f"order {trade.order.id} used {amount} {asset}, more than it reserved"
            )

    def _balance(self) -> None:
        """Between two appends: free + reserved + cost + fees = paid in + realised."""
        for asset, paid_in in self.paid_in.items():
            has = self.free[asset] + self.reserved(asset) + self._cost[asset] + self.fees[asset]
            has += self._unsettled[asset]
            if has != paid_in + self.realised[asset]:
                gap = has - paid_in - self.realised[asset]
                self._blame("no-overdraft", f"the books do not add up: {gap} {asset} too many")

    def _blame(self, promise: str, sentence: str) -> None:
        self.broken.append(Broken(promise, self.lsn, sentence))


def _beside_none(order: Order) -> Asset:
    """Of this at most one order at a time; who only takes back an allowance trades nothing."""
    return Asset(f"{order.token}, allowed") if order.side is Side.REVOKE else order.token


def _is_what_was_signed(body: Allowed | Landed | Reverted, signed: Signed) -> bool:
    if isinstance(body, Allowed):
        return body.leg is signed.leg is not Leg.SWAP and not signed.cancels
    return isinstance(body, Reverted) or signed.leg is Leg.SWAP


def audited(records: Iterable[tuple[int, Record]]) -> Audit:
    audit = Audit()
    for lsn, record in records:
        audit.read(lsn, record)
    audit.finish()
    return audit
