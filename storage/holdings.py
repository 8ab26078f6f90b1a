"""What the books hold: live, booked and ended orders, open positions, and what the limits must remember.

Pure data, and the small changes that several stages of a trade share; what each record does to it is in
storage/books.py (the whole), storage/fills.py (positions) and storage/finality.py (reorgs).
"""

from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import (
    SIGNS_NOTHING,
    Allowed,
    Asset,
    BlockId,
    Dead,
    Finalized,
    Id,
    Landed,
    Leg,
    Order,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Rebalanced,
    Refusal,
    Reverted,
    Role,
    RolledBack,
    Side,
    Signed,
    StateSaved,
    Status,
    Units,
)
from storage import orders
from storage.ledger import Ledger
from storage.tables import put, without

REMEMBERED = 1_000  # Ended orders that a repeated request still gets its answer for.
DAY_NS = 86_400 * 10**9

End = Landed | Reverted | Dead | RolledBack
Outcome = End | Allowed
Change = PositionOpened | PositionReduced | PositionClosed


class LegDone(Struct, frozen=True):
    """What an order needed before its swap, and has; its bytes, for a reorg may lose it."""

    attempts: tuple[Signed, ...]
    allowed: Allowed

    @property
    def signed(self) -> Signed:
        """Of its attempts the one that landed."""
        return next(each for each in self.attempts if each.tx_id == self.allowed.tx_id)


class LiveOrder(Struct, frozen=True):
    order: Order
    status: Status = Status.PENDING
    attempts: tuple[Signed, ...] = ()  # Of the current leg: all under one nonce.
    since_ns: int = 0  # When its last record was written.
    reversals: int = 0  # So often has a reorg undone what was booked.
    legs_done: tuple[LegDone, ...] = ()

    @property
    def leg(self) -> Leg | None:
        """That has bytes and has not ended."""
        return self.attempts[-1].leg if self.attempts else None

    @property
    def begun(self) -> bool:
        """Bytes of it have been out."""
        return bool(self.attempts or self.legs_done)

    @property
    def allows(self) -> bool:
        """Its last leg was an approval: somebody may still take what it allowed."""
        return bool(self.legs_done) and self.legs_done[-1].allowed.leg is Leg.APPROVE

    @property
    def takes_back(self) -> bool:
        """It has bytes that undo its approval, or another's: it is over then."""
        return self.leg is Leg.REVOKE and (self.allows or self.order.side is Side.REVOKE)

    @property
    def next_attempt(self) -> int:
        """Counted over all legs."""
        return len(self.attempts) + sum(len(done.attempts) for done in self.legs_done) + 1

    @property
    def spent(self) -> int:
        """The fees of the legs that are done."""
        return sum(done.allowed.fee for done in self.legs_done)

    @property
    def fee_left(self) -> int:
        """What the rest of it may cost."""
        return self.order.max_fee - self.spent


class EndedOrder(Struct, frozen=True):
    order: Order
    status: Status
    outcome: End
    booked: bool  # A landed order's position change is in the books.
    fees: int = 0  # Of all its transactions.


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
    fees: int = 0  # Those that were paid in its quote: what others are worth in it, nobody here knows.


class Booked(Struct, frozen=True):
    """A fill that a reorg can still undo: until it is final it has its token, and the rest of its money."""

    live: LiveOrder
    outcome: Landed
    before: Position | None  # The token's, to go back to.
    change: Change | None = None
    at_ns: int = 0

    @property
    def order(self) -> Order:
        return self.live.order

    @property
    def booked(self) -> bool:
        return self.change is not None

    @property
    def fees(self) -> int:
        return self.live.spent + self.outcome.fee


class Day(Struct, frozen=True):
    """What limits remember: of one UTC day, and since the last win."""

    number: int = 0  # Days since 1970.
    result: dict[Asset, int] = {}  # Realised PnL less fees.
    losses: int = 0  # In a row, over days.
    last_loss_ns: int = 0


class Books(Struct, frozen=True):
    ledger: Ledger = Ledger()
    live: dict[Id, LiveOrder] = {}
    booked: dict[Id, Booked] = {}  # Landed, not yet final.
    ended: dict[Id, EndedOrder] = {}
    positions: dict[Asset, Position] = {}
    claims: dict[Asset, Id] = {}  # The order, live or booked, that has the token (`claim_of`).
    freed_at_ns: dict[Asset, int] = {}  # The tick at which its last order ended.
    day: Day = Day()
    left_at_ns: dict[Asset, int] = {}  # When a token was last sold out.
    saved: dict[Role, StateSaved] = {}
    last_order_ns: int = 0  # The tick of the last record of a trade, or of a rebalancing.
    nonce: int = 0  # The next one.
    wallet: str = ""  # Its address; a paper wallet has none.
    counts: dict[str, int] = {}
    halts: dict[str, str] = {}  # Scope -> reason.
    mix: Rebalanced | None = None  # The budgets of strategies, once they are not those of the settings.
    loose: tuple[LegDone, ...] = ()  # Of orders that were rolled back: a reorg may still undo these.
    last_final: BlockId | None = None  # The newest in which something of ours is final.

    @property
    def signs(self) -> bool:
        """Whether the wallet may sign and send."""
        return not self.halts.keys() & SIGNS_NOTHING

    def order(self, id: Id) -> Order | None:
        """However it stands; None if it is not known, or not remembered any more."""
        found = self.live.get(id) or self.booked.get(id) or self.ended.get(id)
        return found.order if found else None


def holdings(books: Books) -> dict[Asset, int]:
    """What the wallet has according to the books, while nothing is under way."""
    held: dict[Asset, int] = {}
    for asset, account in books.ledger.accounts.items():
        held[asset] = account.free + account.reserved + account.unsettled
    for position in books.positions.values():  # Of what pays for gas too: the coin itself can be held.
        held[position.token] = held.get(position.token, 0) + position.quantity
    return {asset: amount for asset, amount in held.items() if amount}


def ends_of(order: Order) -> tuple[Asset, Asset]:
    """What an order pays, and what it buys."""
    return (order.quote, order.token) if order.side is Side.BUY else (order.token, order.quote)


def of_another(books: Books, wallet: str, chain: str) -> str:
    """What to do with books of another wallet or chain: their nonces and money say nothing of these."""
    anew = "or begin anew in another folder with --data-dir."
    if books.wallet not in {"", wallet}:
        return (
            f"The log is of wallet {books.wallet}, and {wallet} is to trade: write that one into "
            f"live.wallet, and its keystore into live.keystore, {anew}"
        )
    elsewhere = sorted({asset.partition(":")[0] for asset in books.ledger.accounts} - {chain})
    return (
        f"The log has money of {elsewhere[0]}, and evm.chain is {chain}: change that, {anew}"
        if elsewhere
        else ""
    )


def freed_since(books: Books, token: Asset, at_ns: int) -> bool:
    """Whether an order ended at this tick, at which the token was still its own, or after it."""
    return books.freed_at_ns.get(token, 0) >= at_ns


def last_final(books: Books, body: Outcome | Finalized) -> BlockId | None:
    """Once this is written: orders need not end in the order of their blocks."""
    found = [each for each in (books.last_final, getattr(body, "in_block", None)) if each is not None]
    return max(found, key=lambda block: block.number, default=None)


def with_ledger(books: Books, ledger: Ledger | Refusal) -> Books | Refusal:
    return ledger if isinstance(ledger, Refusal) else replace(books, ledger=ledger)


def status_after(live: LiveOrder, outcome: Outcome) -> Status | None:
    """None if it can not come: of an approval no swap, of bytes that may land no end without evidence."""
    status = orders.after(live.status, type(outcome).__name__)
    if isinstance(outcome, RolledBack):
        return None if live.attempts else status
    signed = next((each for each in live.attempts if each.tx_id == outcome.tx_id), None)
    if signed is None:
        return None
    if isinstance(outcome, Allowed):
        fits = signed.leg is outcome.leg is not Leg.SWAP and not signed.cancels
        return status if fits else None
    return None if isinstance(outcome, Landed) and signed.leg is not Leg.SWAP else status


def still_loose(books: Books, final: int) -> tuple[LegDone, ...]:
    """Once a nonce is used for good, so are all below it."""
    return tuple(done for done in books.loose if done.signed.nonce > final)


def claim_of(order: Order) -> Asset:
    """What no other live order may have: its token, or if nothing is traded the allowance of it alone."""
    return Asset(f"allowance of {order.token}") if order.side is Side.REVOKE else order.token


def at_most(order: Order) -> dict[Asset, int]:
    """What an order may cost, by asset; that of its fee comes last."""
    costs = {order.quote: order.amount_in} if order.side is Side.BUY else {}
    return {**costs, order.fee_asset: costs.get(order.fee_asset, 0) + order.max_fee}


def counted(books: Books, name: str, by: int = 1) -> dict[str, int]:
    return put(books.counts, name, books.counts.get(name, 0) + by)


def remembered(books: Books, ended: EndedOrder) -> dict[Id, EndedOrder]:
    table = books.ended
    for oldest in list(islice(table, max(0, len(table) - REMEMBERED + 1))):
        table = without(table, oldest)
    return put(table, ended.order.id, ended)


def on_day(day: Day, at_ns: int) -> Day:
    number = at_ns // DAY_NS
    return day if number == day.number else replace(day, number=number, result={})


def with_result(books: Books, asset: Asset, amount: int, at_ns: int) -> Day:
    """The day with this much more, or less, made on it."""
    day = on_day(books.day, at_ns)
    return replace(day, result={**day.result, asset: day.result.get(asset, 0) + amount})


def same_day(one_ns: int, other_ns: int) -> bool:
    return one_ns // DAY_NS == other_ns // DAY_NS


def in_quote(order: Order, fee: int) -> int:
    """What a fee takes from the result of a position."""
    return fee if order.fee_asset == order.quote else 0


def paid_fee(books: Books, order: Order, fee: int, at_ns: int, of_ns: int | None = None) -> Books:
    """`of_ns`: when it was paid, if it is given back now; that counts on the same day alone."""
    counts = of_ns is None or same_day(of_ns, at_ns)
    books = replace(books, day=with_result(books, order.fee_asset, -fee if counts else 0, at_ns))
    position = books.positions.get(order.token)
    if position is None:
        return books
    charged = replace(position, fees=position.fees + in_quote(order, fee))
    return replace(books, positions=put(books.positions, order.token, charged))
