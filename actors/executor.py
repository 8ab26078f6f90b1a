"""The Executor owns the wallet's nonce and every order under way: quote, sign, journal, send, find out."""

from collections import deque
from functools import partial
from typing import Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Crashed, Done, Poisoned
from actors.cashier import Cashier
from actors.member import MARKET
from actors.messages import (
    KEY,
    WALLET,
    Append,
    Approved,
    Committed,
    Drain,
    Drained,
    Durable,
    Execute,
    Executing,
    Follow,
    Handled,
    Id,
    Leg,
    Offered,
    Refused,
    SaveState,
    Signed,
    SignedBytes,
    SignRefused,
    Tick,
    Ticks,
)
from actors.venue_keeper import PORTFOLIO, Again
from chains.asking import Judged, Prepared, judged, prepared
from chains.resolution import ending
from chains.venue import Draft, Seen, Unanswered
from storage.books import LiveOrder
from storage.evidence import Action, Wallet
from storage.recovery import case_of, paid_by, under_way, waits_for_turn, whose_turn
from storage.trades import finality, halting, reversal, rollback, settlement

SWEEP_SECONDS = 1.0  # How often a chain that goes on by itself is asked about the orders under way.


class Executor(Cashier):
    """It asks the venue about every order under way, and does what the row of storage/resolution.py says.

    Nothing of it but the log and the venue survives: a successor finds the bytes in the log and asks on.
    A venue at hand moves with the market: one tick at a time, answered when its outcomes are durable.  A
    chain goes on by itself, and is asked beside the mailbox: the market waits for our log, never for it.
    """

    def opened(self) -> None:
        super().opened()
        self.waiting: dict[Id, Execute] = {}  # Not yet signed.
        self.unheard: dict[Id, None] = {}  # Of these, whoever has not been told that they are heard.
        self.unquoted: set[Id] = set()  # Taken at a tick that had no price.
        self.unsigned: deque[tuple[Id, Tick]] = deque()  # To be signed at the tick that is handled.
        self.due: Tick | None = None  # When the chain is to be asked next.
        self.handling: int | None = None  # The tick whose outcomes are being journalled.
        self.judged: dict[Id, int] = {}  # At which tick each was last asked about.
        self.unknown: set[Id] = set()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._start_trading()
        self._go_on()

    def hear(
        self,
        message: (
            Offered | Ticks | Execute | SignedBytes | SignRefused | Durable | Refused | Approved | Done
            | Crashed | Again | Drain | SaveState | ChildExited | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
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
                self.unheard[order.id] = None
                self._go_on()
            case SignedBytes():
                self._signed(message)
            case SignRefused():
                self._not_signed(message)
            case Durable(id, _):
                self._durable(id)
            case Refused(id, reason):
                self._refused(id, reason)
            case Done(tag, value):
                self.asked.pop(tag)(value)
                self._go_on()
            case Crashed(_, text):
                raise RuntimeError(f"the venue has failed: {text}")
            case Again():
                self._again()
            case Drain():
                self.draining = True
                self.tell(sender, Drained(self.role))
                self._go_on()
            case Approved() | SaveState() | ChildExited() | Poisoned():
                logger.debug("the executor hears of {}", message)
            case _:
                assert_never(message)

    def _again(self) -> None:
        """Also between two ticks, and when no tick comes."""
        self.woken = False
        if self.follows and self.recent:
            self.due = self.recent[-1]
        self._start_trading()
        self._go_on()

    # -- one thing after the other ----------------------------------------------------------------------
    def _go_on(self) -> None:
        if not self.follows:
            return
        if not (self._at_hand() or self.signing or self.booking):
            self._hear_market()
        if self._busy():
            return
        self._sign_next()
        self._take_waiting()
        if self.due is not None and not self._busy():
            tick, self.due = self.due, None
            self._look(tick)
        if not self._at_hand():
            self._look_for_leftovers()
        elif self._next_ticks() and not self._busy():
            self._take_ticks()
            self._take_waiting()

    def _take_waiting(self) -> None:
        """One after the other: the next nonce is known when the last is in the books."""
        for id in list(self.waiting):
            if not self._busy():
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
            self._prepare_in_turn(live, tick)

    # -- bytes ------------------------------------------------------------------------------------------
    def _prepare_in_turn(self, live: LiveOrder, tick: Tick) -> None:
        id = live.order.id
        if not self._waits(live, tick):
            self.unquoted.discard(id)
            self._prepare(live, tick)
        elif id not in self.unquoted:
            self._put_off(id)

    def _prepare(self, live: LiveOrder, tick: Tick) -> None:
        """While the outcome of another is unknown, this wallet begins nothing new: whoever was signed before
        this tick is asked about at this tick, once.  Nor is anything signed before it is an order's turn.
        """
        assert self.venue is not None
        books = self.replica.books
        earlier = [case for case in under_way(books) if case.live.since_ns < tick.at_ns]
        others = [case for case in earlier if self.judged.get(case.live.order.id) != tick.at_ns]
        blocked = any(case.live.order.id in self.unknown for case in earlier if case not in others)
        blocked |= bool(self._waiting())
        blocked |= self.venue.shares_allowances and waits_for_turn(books, live.order)
        own = self._asked_of((case_of(books, live),))[0]
        work = prepared(self.venue, own, self._asked_of(others), blocked, books.nonce, tick)
        self._ask(work, partial(self._prepared, tick))

    def _prepared(self, tick: Tick, found: Prepared) -> None:
        for each in (*found.others, found.own):
            self._note(each, tick)
        if found.own.row.action is Action.QUOTE:
            self._drafted(found.own.case.live, tick, False, found.draft)
        else:
            self._do(found.own, tick)
            if found.own.row.action in {Action.BLOCK, Action.NOTHING}:
                self._put_off(found.own.case.live.order.id)

    def _put_off(self, id: Id) -> None:
        """To the next tick; the market need not wait for it."""
        self.unquoted.add(id)
        self._taken(id)

    def _durable(self, append_id: Id) -> None:
        self.answered(append_id)
        if signed := self.signing.pop(append_id, None):
            self._send(self.replica.books.live[signed.order])
            self._taken(signed.order)
            self._pass_on(signed)
            self._sign_next()
            self._settled()
        elif order := self.booking.pop(append_id, None):
            self._taken(order)
            self._suspect(order)
            self._next_leg(order)
            self._settled()
        self._go_on()

    def _pass_on(self, signed: Signed) -> None:
        """Whoever has waited for the turn of this order need not wait for another tick."""
        assert self.venue is not None
        books = self.replica.books
        if self.venue.shares_allowances and signed.leg is Leg.SWAP and self.recent:
            id = whose_turn(books, paid_by(books.live[signed.order].order))
            self.unsigned.extend([(id, self.recent[-1])] if id is not None else [])

    def _waits(self, live: LiveOrder, tick: Tick) -> bool:
        """For its turn; the venue need not be asked about that, unless the order is to end."""
        assert self.venue is not None
        if not self.venue.shares_allowances or tick.at_ns > live.order.deadline_ns:
            return False
        books = self.replica.books
        good = self._wallet(case_of(books, live)) is Wallet.GOOD
        return good and waits_for_turn(books, live.order)

    def _next_leg(self, id: Id) -> None:
        """What was booked may be an approval: then the swap is next."""
        live = self.replica.books.live.get(id)
        if live is not None and not live.attempts and self.recent:
            self.unsigned.append((id, self.recent[-1]))

    # -- what became of it ------------------------------------------------------------------------------
    def _hear_market(self) -> None:
        """Of a chain: the market goes on, and what there is to ask is asked when there is time."""
        assert self.venue is not None
        if self._next_ticks() and (ticks := self._remembered()):
            for tick in ticks:
                self.venue.advance(tick)
            self.due = ticks[-1]
        for id in self.unheard:
            self.send_to(PORTFOLIO, Executing(id, self.replica.lsn))
        self.unheard.clear()

    def _take_ticks(self) -> None:
        """With nothing under way the whole batch; else the first tick, and what it brings."""
        assert self.venue is not None
        new, books = self._remembered(), self.replica.books
        if new and (books.live or books.booked):
            self.handling = new[0].at_ns
            self.venue.advance(new[0])
            self._look(new[0])

    def _look(self, tick: Tick) -> None:
        assert self.venue is not None
        books = self.replica.books
        if books.live or books.booked:
            work = judged(self.venue, self._asked_of(under_way(books)), tick.at_ns)
            self._ask(work, partial(self._looked, tick))

    def _looked(self, tick: Tick, found: tuple[Judged, ...]) -> None:
        self.judged.clear()
        self.short.clear()
        for each in found:
            self._note(each, tick)
            self._do(each, tick)
        self._look_for_gas(tick)
        # Unquoted; or a predecessor's, of which nobody tells us again, or not yet.
        live = self.replica.books.live.items()
        self.unsigned.extend((id, tick) for id, each in live if not each.attempts)
        self._sign_next()
        self._settled()
        if not self._at_hand():
            self._again_in(SWEEP_SECONDS)

    def _next(self) -> None:
        self._sign_next()
        self._settled()
        self._go_on()

    def _sign_next(self) -> None:
        """All of them at this tick, one after the other: the next nonce is known when the last is booked."""
        while self.unsigned and not (self.signing or self.asked or self.requested):
            id, tick = self.unsigned.popleft()
            live = self.replica.books.live.get(id)
            if live is not None and not live.attempts:
                self._prepare_in_turn(live, tick)

    def _note(self, found: Judged, tick: Tick) -> None:
        id, row = found.case.live.order.id, found.row
        self.judged[id] = tick.at_ns
        if found.seen.broken:
            self._halt(found.case.live, WALLET, found.seen.broken, tick)
        if found.seen.foreign:
            self._halt(found.case.live, KEY, found.seen.foreign, tick)
        if row.action is Action.BLOCK:
            logger.warning("{} is unknown ({}): {}", id, row.number, row.because)
            self.unknown.add(id)
        else:
            self.unknown.discard(id)

    def _do(self, found: Judged, tick: Tick) -> None:
        row, live, seen = found.row, found.case.live, found.seen
        id, at_ns = live.order.id, tick.at_ns
        match row.action:
            case Action.NOTHING | Action.BLOCK | Action.QUOTE:
                """Nothing is proved, or all is over; and a quote has its own way."""
            case Action.WAIT:
                if not live.attempts:
                    self._put_off(id)
            case Action.ROLL_BACK:
                self._roll_back(found, tick)
            case Action.RESEND:
                self._send(live)
            case Action.BUMP | Action.CANCEL:
                self._replace(live, row.action is Action.CANCEL or live.attempts[-1].cancels, tick)
            case Action.SETTLE_LANDED if live.takes_back and not seen.final:
                """Nobody is in a hurry, and its end is to be for good."""
            case Action.SETTLE_LANDED | Action.SETTLE_FAILED | Action.MARK_DEAD:
                self._settle(ending(live, row.action, seen), at_ns, seen.final)
            case Action.QUARANTINE:
                self._quarantine(live, seen, at_ns)
            case Action.COMPENSATE:
                self._book(reversal(self.replica.books, id, row.because, at_ns), id)
            case Action.NOTE_FINALITY:
                self._book(finality(self.replica.books, id, row.because, at_ns, seen.final_block), id)
            case _:
                assert_never(row.action)

    def _roll_back(self, found: Judged, tick: Tick) -> None:
        """What it has approved is taken back first; and then no reorg may undo any more what it did."""
        assert self.venue is not None
        live, books = found.case.live, self.replica.books
        if live.legs_done and books.signs:
            if not found.seen.final:
                self._send_legs(live)
                self._put_off(live.order.id)
                return
            if live.allows:
                work = self.venue.revocation(live, books.nonce)
                self._ask(work, partial(self._revocation, found, tick))
                return
        self._end(live, tick, found.row.because)

    def _revocation(self, found: Judged, tick: Tick, draft: Draft | Unanswered | None) -> None:
        if draft is None:
            self._end(found.case.live, tick, found.row.because)
        else:
            self._drafted(found.case.live, tick, False, draft)

    def _end(self, live: LiveOrder, tick: Tick, reason: str) -> None:
        self._settle(rollback(live, reason), tick.at_ns)

    def _quarantine(self, live: LiveOrder, seen: Seen, at_ns: int) -> None:
        """In one append: the order is dead, and its wallet signs nothing any more."""
        end = ending(live, Action.QUARANTINE, seen)
        settled = settlement(self.replica.books, end, at_ns)
        halt = halting(Id(f"{live.order.id}/quarantine"), KEY, seen.proof, at_ns)
        logger.critical("the wallet is quarantined: {}", seen.proof)
        self._book(Append(settled.id, (*settled.records, *halt.records)), live.order.id)

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
            **super().facts(),
            "in_flight": [id for id, order in live.items() if order.attempts],
            "unknown": len(self.unknown | self._waiting().keys()),
            "put_off": {id: why for id, why in self.why.items() if id in live and not live[id].attempts},
            "refused_by_signer": len(self.not_signed),
            "disputed_quotes": self.venue.disputed if self.venue else 0,
            "recovered": self.recovered,
        }
