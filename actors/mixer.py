"""The Mixer lets every strategy trade in its shadow, and wishes for new budgets when a week is over."""

from typing import TYPE_CHECKING, Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Poisoned
from actors.member import MARKET, WAL, Member, strategies
from actors.messages import (
    Append,
    Committed,
    Drain,
    Drained,
    Durable,
    Follow,
    Handled,
    Id,
    Offered,
    Rebalance,
    SaveState,
    StateSaved,
    Tick,
    Ticks,
)
from actors.wisher import PORTFOLIO
from storage.trades import local

if TYPE_CHECKING:
    from strategies.mix_shadow import Shadows

SAVE_EVERY = 5_000  # Ticks.


class Mixer(Member):
    """Shadows depend on nothing but the ticks: what was read is never read otherwise, and never forgotten.

    At the first tick of a week it stops, as a strategist does at one of its wishes: so the budgets of every
    decision are those of its week, whoever dies in between.
    """

    def opened(self) -> None:
        self.shadows: Shadows | None = None
        self.offered: Offered | None = None
        self.stash: Ticks | None = None
        self.wish: Rebalance | None = None
        self.ticks = 0
        self.follows = False

    def begun(self) -> None:
        self._follow()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        if self.wish is not None and self._done(self.wish):
            self.answered(self.wish.id)
            self.wish = None
        self._go_on()

    def _done(self, wish: Rebalance) -> bool:
        now = self.replica.books.mix
        return now is not None and now.at_ns >= wish.at_ns

    def hear(
        self,
        message: Offered | Ticks | Durable | Drain | SaveState | ChildExited | Poisoned,
        sender: Address,
    ) -> None:
        match message:
            case Offered():
                self.offered = message
                if self.follows:  # A market that is new: it has to be told from where on.
                    self._ask_for_ticks()
                self._follow()
            case Ticks():
                self.stash = message
                self._go_on()
            case Durable(id, _):
                self.answered(id)
            case Drain():
                self.tell(sender, Drained(self.role))
            case SaveState():
                self._save()
            case ChildExited() | Poisoned():
                logger.debug("the mixer hears of {}", message)
            case _:
                assert_never(message)

    # -- start ------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        """Once the books and the instruments are there."""
        if not self.complete or self.offered is None or self.follows:
            return
        # numpy and machine code, half a second and fifty megabytes, are for those that step.
        from strategies.mix_shadow import Shadows  # noqa: PLC0415

        names, offered = strategies(self.peers), self.offered
        try:
            self.shadows = Shadows(names, self.settings, offered.instruments, offered.bar_ns)
        except ValueError as error:
            self.fail(f"{error}; or set mix.enabled = false")
            return
        self.follows = True
        saved = self.replica.books.saved.get(self.role)
        if saved is not None and not self.shadows.restore(saved.state):
            logger.warning("the shadows that were saved are of other rules: they read the market anew")
        self._ask_for_ticks()

    def _ask_for_ticks(self) -> None:
        """From where it has read to; or from the tick at which it waits for its budgets."""
        assert self.shadows is not None
        if self.wish is not None:
            self.send_to(MARKET, Follow(self.role, self.wish.at_ns, (self.wish.id,)))
            return
        self.send_to(MARKET, Follow(self.role, self.shadows.through_ns))

    # -- ticks ------------------------------------------------------------------------------------------
    def _go_on(self) -> None:
        if self.follows and self.stash is not None and self.stash.lsn <= self.replica.lsn:
            ticks, self.stash = self.stash, None
            self._take_ticks(ticks)

    def _take_ticks(self, message: Ticks) -> None:
        """Up to the first of a new week; where it waits for its budgets, up to there.

        A market that does not wait for us is past it: then the wish is for the portfolio to catch up with.
        """
        assert self.shadows is not None
        through = message.ticks[-1].at_ns
        if self.wish is None or self.wish.at_ns < message.ticks[0].at_ns:
            week_ns = self.shadows.new_week(message.ticks, message.act_from_ns)
            through = week_ns or through
            if not self._read([tick for tick in message.ticks if tick.at_ns <= through]):
                return
            if week_ns is not None:
                self._wish(week_ns)
            elif self.ticks >= SAVE_EVERY:
                self._save()
        else:
            through = min(through, self.wish.at_ns)
        self.send_to(MARKET, Handled(self.role, through, self._wishes_at(through), self.replica.lsn))

    def _read(self, ticks: list[Tick]) -> bool:
        """False: these numbers are too large for compiled code, and the run can not go on with a mix."""
        assert self.shadows is not None
        try:
            self.shadows.after(ticks)
        except ValueError as error:
            self.fail(f"{error}; or set mix.enabled = false")
            return False
        self.ticks += len(ticks)
        return True

    def _wish(self, at_ns: int) -> None:
        assert self.shadows is not None
        wish = Rebalance(Id(f"mix:{at_ns}"), at_ns, self.shadows.days())
        if not self._done(wish):  # A predecessor's may have been heard.
            if self.wish is not None:
                self.answered(self.wish.id)
            self.wish = wish
            self.ask(wish.id, PORTFOLIO, wish)

    def _wishes_at(self, at_ns: int) -> tuple[Id, ...]:
        return (self.wish.id,) if self.wish and self.wish.at_ns == at_ns else ()

    def _save(self) -> None:
        """Not while it waits: a successor has to come to the same tick, and wish for the same."""
        if self.wish is not None or self.shadows is None:
            return
        self.ticks = 0
        through_ns = self.shadows.through_ns
        id = Id(f"{self.role}/saved/{through_ns}/{self.replica.lsn}")
        body = StateSaved(self.role, through_ns, self.shadows.saved())
        self.ask(id, WAL, Append(id, (local(id, body, through_ns),)))

    def facts(self) -> dict[str, Any]:
        each = self.shadows.each.items() if self.shadows else ()
        shadows = {name: {"trades": one.trades, "result_ppm": one.result_ppm} for name, one in each}
        return {"lsn": self.replica.lsn, "shadows": shadows}
