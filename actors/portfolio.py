"""The Portfolio decides: it alone turns a wish into an order, and sets the money aside before anyone acts."""

from typing import Any, assert_never

from loguru import logger
from msgspec import Struct
from msgspec.structs import replace

from actors.base import Address, ChildExited, Poisoned
from actors.member import WAL, Member, strategies
from actors.messages import (
    Adopted,
    AlreadyClosing,
    Append,
    Approved,
    Asset,
    Balances,
    Close,
    Committed,
    Decided,
    Deposited,
    Drain,
    Drained,
    Durable,
    Execute,
    Executing,
    Halt,
    Id,
    Instrument,
    Lift,
    Offered,
    Order,
    Propose,
    Rebalance,
    Refusal,
    Refused,
    Revoke,
    Role,
    SaveState,
    TickClosed,
    TickDone,
    Units,
)
from chains.amounts import quote_of
from storage.config import Settings, consent_of
from storage.consent import LIVE, caps_of
from storage.trades import halting, lifting, local, opening
from strategies import limits
from strategies.mix import budgets, rebalanced

EXECUTOR = Role("executor")

Wish = Propose | Close | Revoke
Answer = Approved | Refused | AlreadyClosing
CROSSED = (Refusal.HALTED, Refusal.NOT_ENOUGH_FUNDS)


class Wished(Struct, frozen=True):
    wish: Wish
    sender: Address


def _gas(settings: Settings) -> tuple[Asset, Units]:
    """What a chain wants its fees in, and the most that an order may pay in all."""
    from chains.evm.networks import gas_of  # noqa: PLC0415  Paper mode needs no chain.

    return gas_of(settings.evm)


def _capped(terms: limits.Terms, settings: Settings) -> limits.Terms:
    capital, position = caps_of(replace(consent_of(settings), decimals=terms.quote_decimals))
    return replace(terms, capital_cap=Units(capital), position_cap=Units(position))


class Portfolio(Member):
    """Wishes of a tick are decided when the tick is closed, in the order of their ids, closes first.

    One decision at a time: the next is made on books that hold the last.
    """

    def opened(self) -> None:
        self.terms: limits.Terms | None = None
        self.wished: dict[Id, Wished] = {}
        self.queue: list[Id] = []  # To be decided now.
        self.deciding: tuple[Order, Wished] | None = None
        self.answers: dict[Id, tuple[Wish, Answer]] = {}
        self.balance: Rebalance | None = None  # To be written at its tick, before anything else is decided.
        self.closing: TickClosed | None = None
        self.closer = Address("")
        self.latches: set[Id] = set()  # What the operator has said to me.
        self.closed_ns = 0
        self.draining = False
        self.refusals: dict[str, int] = {}

    def begun(self) -> None:
        for live in self.replica.books.live.values():
            if not live.attempts:
                self._execute(live.order)
        self._go_on()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._go_on()

    def hear(
        self,
        message: (
            Propose | Close | Revoke | Rebalance | Decided | TickClosed | Durable | Refused | Executing
            | Balances | Offered | Halt | Lift | Drain | SaveState | ChildExited | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
        match message:
            case Propose() | Close() | Revoke():
                self.wish(message, sender)
            case Rebalance():
                self._balance(message)
            case Decided(wish, answer):
                self._inherit(wish, answer)
            case TickClosed():
                self._close_tick(message, sender)
            case Durable(id, _):
                self._durable(id)
            case Refused(id, reason):
                if sender == self.peers.get(WAL):  # A dead one's successor has been asked, and may write it.
                    self._refused(id, reason)
            case Executing(id, _):
                self.answered(f"execute {id}")
                self._go_on()
            case Balances():
                self._deposit(message)
            case Offered(instruments, _):
                self._meet_market(instruments)
            case Halt(id, scope, reason):
                self._latch(halting(id, scope, reason, self._now()))
            case Lift(id, scope, reason):
                self._latch(lifting(id, scope, reason, self._now()))
            case Drain():
                self.draining = True
                self.tell(sender, Drained(self.role))
            case SaveState() | ChildExited() | Poisoned():
                logger.debug("the portfolio hears of {}", message)
            case _:
                assert_never(message)

    def _meet_market(self, instruments: tuple[Instrument, ...]) -> None:
        tokens = frozenset(instrument.token for instrument in instruments)
        quoted = quote_of(instruments, self.settings.paper)
        names = strategies(self.peers)
        if self.run.mode == LIVE:
            terms = limits.terms_of(self.settings, tokens, names, quoted, _gas(self.settings))
            self.terms = _capped(terms, self.settings)
        else:
            self.terms = limits.terms_of(self.settings, tokens, names, quoted)
        self._go_on()

    # -- wishes ---------------------------------------------------------------------------------------
    def wish(self, wish: Wish, sender: Address) -> None:
        """The same id has the same answer, the same id with other content is refused."""
        if earlier := self.answers.get(wish.id):
            same = earlier[0] == wish
            self.tell(sender, earlier[1] if same else Refused(wish.id, Refusal.ID_TAKEN))
            return
        if order := self.replica.books.order(wish.id):
            same = order.token == wish.token and order.at_ns == wish.at_ns
            self.tell(sender, Approved(wish.id, order) if same else Refused(wish.id, Refusal.ID_TAKEN))
            return
        self.wished[wish.id] = wished = Wished(wish, sender)
        if self.deciding and self.deciding[0].id == wish.id:
            self.deciding = (self.deciding[0], wished)  # Its answer is on its way, to whoever asked last.
        elif limits.at_once(wish) and wish.id not in self.queue:
            self.queue.append(wish.id)
        self._go_on()

    def _inherit(self, wish: Wish, answer: Answer) -> None:
        """What has been approved is in the books; what has not is answered as it was."""
        if not isinstance(answer, Approved) and self.replica.books.order(wish.id) is None:
            self.wished.pop(wish.id, None)
            self.queue = [id for id in self.queue if id != wish.id]
            self.answers[wish.id] = (wish, answer)
        self._go_on()

    def _close_tick(self, tick: TickClosed, sender: Address) -> None:
        self.closer = sender  # A new market may close a tick before the directory names it.
        if tick.at_ns < self.closed_ns:
            self.tell(self.closer, TickDone(tick.at_ns, self.replica.lsn))
            return
        self.closing = tick
        self._go_on()

    def _go_on(self) -> None:
        """Whatever can be done now, is."""
        if not self.complete or self.terms is None or self.deciding:
            return
        if self.closing and self._heard_all(self.closing):
            if self.balance is not None and self.balance.at_ns <= self.closing.at_ns:
                self._rebalance(self.balance)
                return
            self._enqueue(self.closing)
        while self.queue and not self.deciding:
            self._decide(self.queue.pop(0))
        self._finish_tick()

    def _heard_all(self, tick: TickClosed) -> bool:
        """What the log says of this tick, and every wish for it, must be here first."""
        known = {*self.wished, *self.answers, self._balance_id()}
        return self.replica.lsn >= tick.lsn and all(
            id in known or self.replica.books.order(id) for id in tick.wishes
        )

    # -- budgets ----------------------------------------------------------------------------------------
    def _balance(self, wish: Rebalance) -> None:
        now = self.replica.books.mix
        if now is None or now.at_ns < wish.at_ns:  # Else it is in the books, where the mixer finds it.
            self.balance = wish
        self._go_on()

    def _balance_id(self) -> Id:
        """Of what has been told, else of what is written: a predecessor may have been told."""
        if self.balance is not None:
            return self.balance.id
        now = self.replica.books.mix
        return Id(f"mix:{now.at_ns}" if now else "")

    def _rebalance(self, wish: Rebalance) -> None:
        """One record; the tick's decisions wait until it is in the books."""
        now = self.replica.books.mix
        if now is not None and now.at_ns >= wish.at_ns:
            self.balance = None
            self._go_on()
        elif not self.asking(wish.id):
            body = rebalanced(now, wish.days, self.settings.mix, strategies(self.peers), wish.at_ns)
            self.ask(wish.id, WAL, Append(wish.id, (local(wish.id, body, wish.at_ns),)))

    def _enqueue(self, tick: TickClosed) -> None:
        here = [self.wished[id].wish for id in tick.wishes if id in self.wished and id not in self.queue]
        self.queue += [
            wish.id for wish in sorted(here, key=lambda wish: (isinstance(wish, Propose), wish.id))
        ]
        self.closed_ns = max(self.closed_ns, tick.at_ns)
        for id, wished in list(self.wished.items()):
            if wished.wish.at_ns < tick.at_ns and id not in self.queue:
                self._answer(wished, Refused(id, Refusal.STALE))

    def _decide(self, id: Id) -> None:
        wished = self.wished[id]
        if order := self.replica.books.order(id):  # A predecessor's decision.
            self._answer(wished, Approved(id, order))
            return
        verdict = self._verdict(wished.wish)
        if isinstance(verdict, Order):
            self.deciding = (verdict, wished)
            append = opening(verdict)
            self.ask(append.id, WAL, append)
        elif isinstance(verdict, AlreadyClosing):
            self._answer(wished, verdict)
        else:
            self._answer(wished, Refused(id, verdict))

    def _verdict(self, wish: Wish) -> limits.Verdict:
        assert self.terms is not None
        if isinstance(wish, Close):
            return limits.sell(self.replica.books, wish, self.terms)
        if self.draining:
            return Refusal.DRAINING
        if isinstance(wish, Revoke):
            return limits.revoke(self.replica.books, wish, self.terms)
        return limits.buy(self.replica.books, wish, self.terms)

    def _durable(self, id: Id) -> None:
        """T1 is on disk, and in our books: now it is an order."""
        self.answered(id)
        if self.deciding and opening(self.deciding[0]).id == id:
            order, wished = self.deciding
            self.deciding = None
            self._execute(order)
            self._answer(wished, Approved(order.id, order))
        self._go_on()

    def _refused(self, id: Id, reason: Refusal) -> None:
        """Between the decision and its record came a halt, or a chain took more than was set aside for it; or
        there is nothing to lift.
        """
        if not self.asking(id):
            return  # Asked twice, answered twice.
        self.answered(id)
        if self.deciding and opening(self.deciding[0]).id == id:
            (order, wished), self.deciding = self.deciding, None
            assert reason in CROSSED, f"the log refuses {id}: {reason}"
            self._answer(wished, Refused(order.id, reason))
        elif id not in self.latches:  # Told again, and written already; or there is nothing to lift.
            raise RuntimeError(f"the log refuses {id}: {reason}")
        self._go_on()

    def _latch(self, append: Append) -> None:
        """The operator's words are repeated until he sees what they did; time has gone on meanwhile."""
        if append.id not in self.latches:
            self.latches.add(append.id)
            self.ask(append.id, WAL, append)

    def _now(self) -> int:
        return max(self.closed_ns, self.replica.books.last_order_ns)

    def _execute(self, order: Order) -> None:
        self.ask(f"execute {order.id}", EXECUTOR, Execute(order))

    def _answer(self, wished: Wished, answer: Answer) -> None:
        self.wished.pop(answer.id, None)
        self.answers[answer.id] = (wished.wish, answer)
        while len(self.answers) > 1_000:
            self.answers.pop(next(iter(self.answers)))
        if isinstance(answer, Refused):
            self.refusals[answer.reason] = self.refusals.get(answer.reason, 0) + 1
            logger.info("refuses {}: {}", answer.id, answer.reason)
        self.tell(wished.sender, answer)

    def _finish_tick(self) -> None:
        tick = self.closing
        if tick is None or self.deciding or self.queue or not self._heard_all(tick):
            return
        if any(self.asking(f"execute {live}") for live in self.replica.books.live):
            return
        self.closing = None
        self.tell(self.closer, TickDone(tick.at_ns, self.replica.lsn))

    # -- money that comes in ----------------------------------------------------------------------------
    def _deposit(self, found: Balances) -> None:
        """The first balances that the venue reports are what was deposited (settle-from-chain)."""
        if not self.complete or self.replica.books.ledger.accounts:
            return
        records = tuple(
            local(f"deposit:genesis:{asset}", Deposited(asset, amount), 0)
            for asset, amount in sorted(found.amounts.items())
            if amount > 0
        )
        if found.wallet:
            records = (*records, local("wallet:genesis", Adopted(found.wallet, found.nonce), 0))
        self.ask("deposit:genesis", WAL, Append(Id("deposit:genesis"), records))

    def facts(self) -> dict[str, Any]:
        """Money is unknown until there are a market to count it in and a first deposit."""
        books = self.replica.books
        known = {
            "lsn": self.replica.lsn,
            "refusals": self.refusals,
            "orders": books.counts.get("orders", 0),
            "fills": books.counts.get("landed", 0),
            "open_orders": [*books.live, *books.booked],
            "halts": books.halts,
            "open_positions": len(books.positions),
            **self._budgets(),
        }
        if self.terms is None or not books.ledger.accounts:
            return known
        return {**known, **self._money(self.terms)}

    def _budgets(self) -> dict[str, Any]:
        if not self.settings.mix.enabled:
            return {}
        now = self.replica.books.mix
        shares = budgets(now, self.settings.mix, strategies(self.peers))
        return {"budgets": shares, "rebalanced_ns": now.at_ns if now else None}

    def _money(self, terms: limits.Terms) -> dict[str, Any]:
        ledger = self.replica.books.ledger
        account, payer = ledger.account(terms.quote), ledger.account(terms.fee_asset)
        return {
            "quote": terms.quote,
            "quote_decimals": terms.quote_decimals,
            "free": account.free,
            "reserved": account.reserved,
            "cost": account.cost,
            "realised": account.realised,
            "fees": payer.fees,
            "fee_asset": terms.fee_asset,
            "free_for_fees": payer.free,
            "equity_cost": account.free + account.reserved + account.unsettled + account.cost,
            "unsettled": account.unsettled,
        }
