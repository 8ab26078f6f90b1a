"""The Executor owns the wallet's nonce and every order under way: quote, sign, journal, send, find out."""

from collections import deque
from pathlib import Path
from typing import Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Poisoned
from actors.member import MARKET, WAL, Member
from actors.messages import (
    Append,
    Balances,
    Committed,
    Drain,
    Drained,
    Durable,
    Execute,
    Executing,
    Follow,
    Handled,
    Id,
    Offered,
    Refused,
    Role,
    SaveState,
    Signed,
    Tick,
    Ticks,
)
from chains.paper.venue import PaperVenue, has_record
from chains.resolution import known, outcome
from chains.venue import Quote, Unanswered
from storage.books import LiveOrder, Outcome
from storage.layout import venue_path
from storage.recovery import recover
from storage.trades import rollback, settlement, signing

PORTFOLIO = Role("portfolio")
REMEMBERED_TICKS = 512
BALANCES = "balances"


class Executor(Member):
    """While an order is under way it takes one tick at a time, and answers when its outcomes are durable.

    Nothing of it but the log and the venue survives: a successor finds the bytes in the log, sends them
    again (which changes nothing), and asks what became of them.
    """

    def opened(self) -> None:
        self.venue: PaperVenue | None = None
        self.offer: Offered | None = None
        self.recent: deque[Tick] = deque(maxlen=REMEMBERED_TICKS)
        self.waiting: dict[Id, Execute] = {}  # Not yet signed.
        self.unquoted: set[Id] = set()  # Taken at a tick that had no price.
        self.unsigned: deque[tuple[Id, Tick]] = deque()  # To be signed at the tick that is handled.
        self.signing: dict[Id, Signed] = {}  # On its way to the log, by the id of the append.
        self.settling: dict[Id, Id] = {}  # Append -> order.
        self.stash: Ticks | None = None
        self.handling: int | None = None  # The tick whose outcomes are being journalled.
        self.unknown: set[Id] = set()
        self.recovered: dict[str, int] = {}
        self.follows = False

    def begun(self) -> None:
        self._start_trading()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._start_trading()
        self._go_on()

    def hear(
        self,
        message: Offered | Ticks | Execute | Durable | Refused | Drain | SaveState | ChildExited | Poisoned,
        sender: Address,
    ) -> None:
        match message:
            case Offered():
                self.offer = message
                if self.follows:
                    self.send_to(MARKET, Follow(self.role, None))
                self._start_trading()
            case Ticks():
                self.stash = message
                self._go_on()
            case Execute(order):
                self.waiting[order.id] = message
                self._go_on()
            case Durable(id, _):
                self._durable(id)
            case Refused(id, reason):
                raise RuntimeError(f"the log refuses {id}: {reason}")
            case Drain():
                self.tell(sender, Drained(self.role))
            case SaveState() | ChildExited() | Poisoned():
                logger.debug("the executor hears of {}", message)
            case _:
                assert_never(message)

    # -- start ------------------------------------------------------------------------------------------
    def _start_trading(self) -> None:
        """Once the books, the venue and the first deposit are there; then what was half done goes on."""
        if not self.complete or self.follows:
            return
        self.venue = self.venue or self._opened_venue()
        if self.venue is None:
            return
        if not self.replica.books.ledger.accounts:
            self.ask(BALANCES, PORTFOLIO, Balances(self.venue.balances()))
            return
        self.answered(BALANCES)
        self.follows = True
        now_ns = max(self.venue.head_ns(), self.replica.books.last_order_ns)
        found = recover(self.replica.books, now_ns)
        self.recovered = found.report()
        logger.info("recovery: {}", self.recovered)
        for id in found.resume:
            self._send(self.replica.books.live[id])
        for id in found.roll_back:
            self._settle(rollback(self.replica.books.live[id], "too late to sign after a restart"), now_ns)
        self.send_to(MARKET, Follow(self.role, None))

    def _opened_venue(self) -> PaperVenue | None:
        """None while there is no market, and where the venue of these books is gone: then the run ends."""
        path = venue_path(Path(self.run.data_dir))
        if self.offer is None:
            return None
        if self.replica.books.ledger.accounts and not has_record(path):
            self.fail(
                f"{path} is not there, and the log has trades that only it can tell the end of: "
                f"restore it, or begin anew in another folder with --data-dir."
            )
            return None
        offer, paper = self.offer, self.settings.paper
        return PaperVenue(path, paper, self.run.seed, offer.instruments, offer.bar_ns)

    # -- one thing after the other ----------------------------------------------------------------------
    def _go_on(self) -> None:
        if not self.follows or self._busy():
            return
        self._take_waiting()
        if self.stash is not None and self.stash.lsn <= self.replica.lsn and not self._busy():
            ticks, self.stash = self.stash, None
            self._take_ticks(ticks)
            self._take_waiting()

    def _busy(self) -> bool:
        return bool(self.signing or self.settling)

    def _take_waiting(self) -> None:
        """One after the other: the next nonce is known when the last is in the books."""
        for id in list(self.waiting):
            if not self.signing:
                self._take(id)

    def _take(self, id: Id) -> None:
        """An order whose T1 our books do not hold yet waits; one that has ended is only acknowledged."""
        live = self.replica.books.live.get(id)
        if live is not None and not live.attempts and id not in self.unquoted:
            if tick := self._tick_of(live):
                self._sign(live, tick)
        elif live is not None or id in self.replica.books.ended:
            self._taken(id)

    def _tick_of(self, live: LiveOrder) -> Tick | None:
        """The tick at which it was decided; if that is not known, the newest."""
        exact = (tick for tick in self.recent if tick.at_ns == live.order.at_ns)
        return next(exact, self.recent[-1] if self.recent else None)

    def _sign(self, live: LiveOrder, tick: Tick) -> None:
        assert self.venue is not None
        order = live.order
        if tick.at_ns > order.deadline_ns:
            self._settle(rollback(live, "no quote before the deadline"), tick.at_ns)
            return
        quote = self.venue.quote(order.side, order.token, order.amount_in, tick)
        if isinstance(quote, Unanswered):
            self.unquoted.add(order.id)
            self._taken(order.id)
            return
        self._journal(live, quote, tick)

    def _journal(self, live: LiveOrder, quote: Quote, tick: Tick) -> None:
        """T2: the bytes are durable before anybody else can see them."""
        assert self.venue is not None
        nonce = self.replica.books.nonce
        attempt = self.venue.build(live.order, quote, nonce, tick.at_ns)
        signed = Signed(
            live.order.id, len(live.attempts) + 1, attempt.raw, attempt.tx_id, attempt.nonce,
            attempt.min_amount_out, attempt.valid_until_ns, attempt.channel,
        )  # fmt: skip
        append = signing(signed, tick.at_ns)
        self.signing[append.id] = signed
        self.ask(append.id, WAL, append)

    def _durable(self, append_id: Id) -> None:
        self.answered(append_id)
        if signed := self.signing.pop(append_id, None):
            self._send(self.replica.books.live[signed.order])
            self._taken(signed.order)
            self._sign_next()
            self._settled()
        elif order := self.settling.pop(append_id, None):
            self._taken(order)
            self._settled()
        self._go_on()

    def _send(self, live: LiveOrder) -> None:
        assert self.venue is not None
        answer = self.venue.broadcast(live.attempts[-1].raw, live.since_ns)
        if isinstance(answer, Unanswered):
            self.unknown.add(live.order.id)
            logger.warning("{} is unknown: {}", live.order.id, answer.sentence)

    # -- what became of it ------------------------------------------------------------------------------
    def _take_ticks(self, message: Ticks) -> None:
        """With nothing under way the whole batch; else the first tick, and what it brings."""
        assert self.venue is not None
        for tick in message.ticks:
            if not self.recent or tick.at_ns > self.recent[-1].at_ns:
                self.recent.append(tick)
        last = message.ticks[-1].at_ns
        # What is read again is older than what it led to: nothing is signed or booked at such a tick.
        act_from_ns = max(message.act_from_ns, self.replica.books.last_order_ns)
        new = next((tick for tick in message.ticks if tick.at_ns >= act_from_ns), None)
        if new is None or not self.replica.books.live:
            self.send_to(MARKET, Handled(self.role, last, lsn=self.replica.lsn))
            return
        self.handling = new.at_ns
        self.venue.advance(new)
        for id, live in list(self.replica.books.live.items()):
            if live.attempts:
                self._resolve(live, new.at_ns)
            else:  # Unquoted; or a predecessor's, of which nobody tells us again, or not yet.
                self.unsigned.append((id, new))
        self._sign_next()
        self._settled()

    def _sign_next(self) -> None:
        """All of them at this tick, one after the other: the next nonce is known when the last is booked."""
        while self.unsigned and not self.signing:
            id, tick = self.unsigned.popleft()
            live = self.replica.books.live.get(id)
            if live is not None and not live.attempts:
                self.unquoted.discard(id)
                self._sign(live, tick)

    def _resolve(self, live: LiveOrder, at_ns: int) -> None:
        assert self.venue is not None
        signed = live.attempts[-1]
        answer = self.venue.status(signed.tx_id, at_ns)
        if known(answer):
            self.unknown.discard(live.order.id)
        else:
            self.unknown.add(live.order.id)
        if end := outcome(signed, answer):
            self.unknown.discard(live.order.id)
            self._settle(end, at_ns)

    def _settle(self, end: Outcome, at_ns: int) -> None:
        """T3.  One after the other: each is made from the books that hold the last."""
        append: Append = settlement(self.replica.books, end, at_ns)
        logger.info("{}: {}", end.order, type(end).__name__)
        self.settling[append.id] = end.order
        self.ask(append.id, WAL, append)

    def _settled(self) -> None:
        if self.handling is not None and not self._busy():
            self.send_to(MARKET, Handled(self.role, self.handling, lsn=self.replica.lsn))
            self.handling = None

    def _taken(self, id: Id) -> None:
        self.waiting.pop(id, None)
        self.send_to(PORTFOLIO, Executing(id, self.replica.lsn))

    def on_exit(self) -> None:
        if self.role and self.venue is not None:
            self.venue.close()

    def facts(self) -> dict[str, Any]:
        live = self.replica.books.live
        return {
            "lsn": self.replica.lsn,
            "in_flight": [id for id, order in live.items() if order.attempts],
            "unknown": len(self.unknown),
            "recovered": self.recovered,
        }
