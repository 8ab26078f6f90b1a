"""Trades for tests: real books, real limits; every append is checked as the log's owner checks it."""

from msgspec.structs import replace

from actors.messages import (
    Allowed,
    Asset,
    Close,
    CloseReason,
    Dead,
    Deposited,
    Id,
    Landed,
    Leg,
    Order,
    Propose,
    Refusal,
    Reverted,
    Side,
    Signed,
)
from storage import ledger as money
from storage.books import Books, book, faults
from storage.config import Limits, Paper, Settings
from storage.trades import allowance, finality, local, opening, reversal, settlement, signing
from strategies import limits
from strategies.limits import Terms, terms_of

USDC, WETH, WBTC = Asset("paper:USDC"), Asset("paper:WETH"), Asset("paper:WBTC")
GAS = Asset("ethereum:native")
UNIT = 10**6
MINUTE_NS = 60 * 10**9
OPEN = Limits(
    position_bps=1_000, total_exposure_bps=10_000, chain_exposure_bps=10_000, strategy_budget_bps=10_000,
    max_positions=1_000, min_order="1", cooldown_minutes=0, loss_streak=1_000,
    daily_loss_bps=10_000,
)  # fmt: skip


def terms(
    allowed: Limits = OPEN,
    gas: str = "0.000001",
    tokens: tuple[Asset, ...] = (WETH, WBTC),
    names=("momentum",),
) -> Terms:
    settings = Settings(paper=Paper(gas=gas), limits=allowed)
    return terms_of(settings, frozenset(tokens), names)


def propose(token: Asset = WETH, at_ns: int = 0, target_bps: int = 10_000, id: str = "", strategy="momentum"):
    return Propose(Id(id or f"buy:{token}:{at_ns}"), strategy, token, at_ns, target_bps, 1)


def close(token: Asset = WETH, at_ns: int = 0, reason=CloseReason.SIGNAL, portion_bps=10_000, id: str = ""):
    return Close(Id(id or f"sell:{token}:{at_ns}:{reason}"), token, at_ns, reason, portion_bps)


def order(id: str = "o1", amount: int = 100, max_fee: int = 2, token: Asset = WETH, **changes) -> Order:
    made = Order(
        id=Id(id), side=Side.BUY, strategy="momentum", token=token, quote=USDC, amount_in=amount,
        fee_asset=USDC, max_fee=max_fee, slippage_bps=50, at_ns=0, deadline_ns=100, position=Id(f"{id}/p"),
    )  # fmt: skip
    return replace(made, **changes)


class Desk:
    """Books that are written to, and the appends and records that made them."""

    def __init__(self, capital: int = 1_000 * UNIT, allowed: Terms | None = None) -> None:
        self.books, self.terms = Books(), allowed or terms()
        self.records, self.appends = [], []
        if capital:
            self.note(local("deposit", Deposited(USDC, capital), 0))

    def note(self, record) -> None:
        after = book(self.books, record)
        assert not isinstance(after, Refusal), f"{record}: {after}"
        self.books = after
        self.records.append(record)
        for account in after.ledger.accounts.values():
            assert money.broken(account) is None

    def append(self, append) -> None:
        for record in append.records:
            self.note(record)
        assert faults(self.books) == []
        self.appends.append(append)

    # -- stages -----------------------------------------------------------------------------------------
    def wish(self, wish):
        """The verdict; an order is opened."""
        decide = limits.sell if isinstance(wish, Close) else limits.buy
        verdict = decide(self.books, wish, self.terms)
        if isinstance(verdict, Order):
            self.append(opening(verdict))
        return verdict

    def sign(self, id: str, at_ns: int = 0, cancels: bool = False, leg: Leg = Leg.SWAP) -> Signed:
        """A second attempt keeps the nonce of the first."""
        live = self.books.live[Id(id)]
        attempt = live.next_attempt
        nonce = live.attempts[-1].nonce if live.attempts else self.books.nonce
        signed = Signed(
            id,
            attempt,
            "00",
            f"{id}/tx{attempt}",
            nonce,
            1,
            live.order.deadline_ns,
            "paper",
            cancels,
            leg=leg,
        )
        self.append(signing(signed, at_ns))
        return signed

    def allow(self, id: str, fee: int = 0, at_ns: int = 0, leg: Leg = Leg.APPROVE, block: int = 1) -> Signed:
        """An approval is signed, and lands; one that is signed already lands with its newest."""
        live = self.books.live[Id(id)]
        signed = live.attempts[-1] if live.attempts else self.sign(id, at_ns, leg=leg)
        allowed = Allowed(Id(id), signed.leg, signed.tx_id, f"block {block}", fee, block)
        self.append(allowance(self.books, allowed, at_ns))
        return signed

    def settle(self, outcome, at_ns: int = 0) -> None:
        self.append(settlement(self.books, outcome, at_ns))

    def land(self, id: str, amount_out: int, fee: int = 0, at_ns: int = 0) -> None:
        signed = self.sign(id, at_ns)
        order = self.books.live[Id(id)].order
        self.settle(Landed(order.id, signed.tx_id, "block 1", order.amount_in, amount_out, fee), at_ns)

    def book(self, id: str, amount_out: int, fee: int = 0, at_ns: int = 0) -> None:
        """It lands, and a reorg can still undo it; an order that is signed already lands with its newest."""
        live = self.books.live[Id(id)]
        signed = live.attempts[-1] if live.attempts else self.sign(id, at_ns)
        self.settle(
            Landed(id, signed.tx_id, "block 1", live.order.amount_in, amount_out, fee, final=False), at_ns
        )

    def finalize(self, id: str, at_ns: int = 0) -> None:
        self.append(finality(self.books, Id(id), "block 9", at_ns))

    def reorg(self, id: str, at_ns: int = 0) -> None:
        self.append(reversal(self.books, Id(id), "gone", at_ns))

    def revert(self, id: str, fee: int = 0, at_ns: int = 0) -> None:
        signed = self.sign(id, at_ns)
        self.settle(Reverted(id, signed.tx_id, "block 1", fee), at_ns)

    def die(self, id: str, at_ns: int = 0) -> None:
        signed = self.sign(id, at_ns)
        self.settle(Dead(id, signed.tx_id, "absent"), at_ns)

    # -- whole trades -----------------------------------------------------------------------------------
    def bought(self, token: Asset = WETH, quantity: int = 1_000, at_ns: int = 0, fee: int = 0) -> Order:
        verdict = self.wish(propose(token, at_ns))
        assert isinstance(verdict, Order), verdict
        self.land(verdict.id, quantity, fee, at_ns)
        return verdict

    def sold(
        self, token: Asset = WETH, proceeds: int = 0, at_ns: int = 0, portion_bps: int = 10_000, fee: int = 0
    ) -> Order:
        verdict = self.wish(close(token, at_ns, portion_bps=portion_bps))
        assert isinstance(verdict, Order), verdict
        self.land(verdict.id, proceeds, fee, at_ns)
        return verdict

    def account(self):
        return self.books.ledger.account(USDC)


def busy_desk() -> Desk:
    """Every kind of trade: a win in two sells, a revert, a death, a rollback, and two orders under way."""
    desk = Desk(allowed=terms(gas="0.02"))
    desk.bought(WETH, 1_001, at_ns=1, fee=7)
    desk.sold(WETH, 70 * UNIT, at_ns=2, portion_bps=5_000, fee=7)
    desk.sold(WETH, 60 * UNIT, at_ns=3, fee=7)
    desk.revert(desk.wish(propose(WBTC, 4)).id, fee=9, at_ns=4)
    desk.die(desk.wish(propose(WBTC, 5)).id, at_ns=5)
    desk.bought(WBTC, 33, at_ns=6)
    desk.sign(desk.wish(close(WBTC, 7)).id, at_ns=7)
    desk.wish(propose(WETH, 8))
    return desk
