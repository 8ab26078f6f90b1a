"""The Strategist runs one strategy: ticks in, wishes out.  What it holds is told by the log."""

from typing import Any, assert_never

from loguru import logger

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
    Offered,
    PositionClosed,
    Propose,
    Refused,
    Reverted,
    RolledBack,
    SaveState,
    Side,
    StateSaved,
    Tick,
    Ticks,
)
from actors.wisher import Wish, Wisher
from storage.trades import local
from strategies.trader import NAME, Saved, Trader, decoded, encoded

SAVE_EVERY = 5_000  # Ticks.


class Strategist(Wisher):
    """It may read ahead of what is decided, and goes back when something happens in between.

    Whatever changes it beside the ticks (a refusal, a position that an exit rule sold) is saved, durably,
    before it goes on: a successor that reads the same ticks from there is the same strategist.
    """

    def opened(self) -> None:
        super().opened()
        self.trader = Trader(self.settings.momentum)
        self.before = self.trader.saved()  # Where to go back to.
        self.batch: tuple[Tick, ...] = ()  # What was read since.
        self.told: list[tuple[Asset, int]] = []  # Not held after all, since this moment.
        self.stash: Ticks | None = None
        self.saving: Id | None = None
        self.saved_ns = 0
        self.ticks = 0
        self.follows = False

    def begun(self) -> None:
        if found := self.replica.books.saved.get(self.role):
            self.trader.restore(decoded(found.state))
            self.before = self.trader.saved()
        self.saved_ns = self.trader.through_ns
        self.follows = True
        self._ask_for_ticks()

    def _ask_for_ticks(self) -> None:
        self.send_to(MARKET, Follow(self.role, self.before.through_ns))

    def news(self, message: Committed) -> None:
        for record in message.records:
            body = record.body
            if isinstance(body, PositionClosed | Dead | Reverted | RolledBack | Finalized):
                self._hear_end(body, record.at_ns)
        self._go_on()

    def _hear_end(self, body: PositionClosed | Dead | Reverted | RolledBack | Finalized, at_ns: int) -> None:
        """The token is not held: its buy came to nothing, or its sale is final."""
        ended = self.replica.books.ended.get(body.order)
        if ended is None or ended.order.strategy != self.role.removeprefix(STRATEGIST):
            return
        sold = isinstance(body, PositionClosed | Finalized) and ended.order.closes
        failed = not isinstance(body, PositionClosed | Finalized) and ended.order.side is Side.BUY
        if sold or failed:
            self.told.append((ended.order.token, at_ns))

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
            case Offered():
                if self.follows:
                    self._ask_for_ticks()
            case ChildExited() | Poisoned():
                logger.debug("the strategist hears of {}", type(message).__name__)
            case _:
                assert_never(message)

    def _decided(self, answer: Approved | Refused | AlreadyClosing, sender: Address) -> None:
        wish = self.heard(answer, sender)
        if isinstance(wish, Propose) and isinstance(answer, Refused):
            self.told.append((wish.token, wish.at_ns))
        self._go_on()

    # -- ticks ------------------------------------------------------------------------------------------
    def _go_on(self) -> None:
        if not self.follows or self.stash is None or self.stash.lsn > self.replica.lsn or self.saving:
            return
        first = self.stash.ticks[0].at_ns
        self._learn_decided(first)
        self._go_back(first - 1)
        if news := [each for each in self.told if each[1] < first]:  # What happens at a tick comes after it.
            for token, _ in news:
                self.trader.held(token, False)
            self.told = [each for each in self.told if each not in news]
            self.before = self.trader.saved()
            self._save()
            return
        if self.before.through_ns - self.saved_ns > 0 and self.ticks >= SAVE_EVERY and not self.wishes:
            self._save()
            return
        ticks, self.stash = self.stash, None
        self._take_ticks(ticks)

    def _learn_decided(self, first_ns: int) -> None:
        """What was decided and we have not heard of: the books say it."""
        for wish in self.passed(first_ns):
            if self._refused(wish):
                self.told.append((wish.token, wish.at_ns))

    def _refused(self, wish: Wish) -> bool:
        """A wish of the past to buy that never became an order."""
        return isinstance(wish, Propose) and self.replica.books.order(wish.id) is None

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
                self._recall_refusals(wishes)
            elif wishes:
                for wish in wishes:
                    self.wish(wish)
                through = tick.at_ns
                break
        self.batch = tuple(read)
        self.ticks += len(read)
        self.send_to(MARKET, Handled(self.role, through, self.wishes_at(through), self.replica.lsn))

    def _recall_ends(self, at_ns: int) -> None:
        """What was sold, or not bought after all, since the last tick; a predecessor may have been told."""
        books = self.replica.books
        for token, freed_ns in books.freed_at_ns.items():
            if self.trader.through_ns <= freed_ns < at_ns and token not in books.positions:
                self.trader.held(token, False)

    def _recall_refusals(self, wishes: list[Propose | Close]) -> None:
        for wish in wishes:
            if self._refused(wish):
                self.trader.held(wish.token, False)

    def _save(self) -> None:
        """The state of a moment at which nothing was open."""
        saved: Saved = self.before
        self.ticks, self.saved_ns = 0, saved.through_ns
        id = Id(f"{self.role}/saved/{saved.through_ns}/{self.replica.lsn}")
        state = StateSaved(self.role, saved.through_ns, encoded(saved))
        self.saving = id
        self.ask(id, WAL, Append(id, (local(id, state, saved.through_ns),)))

    def facts(self) -> dict[str, Any]:
        return {"lsn": self.replica.lsn, "strategy": NAME, "through_ns": self.trader.through_ns}
