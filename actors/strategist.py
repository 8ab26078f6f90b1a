"""The Strategist runs one strategy: ticks in, wishes out.  What it holds is told by the log."""

from typing import Any, assert_never

from loguru import logger
from msgspec import Struct

from actors.base import Address, ChildExited, Poisoned
from actors.member import MARKET, STRATEGIST, WAL
from actors.messages import (
    AlreadyClosing,
    Append,
    Approved,
    Asset,
    Close,
    Committed,
    Dead,
    Drain,
    Drained,
    Durable,
    Finalized,
    Follow,
    Handled,
    Id,
    Instrument,
    Offered,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Propose,
    Refused,
    Reverted,
    RolledBack,
    SaveState,
    StateSaved,
    Tick,
    Ticks,
)
from actors.wisher import Wish, Wisher
from storage.holdings import freed_since
from storage.trades import local
from strategies.trader import Saved, Trader, decoded, encoded

SAVE_EVERY = 5_000  # Ticks.
Ended = PositionOpened | PositionClosed | PositionReduced | Dead | Reverted | RolledBack | Finalized


class Told(Struct, frozen=True):
    """At this moment something came out otherwise than the strategy may think."""

    token: Asset
    at_ns: int
    lost: bool = False  # It is not held; else that is for the books to say.


class Strategist(Wisher):
    """It may read ahead of what is decided, and goes back when something happens in between.

    Whatever changes it beside the ticks (a refusal, a position that an exit rule sold) is saved, durably,
    before it goes on: a successor that reads the same ticks from there is the same strategist.
    """

    def opened(self) -> None:
        super().opened()
        self.strategy = self.role.removeprefix(STRATEGIST)
        self.trader = Trader(self.strategy, self.settings)
        self.before = self.trader.saved()  # Where to go back to.
        self.batch: tuple[Tick, ...] = ()  # What was read since.
        self.outcomes: list[Told] = []
        self.offered = False
        self.stash: Ticks | None = None
        self.saving: Id | None = None
        self.saved_ns = 0
        self.ticks = 0
        self.follows = False
        self.noted = ""

    def begun(self) -> None:
        if found := self.replica.books.saved.get(self.role):
            saved = decoded(found.state)
            if saved is None or not self.trader.restore(saved):
                logger.warning("what {} saved was made by other rules: it reads the market anew", self.role)
            self.before = self.trader.saved()
        self.saved_ns = self.trader.through_ns
        self._follow()

    def _follow(self) -> None:
        """Once the books and the instruments are there."""
        if self.complete and self.offered:
            self.follows = True
            self._ask_for_ticks()

    def _ask_for_ticks(self) -> None:
        self.send_to(MARKET, Follow(self.role, self.before.through_ns))

    def news(self, message: Committed) -> None:
        for record in message.records:
            body = record.body
            if isinstance(body, Ended):
                self._hear_end(body.order, record.at_ns)
        self._go_on()

    def _hear_end(self, order: Id, at_ns: int) -> None:
        ended = self.replica.books.ended.get(order)
        if ended is not None and ended.order.strategy == self.strategy:
            self.outcomes.append(Told(ended.order.token, at_ns))

    def _correct(self, token: Asset, before_ns: int) -> None:
        """What is held is what the books say; an order that is open, or ends later, has yet to say it."""
        books = self.replica.books
        holder = books.order(books.claims[token]) if token in books.claims else None
        was_open = holder is not None and holder.at_ns < before_ns
        if not was_open and not freed_since(books, token, before_ns):
            position = books.positions.get(token)
            self.trader.held(token, position is not None and position.strategy == self.strategy)

    def hear(
        self,
        message: (
            Offered | Ticks | Approved | Refused | AlreadyClosing | Durable | Drain | SaveState | ChildExited
            | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
        match message:
            case Ticks():
                self.stash = message
                self._go_on()
            case Approved() | Refused() | AlreadyClosing():
                self._decided(message, sender)
            case Durable(id, _):
                self.answered(id)
                if id == self.saving:
                    self.saving = None
                    self._go_on()
            case Drain():
                self.tell(sender, Drained(self.role))
            case SaveState():
                self._save()
            case Offered(instruments, _):
                self._meet_instruments(instruments)
            case ChildExited() | Poisoned():
                logger.debug("the strategist hears of {}", type(message).__name__)
            case _:
                assert_never(message)

    def _meet_instruments(self, instruments: tuple[Instrument, ...]) -> None:
        if refused := self.trader.refusal(len(instruments)):
            self.fail(f"{self.strategy} may not trade: {refused}")
            return
        self.trader.meet(instruments)
        self.offered = True
        self._follow()

    def _decided(self, answer: Approved | Refused | AlreadyClosing, sender: Address) -> None:
        wish = self.heard(answer, sender)
        if wish is not None and isinstance(answer, Refused):
            self.outcomes.append(Told(wish.token, wish.at_ns, isinstance(wish, Propose)))
        self._go_on()

    # -- ticks ------------------------------------------------------------------------------------------
    def _go_on(self) -> None:
        if not self.follows or self.stash is None or self.stash.lsn > self.replica.lsn or self.saving:
            return
        first = self.stash.ticks[0].at_ns
        self._learn_decided(first)
        self._go_back(first - 1)
        # What happens at a tick comes after it.
        if news := [each for each in self.outcomes if each.at_ns < first]:
            for each in news:
                self._learn(each.token, each.lost, first)
            self.outcomes = [each for each in self.outcomes if each not in news]
            self.before = self.trader.saved()
            self._save()
            return
        if self.before.through_ns - self.saved_ns > 0 and self.ticks >= SAVE_EVERY and not self.wishes:
            self._save()
            return
        ticks, self.stash = self.stash, None
        self._take_ticks(ticks)

    def _learn(self, token: Asset, lost: bool, before_ns: int) -> None:
        if lost:
            self.trader.held(token, False)
        else:
            self._correct(token, before_ns)

    def _learn_decided(self, first_ns: int) -> None:
        """What was decided and we have not heard of: the books say it."""
        for wish in self.passed(first_ns):
            if self._refused(wish):
                self.outcomes.append(Told(wish.token, wish.at_ns, isinstance(wish, Propose)))

    def _refused(self, wish: Wish) -> bool:
        """A wish of the past that never became an order."""
        return self.replica.books.order(wish.id) is None

    def _go_back(self, through_ns: int) -> None:
        """Forget what was read past this moment, wishes too: it is read again, and may come out otherwise."""
        if self.trader.through_ns > through_ns:
            self.trader.restore(self.before)
            for tick in self.batch:
                if tick.at_ns <= through_ns:
                    self.trader.after(tick)
        for id in [id for id, wish in self.wishes.items() if wish.at_ns > through_ns]:
            del self.wishes[id]
            self.answered(id)
        self.before, self.batch = self.trader.saved(), ()

    def _take_ticks(self, message: Ticks) -> None:
        through, read = message.ticks[-1].at_ns, []
        for tick in message.ticks:
            read.append(tick)
            self._recall_ends(tick.at_ns)
            wishes = self.trader.after(tick)
            if wishes and tick.at_ns < message.act_from_ns:
                self._recall_refusals(wishes, tick.at_ns)
            elif wishes:
                for wish in wishes:
                    self.wish(wish)
                through = tick.at_ns
                break
        self.batch = tuple(read)
        self.ticks += len(read)
        self._say_note()
        self.send_to(MARKET, Handled(self.role, through, self.wishes_at(through), self.replica.lsn))

    def _say_note(self) -> None:
        """Once, when a strategy switches itself off; and it is in the log from the next batch on."""
        note = self.trader.note()
        if note.startswith("off") and not self.noted.startswith("off"):
            logger.warning("{} is {}", self.strategy, note)
            self.ticks = SAVE_EVERY
        self.noted = note

    def _recall_ends(self, at_ns: int) -> None:
        """What has come out otherwise since the last tick; a predecessor may have been told."""
        for token, freed_ns in self.replica.books.freed_at_ns.items():
            if self.trader.through_ns <= freed_ns < at_ns:
                self._correct(token, at_ns)

    def _recall_refusals(self, wishes: list[Propose | Close], at_ns: int) -> None:
        for wish in wishes:
            if self._refused(wish):
                self._learn(wish.token, isinstance(wish, Propose), at_ns + 1)

    def _save(self) -> None:
        """The state of a moment at which nothing was open."""
        saved: Saved = self.before
        self.ticks, self.saved_ns = 0, saved.through_ns
        id = Id(f"{self.role}/saved/{saved.through_ns}/{self.replica.lsn}")
        state = StateSaved(self.role, saved.through_ns, encoded(saved))
        self.saving = id
        self.ask(id, WAL, Append(id, (local(id, state, saved.through_ns),)))

    def facts(self) -> dict[str, Any]:
        return {"lsn": self.replica.lsn, "strategy": self.strategy, "through_ns": self.trader.through_ns,
                "note": self.noted}  # fmt: skip
