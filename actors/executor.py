"""The Executor owns the wallet's nonce and every order under way: quote, sign, journal, send, find out."""

from collections import deque
from pathlib import Path
from typing import Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Poisoned
from actors.member import MARKET, WAL, Member
from actors.messages import (
    EVERYTHING,
    KEY,
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
    Refusal,
    Refused,
    Role,
    SaveState,
    Side,
    Signed,
    Tick,
    Ticks,
)
from chains.paper.venue import PaperVenue, has_record
from chains.resolution import ending
from chains.venue import Attempt, Seen, Unanswered, Venue
from storage.books import LiveOrder, Outcome
from storage.evidence import Action, Deadline, Entry, Wallet
from storage.layout import venue_path
from storage.recovery import Case, case_of, recover, under_way
from storage.resolution import Row, resolve
from storage.trades import finality, halting, reversal, rollback, settlement, signing

PORTFOLIO = Role("portfolio")
REMEMBERED_TICKS = 512
BALANCES = "balances"


class Executor(Member):
    """While an order is under way it takes one tick at a time, and answers when its outcomes are durable.

    At every tick it asks the venue about each of them, and does what the row of storage/resolution.py says.
    Nothing of it but the log and the venue survives: a successor finds the bytes in the log and asks on.
    """

    def opened(self) -> None:
        self.venue: Venue | None = None
        self.offer: Offered | None = None
        self.recent: deque[Tick] = deque(maxlen=REMEMBERED_TICKS)
        self.waiting: dict[Id, Execute] = {}  # Not yet signed.
        self.unquoted: set[Id] = set()  # Taken at a tick that had no price.
        self.unsigned: deque[tuple[Id, Tick]] = deque()  # To be signed at the tick that is handled.
        self.signing: dict[Id, Signed] = {}  # On its way to the log, by the id of the append.
        self.booking: dict[Id, Id] = {}  # Append -> order.
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
                self._refused(id, reason)
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
        if strange := self.venue.strange(self.replica.books):
            self.fail(
                f"The log and the venue's record are not of one moment: {strange}.  If the log was restored,"
                f" what came after its copy is lost to it: begin anew in another folder with --data-dir."
            )
            return
        self.follows = True
        self._recover()
        self.send_to(MARKET, Follow(self.role, None))

    def _recover(self) -> None:
        """What may have been signed and never sent is sent now; all else has time until the next tick."""
        assert self.venue is not None
        now_ns = max(self.venue.head_ns(), self.replica.books.last_order_ns)
        found = recover(self.replica.books, now_ns)
        self.recovered = found.report()
        logger.info("recovery: {}", self.recovered)
        for case in under_way(self.replica.books):
            row, seen = self._judged(case, now_ns)
            unheard = row.action is Action.BLOCK and seen.evidence.deadline is Deadline.BEFORE
            if row.action is Action.RESEND or unheard:  # The same bytes: harmless if they are there.
                self._send(case.live)

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
        return bool(self.signing or self.booking)

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
                self._begin_order(live, tick)
        elif self.replica.books.order(id) is not None:
            self._taken(id)

    def _begin_order(self, live: LiveOrder, tick: Tick) -> None:
        """What a predecessor had put off is not signed at the prices of a tick that is over."""
        assert self.venue is not None
        if tick.at_ns < max(self.venue.head_ns(), self.replica.books.last_order_ns):
            self._put_off(live.order.id)
        else:
            self._resolve(case_of(self.replica.books, live), tick)

    def _tick_of(self, live: LiveOrder) -> Tick | None:
        """The tick at which it was decided; if that is not known, the newest."""
        exact = (tick for tick in self.recent if tick.at_ns == live.order.at_ns)
        return next(exact, self.recent[-1] if self.recent else None)

    def _quote(self, live: LiveOrder, tick: Tick) -> None:
        """While the outcome of another is unknown, this wallet begins nothing new."""
        assert self.venue is not None
        order, blocked = live.order, self._blocked(tick.at_ns)
        quote = self.venue.quote(order.side, order.token, order.amount_in, tick)
        if blocked or isinstance(quote, Unanswered):
            self._put_off(order.id)
            return
        attempt = self.venue.build(order, quote, self.replica.books.nonce, tick.at_ns)
        if attempt.min_amount_out < 1:  # A fill of nothing would be a position that nobody can sell.
            self._put_off(order.id)
            return
        self._journal(live, attempt, tick)

    def _put_off(self, id: Id) -> None:
        """To the next tick; the market need not wait for it."""
        self.unquoted.add(id)
        self._taken(id)

    def _blocked(self, at_ns: int) -> bool:
        cases = under_way(self.replica.books)
        return any(self._judged(case, at_ns)[0].action is Action.BLOCK for case in cases)

    def _replace(self, live: LiveOrder, cancel: bool, tick: Tick) -> None:
        """T2': other bytes under the same nonce."""
        assert self.venue is not None
        attempt = self.venue.replacement(live, cancel, tick.at_ns)
        if not isinstance(attempt, Unanswered):
            self._journal(live, attempt, tick, cancel)

    def _journal(self, live: LiveOrder, attempt: Attempt, tick: Tick, cancel: bool = False) -> None:
        """T2: the bytes are durable before anybody else can see them."""
        signed = Signed(
            live.order.id, len(live.attempts) + 1, attempt.raw, attempt.tx_id, attempt.nonce,
            attempt.min_amount_out, attempt.valid_until_ns, attempt.channel, cancel,
            attempt.last_valid_height, attempt.slot,
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
        elif order := self.booking.pop(append_id, None):
            self._taken(order)
            self._settled()
        self._go_on()

    def _refused(self, append_id: Id, reason: Refusal) -> None:
        """Between our decision and its record the wallet was halted: the log lets nothing be signed then."""
        signed = self.signing.get(append_id)
        if not self.asking(append_id):
            return  # Asked twice, answered twice.
        if signed is None or reason is not Refusal.HALTED:
            raise RuntimeError(f"the log refuses {append_id}: {reason}")
        self.answered(append_id)
        del self.signing[append_id]
        self._put_off(signed.order)
        self._sign_next()
        self._settled()
        self._go_on()

    def _send(self, live: LiveOrder) -> None:
        assert self.venue is not None
        if not self.replica.books.signs:
            logger.warning("{} is not sent: the wallet is halted", live.order.id)
            return
        newest = live.attempts[-1]
        answer = self.venue.broadcast(newest.raw, live.since_ns, newest.channel)
        if isinstance(answer, Unanswered):
            logger.warning("{} may have been sent or not: {}", live.order.id, answer.sentence)

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
        books = self.replica.books
        if new is None or not (books.live or books.booked):
            self.send_to(MARKET, Handled(self.role, last, lsn=self.replica.lsn))
            return
        self.handling = new.at_ns
        self.venue.advance(new)
        for case in under_way(books):
            self._resolve(case, new)
        # Unquoted; or a predecessor's, of which nobody tells us again, or not yet.
        self.unsigned.extend((id, new) for id, live in books.live.items() if not live.attempts)
        self._sign_next()
        self._settled()

    def _sign_next(self) -> None:
        """All of them at this tick, one after the other: the next nonce is known when the last is booked."""
        while self.unsigned and not self.signing:
            id, tick = self.unsigned.popleft()
            live = self.replica.books.live.get(id)
            if live is not None and not live.attempts:
                self.unquoted.discard(id)
                self._resolve(case_of(self.replica.books, live), tick)

    def _judged(self, case: Case, at_ns: int) -> tuple[Row, Seen]:
        assert self.venue is not None
        seen = self.venue.look(case, self._wallet(case), at_ns)
        return resolve(case.entry, seen.evidence), seen

    def _wallet(self, case: Case) -> Wallet:
        """A halt of everything stops what has no bytes yet and would buy."""
        books, buys = self.replica.books, case.live.order.side is Side.BUY
        stopped = EVERYTHING in books.halts and buys and case.entry is Entry.PENDING
        return Wallet.GOOD if books.signs and not stopped else Wallet.QUARANTINED

    def _resolve(self, case: Case, tick: Tick) -> None:
        row, seen = self._judged(case, tick.at_ns)
        id = case.live.order.id
        if row.action is Action.BLOCK:
            logger.warning("{} is unknown ({}): {}", id, row.number, row.because)
            self.unknown.add(id)
        else:
            self.unknown.discard(id)
        self._do(row, case.live, seen, tick)

    def _do(self, row: Row, live: LiveOrder, seen: Seen, tick: Tick) -> None:
        id, at_ns = live.order.id, tick.at_ns
        match row.action:
            case Action.NOTHING | Action.BLOCK:
                """Nothing is proved, or all is over."""
            case Action.WAIT:
                if not live.attempts:
                    self._put_off(id)
            case Action.QUOTE:
                self._quote(live, tick)
            case Action.ROLL_BACK:
                self._settle(rollback(live, row.because), at_ns)
            case Action.RESEND:
                self._send(live)
            case Action.BUMP | Action.CANCEL:
                self._replace(live, row.action is Action.CANCEL or live.attempts[-1].cancels, tick)
            case Action.SETTLE_LANDED | Action.SETTLE_FAILED | Action.MARK_DEAD:
                self._settle(ending(live, row.action, seen), at_ns)
            case Action.QUARANTINE:
                self._quarantine(live, seen, at_ns)
            case Action.COMPENSATE:
                self._book(reversal(self.replica.books, id, row.because, at_ns), id)
            case Action.NOTE_FINALITY:
                self._book(finality(self.replica.books, id, row.because, at_ns), id)
            case _:
                assert_never(row.action)

    def _quarantine(self, live: LiveOrder, seen: Seen, at_ns: int) -> None:
        """In one append: the order is dead, and its wallet signs nothing any more."""
        end = ending(live, Action.QUARANTINE, seen)
        settled = settlement(self.replica.books, end, at_ns)
        halt = halting(Id(f"{live.order.id}/quarantine"), KEY, seen.proof, at_ns)
        logger.critical("the wallet is quarantined: {}", seen.proof)
        self._book(Append(settled.id, (*settled.records, *halt.records)), live.order.id)

    def _settle(self, end: Outcome, at_ns: int) -> None:
        """T3.  Of several at a time each is of another token, so none changes what the others are made of."""
        logger.info("{}: {}", end.order, type(end).__name__)
        self._book(settlement(self.replica.books, end, at_ns), end.order)

    def _book(self, append: Append, order: Id) -> None:
        self.booking[append.id] = order
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
