"""The Market owns the feed: ticks out, at the pace of the run, as fast as everybody follows, no faster."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never

import msgspec
from loguru import logger
from msgspec import Struct

from actors.base import Address, ChildExited, Crashed, Done, Poisoned
from actors.live_prices import LivePrices
from actors.member import STRATEGIST, SUPERVISOR, WAL, Member
from actors.messages import (
    Append,
    Asset,
    Committed,
    Drain,
    Drained,
    Durable,
    FeedEnded,
    Follow,
    Handled,
    Id,
    Offered,
    Price,
    Refused,
    Role,
    SaveState,
    StateSaved,
    Tick,
    TickClosed,
    TickDone,
    Ticks,
)
from chains import rounds
from chains.feeds.choice import open_feed
from chains.feeds.feed import Feed
from chains.rounds import BATCH, Round
from storage.trades import local

if TYPE_CHECKING:
    from actors.chain_prices import ChainPrices

PORTFOLIO = Role("portfolio")


def tick_key(at_ns: int) -> str:
    return f"tick {at_ns}"


@lru_cache(maxsize=16)
def expected(roles: tuple[Role, ...]) -> frozenset[Role]:
    """Whom the market waits for."""
    names = {"positions", "executor", "mixer"}
    return frozenset(role for role in roles if role in names or role.startswith(STRATEGIST))


class GoOn(Struct, frozen=True):
    """Time may have brought a tick."""


class Saved(Struct, frozen=True):
    """What a successor must know beside the feed itself."""

    first_prices: dict[Asset, Price]
    ticks: int


class Market(Member):
    """A subscriber that died is waited for; its successor reads from where it wants, and only remembers."""

    def opened(self) -> None:
        self.feed: Feed | None = None
        self.live: LivePrices | ChainPrices | None = None
        self.round: Round | None = None
        self.expected: frozenset[Role] = frozenset()
        self.closing: TickClosed | None = None
        self.first_prices: dict[Asset, Price] = {}
        self.prices: dict[Asset, Price] = {}
        self.ticks = 0
        self.saved_ticks = 0
        self.origin: tuple[int, int] | None = None  # Wall clock and market time when the pace was set.
        self.woken = False
        self.draining = False
        self.ended = False
        try:
            if self.run.feed in {"live", "auto"}:
                self.live = LivePrices(self, self.settings)
            elif self.run.feed == "chain":
                self.live = self._chain_prices()
            else:
                self.feed = open_feed(self.settings, self.run)
        except (ValueError, OSError) as error:
            self.sentence = str(error)
        else:
            self.sentence = ""

    def _chain_prices(self) -> "ChainPrices":
        from actors.chain_prices import ChainPrices  # noqa: PLC0415  web3 is large; no other feed needs it.

        return ChainPrices(self, self.settings, self.run.seed)

    def begun(self) -> None:
        books = self.replica.books
        done_ns = max(books.last_order_ns - 1, 0)
        if saved := books.saved.get(self.role):
            state = msgspec.json.decode(saved.state, type=Saved)
            self.first_prices, self.ticks = state.first_prices, state.ticks
            done_ns = max(done_ns, saved.through_ns)
        self.round = Round(done_ns, lsn=self.replica.lsn)
        if self.feed is not None and done_ns:
            self._remember(self.feed, done_ns)
        self._introduce()
        if self.live is not None:
            self.live.begin()

    def met(self, role: Role) -> None:
        if role == SUPERVISOR and self.sentence:
            self.fail(self.sentence)
        self.expected = expected(tuple(self.peers))
        if self.round is not None:
            self.round = rounds.left(self.round, role)
        self._introduce(role)

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._go_on()

    def hear(
        self,
        message: (
            Follow | Handled | TickDone | GoOn | Done | Crashed | Durable | Refused | Drain | SaveState
            | ChildExited | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
        match message:
            case Follow(role) | Handled(role) if sender != self.peers.get(role):
                # No answer would reach it; whoever the directory names is offered the feed.
                logger.debug("{} is not the one the market knows", role)
            case Follow(role, after_ns, wishes):
                if self.round is not None:
                    self.round = rounds.followed(self.round, role, after_ns, wishes)
                    self._feed(role)
                    self._go_on()
            case Handled():
                self._handled(message)
            case TickDone(at_ns, lsn):
                self._done(at_ns, lsn)
            case GoOn():
                self.woken = False
                self._go_on()
            case Done() | Crashed():
                assert self.live is not None
                self.live.news(message)
                if self.live.refusal:
                    self.fail(self.live.refusal)
                    return
                self._warm()
                self._go_on()
            case Durable(id, _):
                self.answered(id)
            case Drain():
                self.draining = True
                self.tell(sender, Drained(self.role))
            case SaveState():
                self._save()
            case Refused() | ChildExited() | Poisoned():
                logger.debug("the market hears of {}", message)
            case _:
                assert_never(message)

    def _remember(self, feed: Feed, done_ns: int) -> None:
        """The first and the last prices of a feed that can be read again."""
        for tick in feed.read(0, BATCH):
            for bar in tick.bars:
                self.first_prices.setdefault(bar.token, bar.close)
        for tick in feed.read(done_ns - BATCH * feed.bar_ns, BATCH):
            if tick.at_ns <= done_ns:
                self.prices.update({bar.token: bar.close for bar in tick.bars})

    def _warm(self) -> None:
        """Live prices are there once their history is: that is remembered, and not acted on."""
        if self.live is None or self.live.feed is None or not self.live.warm_until_ns or self.round is None:
            return
        new, self.feed = self.feed is None, self.live.feed
        if new:
            if missing := self.replica.books.positions.keys() - {
                each.token for each in self.feed.instruments
            }:
                self.fail(
                    f"the books hold {', '.join(sorted(missing))}, of which no pool is configured: name it"
                )
                return
            self._introduce()
        if self.round.done_ns < self.live.warm_until_ns:
            self.round = rounds.passed(self.round, self.live.warm_until_ns)

    def _introduce(self, role: Role | None = None) -> None:
        if self.feed is None or self.round is None:
            return
        offered = Offered(self.feed.instruments, self.feed.bar_ns)
        for each in [role] if role else list(self.peers):
            if each in self.expected or each == PORTFOLIO:
                self.send_to(each, offered)

    # -- rounds -----------------------------------------------------------------------------------------
    def _handled(self, message: Handled) -> None:
        if self.round is None:
            return
        role, through = message.role, message.through_ns
        self.round = rounds.handled(self.round, role, through, message.wishes, message.lsn)
        if through < max(self.round.done_ns, self._closing_ns()):
            self._feed(role)  # It only remembers, so far; or wishes again what a predecessor did.
        self._go_on()

    def _done(self, at_ns: int, lsn: int) -> None:
        self.answered(tick_key(at_ns))
        if self.closing is not None and self.closing.at_ns == at_ns:
            self._pass_closed(at_ns, lsn)

    def _pass_closed(self, at_ns: int, lsn: int) -> None:
        assert self.round is not None
        self.closing = None
        self._see(self.round.done_ns, at_ns)
        self.round = rounds.done(self.round, at_ns, lsn)
        self._go_on()

    def _go_on(self) -> None:
        """Close what everybody has looked at; then hand out what comes next, if it is time."""
        if self.round is None or self.feed is None or self.closing is not None or not self._all_here():
            return
        if self.replica.lsn < self.round.lsn:
            return
        slowest = self.round.slowest()
        if slowest > self.round.done_ns:
            wishes = rounds.wishes_at(self.round, slowest)
            if wishes:
                self._close(slowest, wishes)
                return
            self._see(self.round.done_ns, slowest)
            self.round = rounds.passed(self.round, slowest)
            self._save_if_due()
        self._hand_out()

    def _close(self, at_ns: int, wishes: tuple[Id, ...]) -> None:
        assert self.round is not None
        self.closing = TickClosed(at_ns, wishes, self.round.lsn)
        self.ask(tick_key(at_ns), PORTFOLIO, self.closing)
        if self.feed is not None and not self.feed.paced:
            self._pass_closed(at_ns, self.replica.lsn)  # Live prices do not wait.

    def _all_here(self) -> bool:
        assert self.round is not None
        return self.round.followers.keys() >= self.expected

    def _hand_out(self) -> None:
        assert self.round is not None
        if self.draining and not self.replica.books.live:
            return
        if rounds.awaited(self.round, self.expected):
            return  # Nobody reads ahead of what somebody else may be about to do.
        ticks = self._next_ticks()
        if not ticks:
            self._wait_or_end()
            return
        for role in rounds.hungry(self.round):
            self._feed(role, ticks)

    def _feed(self, role: Role, ticks: tuple[Tick, ...] = ()) -> None:
        """Give a subscriber what follows; one that is behind gets what it has missed first."""
        if self.round is None or self.feed is None:
            return
        follower = self.round.followers[role]
        if follower.through_ns < max(self.round.done_ns, self._closing_ns()):
            ticks = self.feed.read(follower.through_ns, 8 * BATCH)
            ticks = tuple(tick for tick in ticks if tick.at_ns <= max(self.round.done_ns, self._closing_ns()))
            if not ticks:  # A feed that does not reach back so far.
                self.round = rounds.followed(self.round, role, self.round.done_ns)
                return
        if ticks:
            self.round = rounds.asked(self.round, role)
            self.send_to(role, Ticks(ticks, self.round.done_ns + 1, self.round.lsn))

    def _closing_ns(self) -> int:
        return self.closing.at_ns if self.closing else 0

    def _next_ticks(self) -> tuple[Tick, ...]:
        """What may be seen now: one tick while an order is under way, for anything may happen at it."""
        assert self.round is not None
        assert self.feed is not None
        busy = bool(self.replica.books.live or self.replica.books.booked)
        ticks = self.feed.read(self.round.done_ns, 1 if busy else BATCH)
        if not ticks and busy and self.feed.ended(self.round.done_ns):
            # The recording is over; the venue's clock goes on until every order has its outcome.
            # By whole bars, so that a successor, which begins just before the last order, meets the same.
            bars = self.round.done_ns // self.feed.bar_ns + 1
            return (Tick(bars * self.feed.bar_ns, ()),)
        limit = self._limit_ns(ticks)
        return tuple(tick for tick in ticks if tick.at_ns <= limit)

    def _limit_ns(self, ticks: tuple[Tick, ...]) -> int:
        if not ticks or self.run.speed == "max" or not self.feed or not self.feed.paced:
            return ticks[-1].at_ns if ticks else 0
        now = self.now_ns()
        if self.origin is None:
            self.origin = (now, ticks[0].at_ns)
        return self.origin[1] + int((now - self.origin[0]) * float(self.run.speed))

    def _wait_or_end(self) -> None:
        assert self.round is not None
        assert self.feed is not None
        if self.feed.ended(self.round.done_ns):
            if not self.ended:
                self.ended = True
                self.send_to(SUPERVISOR, FeedEnded(self.round.done_ns, self.ticks))
            return
        if self.feed.paced and not self.woken:
            self.woken = True
            speed = float(self.run.speed)
            self.wake(min(1.0, max(0.005, self.feed.bar_ns / speed / 1e9 / 4)), GoOn())

    # -- what there is to see ---------------------------------------------------------------------------
    def _see(self, after_ns: int, through_ns: int) -> None:
        assert self.feed is not None
        for tick in self.feed.read(after_ns, 8 * BATCH):
            if tick.at_ns > through_ns:
                break
            self.ticks += 1
            for bar in tick.bars:
                self.first_prices.setdefault(bar.token, bar.close)
                self.prices[bar.token] = bar.close

    def _save_if_due(self) -> None:
        if self.ticks - self.saved_ticks >= 5_000:
            self._save()

    def _save(self) -> None:
        if self.round is None:
            return
        self.saved_ticks = self.ticks
        state = msgspec.json.encode(Saved(self.first_prices, self.ticks)).decode()
        at_ns = self.round.done_ns
        id = Id(f"{self.role}/saved/{at_ns}/{self.replica.lsn}")
        body = StateSaved(self.role, at_ns, state)
        self.ask(id, WAL, Append(id, (local(id, body, at_ns),)))

    def facts(self) -> dict[str, Any]:
        if self.feed is None or self.round is None:
            return {"feed": self.live.sentence if self.live else self.sentence, "bars": 0}
        return {
            "lsn": self.replica.lsn,
            "feed": self.feed.name,
            "bars": self.feed.position(self.round.done_ns) if self.feed.paced else self.ticks,
            "total": self.feed.total,
            "at_ns": self.round.done_ns,
            "prices": self.prices,
            "first_prices": self.first_prices,
            "token_decimals": {each.token: each.token_decimals for each in self.feed.instruments},
            "stale": self.live.stale() if self.live else [],
            "symbols": self.live.symbols if self.live else {},
        }
