"""Who keeps a venue: opens it, compares it with the books at the start, and asks it without waiting."""

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from loguru import logger
from msgspec import Struct

from actors.member import MARKET, WAL, Member
from actors.messages import EVERYTHING, KEY, Balances, Follow, Handled, Id, Offered, Role, Side, Tick, Ticks
from chains.asking import Asked, Judged, at_once, judged
from chains.paper.venue import PaperVenue, has_record
from chains.venue import Met, Unanswered, Venue
from storage.books import LiveOrder
from storage.consent import LIVE
from storage.evidence import Action, Deadline, Entry, Wallet
from storage.layout import venue_path
from storage.recovery import Case, recover, under_way
from storage.trades import halting

PORTFOLIO = Role("portfolio")
BALANCES = "balances"
REMEMBERED_TICKS = 512
RETRY_SECONDS = 1.0  # After a venue did not answer at the start.


class Again(Struct, frozen=True):
    """Time to ask the venue again."""


class VenueKeeper(Member):
    """A subclass sends bytes, and follows the market once `follows` is set."""

    def opened(self) -> None:
        self.venue: Venue | None = None
        self.offer: Offered | None = None
        self.recent: deque[Tick] = deque(maxlen=REMEMBERED_TICKS)
        self.stash: Ticks | None = None
        self.asked: dict[str, Callable[[Any], None]] = {}  # Of the venue, by tag: what follows the answer.
        self.questions = 0
        self.recovered: dict[str, int] = {}
        self.follows = self.woken = self.draining = False

    def begun(self) -> None:
        self._start_trading()

    def _send(self, live: LiveOrder) -> None:
        """Send the newest bytes of an order."""
        raise NotImplementedError

    def _suspect_all(self) -> None:
        """The venue may allow what no order needs any more."""
        raise NotImplementedError

    # -- asking -----------------------------------------------------------------------------------------
    def _ask(self, work: Coroutine[Any, Any, Any], then: Callable[[Any], None]) -> None:
        """Nothing else is begun before it is answered."""
        assert self.venue is not None
        if self.venue.at_hand:
            then(at_once(work))
            return
        self.questions += 1
        self.asked[str(self.questions)] = then
        self.beside(work, str(self.questions))

    def _again_in(self, seconds: float) -> None:
        if not self.woken:
            self.woken = True
            self.wake(seconds, Again())

    # -- start ------------------------------------------------------------------------------------------
    def _start_trading(self) -> None:
        """Once the books, the venue and the first deposit are there; then what was half done goes on."""
        if not self.complete or self.follows or self.asked:
            return
        self.venue = self.venue or self._opened_venue()
        if self.venue is not None:
            self._ask(self.venue.meet(self.replica.books), self._met)

    def _met(self, met: Met | Unanswered) -> None:
        if isinstance(met, Unanswered):
            logger.warning("the venue is not there yet: {}", met.sentence)
            self._again_in(RETRY_SECONDS)
            return
        if not self.replica.books.ledger.accounts:
            self.ask(BALANCES, PORTFOLIO, Balances(met.balances, met.wallet, met.nonce))
            return
        self.answered(BALANCES)
        if met.strange:
            self.fail(met.strange)
            return
        if met.foreign and KEY not in self.replica.books.halts:
            self._quarantine_wallet(met.foreign, met.nonce)
            return
        self._recover(max(met.head_ns, self.replica.books.last_order_ns))

    def _quarantine_wallet(self, sentence: str, nonce: int) -> None:
        """single-writer: it signs nothing any more.  Once that is in the books, we begin; one that was lifted
        since is another.
        """
        logger.critical("the wallet is quarantined: {}", sentence)
        id = Id(f"foreign/{nonce}/{self.replica.lsn}")
        halt = halting(id, KEY, sentence, self.replica.books.last_order_ns)
        self.ask(halt.id, WAL, halt)

    def _recover(self, now_ns: int) -> None:
        assert self.venue is not None
        self.recovered = recover(self.replica.books, now_ns).report()
        logger.info("recovery: {}", self.recovered)
        cases = under_way(self.replica.books)
        self._ask(judged(self.venue, self._asked_of(cases), now_ns), self._found)

    def _found(self, found: tuple[Judged, ...]) -> None:
        """What may have been signed and never sent is sent now; all else has time until the next tick."""
        self.follows = True
        self._suspect_all()
        for each in found:
            row = each.row
            unheard = row.action is Action.BLOCK and each.seen.evidence.deadline is Deadline.BEFORE
            if row.action is Action.RESEND or unheard:  # The same bytes: harmless if they are there.
                self._send(each.case.live)
        self.send_to(MARKET, Follow(self.role, None))

    def _opened_venue(self) -> Venue | None:
        """None while there is no market, and where the venue of these books is gone: then the run ends."""
        path = venue_path(Path(self.run.data_dir))
        if self.offer is None:
            return None
        if self.run.mode == LIVE:
            from chains.evm.opening import evm_venue  # noqa: PLC0415  web3 is 60 MB, and paper needs none of it.

            return evm_venue(self.settings)
        if self.replica.books.ledger.accounts and not has_record(path):
            self.fail(
                f"{path} is not there, and the log has trades that only it can tell the end of: "
                f"restore it, or begin anew in another folder with --data-dir."
            )
            return None
        offer, paper = self.offer, self.settings.paper
        return PaperVenue(path, paper, self.run.seed, offer.instruments, offer.bar_ns)

    def _asked_of(self, cases: Sequence[Case]) -> list[Asked]:
        return [Asked(case, self._wallet(case)) for case in cases]

    def _wallet(self, case: Case) -> Wallet:
        stopped = case.entry is Entry.PENDING and self._stopped(case.live)
        return Wallet.GOOD if self.replica.books.signs and not stopped else Wallet.QUARANTINED

    def _stopped(self, live: LiveOrder) -> bool:
        """What would buy: by a halt of everything; by the end of the run, if no bytes of it were ever out."""
        halted = EVERYTHING in self.replica.books.halts and live.order.side is Side.BUY
        return halted or (self.draining and not live.begun and live.order.side is not Side.SELL)

    # -- the market -------------------------------------------------------------------------------------
    def _at_hand(self) -> bool:
        return self.venue is not None and self.venue.at_hand

    def _next_ticks(self) -> bool:
        return self.stash is not None and self.stash.lsn <= self.replica.lsn

    def _tick_of(self, live: LiveOrder) -> Tick | None:
        """The tick at which it was decided; if that is not known, or time goes on by itself, the newest."""
        newest = self.recent[-1] if self.recent else None
        exact = (tick for tick in self.recent if tick.at_ns == live.order.at_ns)
        return next(exact, newest) if self._at_hand() else newest

    def _remembered(self) -> tuple[Tick, ...]:
        """The ticks of the stash that are new; all of them are handled if there are none, or on a chain."""
        message, self.stash = self.stash, None
        assert message is not None
        for tick in message.ticks:
            if not self.recent or tick.at_ns > self.recent[-1].at_ns:
                self.recent.append(tick)
        # What is read again is older than what it led to: nothing is signed or booked at such a tick.
        books = self.replica.books
        act_from_ns = max(message.act_from_ns, books.last_order_ns)
        new = tuple(tick for tick in message.ticks if tick.at_ns >= act_from_ns)
        if not (new and (books.live or books.booked) and self._at_hand()):
            self.send_to(MARKET, Handled(self.role, message.ticks[-1].at_ns, lsn=self.replica.lsn))
        return new
