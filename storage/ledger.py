"""The money: one account per asset, in integer base units.  Pure: no clock, no disk, no actor.

Every change keeps no-overdraft: free >= 0, reserved >= 0 and
free + reserved + cost of open positions + fees paid = deposits - withdrawals + realised PnL;
what a sale has brought that a reorg can still undo stands beside what is free, as unsettled.
"""

from msgspec import Struct
from msgspec.structs import asdict, astuple

from actors.messages import Asset, Id, Refusal, Units
from storage.tables import put, without


class Account(Struct, frozen=True):
    free: int = 0
    reserved: int = 0
    cost: int = 0  # Of open positions.
    fees: int = 0
    deposits: int = 0
    withdrawals: int = 0
    unsettled: int = 0  # Proceeds that a reorg can still undo: nobody may spend them.
    realised: int = 0  # Proceeds less cost, of what was sold; fees are counted apart.


_NOTHING = Account()


class Ledger(Struct, frozen=True):
    accounts: dict[Asset, Account] = {}
    reservations: dict[Id, dict[Asset, Units]] = {}  # By order, which may need money of two kinds.

    def account(self, asset: Asset) -> Account:
        return self.accounts.get(asset, _NOTHING)

    def held(self, order: Id, asset: Asset) -> Units | None:
        """What an order may still take of an asset; None if none of it was set aside."""
        return self.reservations.get(order, {}).get(asset)


def broken(account: Account) -> str | None:
    """What is wrong with an account, or None."""
    here = account.free + account.reserved + account.unsettled + account.cost + account.fees
    came = account.deposits - account.withdrawals + account.realised
    if here != came:
        return (
            f"free + reserved + unsettled + cost + fees = {here}, deposits - withdrawals + realised = {came}"
        )
    *amounts, _ = astuple(account)  # The last of them, what was realised, may be a loss.
    if min(amounts) < 0:
        return next(f"{name} is {value}" for name, value in asdict(account).items() if value < 0)
    return None


def moved(ledger: Ledger, asset: Asset, **changes: int) -> Ledger | Refusal:
    """The ledger with these amounts added to the named fields of one account.

    The only way in which money moves.  Refuses what would overdraw; a change that does not balance is a bug.
    """
    was, change = ledger.account(asset), Account(**changes)
    account = Account(
        was.free + change.free, was.reserved + change.reserved, was.cost + change.cost,
        was.fees + change.fees, was.deposits + change.deposits, was.withdrawals + change.withdrawals,
        was.unsettled + change.unsettled, was.realised + change.realised,
    )  # fmt: skip
    if account.free < 0 or account.reserved < 0:
        return Refusal.NOT_ENOUGH_FUNDS
    fault = broken(account)
    assert fault is None, f"{asset}: {fault}"
    return Ledger({**ledger.accounts, asset: account}, ledger.reservations)


def deposit(ledger: Ledger, asset: Asset, amount: int) -> Ledger | Refusal:
    if amount <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    return moved(ledger, asset, free=amount, deposits=amount)


def withdraw(ledger: Ledger, asset: Asset, amount: int) -> Ledger | Refusal:
    if amount <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    return moved(ledger, asset, free=-amount, withdrawals=amount)


def reserve(ledger: Ledger, order: Id, asset: Asset, amount: int, more: bool = False) -> Ledger | Refusal:
    """`more`: what an order has set aside is not enough, for a chain has charged more."""
    held = ledger.held(order, asset)
    if amount < 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if held is not None and not more:
        return Refusal.ID_TAKEN
    after = moved(ledger, asset, free=-amount, reserved=amount)
    return after if isinstance(after, Refusal) else _holding(after, order, asset, (held or 0) + amount)


def spend(ledger: Ledger, order: Id, asset: Asset, amount: int, field: str) -> Ledger | Refusal:
    """Take from what an order has reserved of an asset, for "fees" or for the "cost" of a position."""
    held = ledger.held(order, asset)
    if held is None:
        return Refusal.RESERVATION_NOT_FOUND
    if amount < 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if amount > held:
        return Refusal.NOT_ENOUGH_FUNDS
    after = moved(ledger, asset, reserved=-amount, **{field: amount})
    return after if isinstance(after, Refusal) else _holding(after, order, asset, held - amount)


def give_back(ledger: Ledger, order: Id, asset: Asset, amount: int) -> Ledger | Refusal:
    """End a reservation: all that is left of it is free again, and nobody else's is touched."""
    if ledger.held(order, asset) != amount:
        return Refusal.RESERVATION_NOT_FOUND
    after = moved(ledger, asset, reserved=-amount, free=amount)
    if isinstance(after, Refusal):
        return after
    if others := without(after.reservations[order], asset):
        return Ledger(after.accounts, put(after.reservations, order, others))
    return Ledger(after.accounts, without(after.reservations, order))


def sell(ledger: Ledger, asset: Asset, cost: int, proceeds: int, settled: bool = True) -> Ledger | Refusal:
    """What was bought for `cost` was sold for `proceeds`."""
    if cost < 0 or proceeds < 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if cost > ledger.account(asset).cost:
        return Refusal.NOT_ENOUGH_FUNDS
    to = "free" if settled else "unsettled"
    return moved(ledger, asset, cost=-cost, realised=proceeds - cost, **{to: proceeds})


def settle(ledger: Ledger, asset: Asset, proceeds: int) -> Ledger | Refusal:
    """Nothing can undo this sale any more."""
    if proceeds > ledger.account(asset).unsettled:
        return Refusal.NOT_ENOUGH_FUNDS
    return moved(ledger, asset, unsettled=-proceeds, free=proceeds)


def unsell(ledger: Ledger, asset: Asset, cost: int, proceeds: int) -> Ledger | Refusal:
    """A sale that was not settled is undone."""
    if proceeds > ledger.account(asset).unsettled:
        return Refusal.NOT_ENOUGH_FUNDS
    return moved(ledger, asset, cost=cost, realised=cost - proceeds, unsettled=-proceeds)


def unspend(ledger: Ledger, order: Id, asset: Asset, amount: int, field: str) -> Ledger | Refusal:
    """What `spend` took goes back to the order's reservation."""
    held = ledger.held(order, asset)
    if held is None:
        return Refusal.RESERVATION_NOT_FOUND
    if not 0 <= amount <= getattr(ledger.account(asset), field):
        return Refusal.NOT_ENOUGH_FUNDS
    after = moved(ledger, asset, reserved=amount, **{field: -amount})
    return after if isinstance(after, Refusal) else _holding(after, order, asset, held + amount)


def _holding(ledger: Ledger, order: Id, asset: Asset, amount: int) -> Ledger:
    """With so much of an asset in an order's reservation."""
    held = {**ledger.reservations.get(order, {}), asset: Units(amount)}
    return Ledger(ledger.accounts, put(ledger.reservations, order, held))
