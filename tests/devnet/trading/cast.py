"""The actors of a run on the devnet: the real ones, on a scripted market, and an executor that dies as told.

What the script says, and where to die, stands in files of the data folder, for the launcher is a process of
its own.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from msgspec import Struct, json
from msgspec.structs import replace

from actors import executor, leftovers, supervisor
from actors.executor import Executor
from actors.market import GoOn, Market
from actors.member import MARKET
from actors.messages import (
    PRICE_SCALE,
    Asset,
    Bar,
    Close,
    CloseReason,
    Committed,
    Follow,
    Handled,
    Id,
    Instrument,
    Leg,
    Offered,
    Order,
    Price,
    Propose,
    Role,
    Side,
    Tick,
    Ticks,
    Units,
)
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.recorder import Recorder
from actors.signer import Signer
from actors.wal import Wal
from actors.wisher import Wisher
from chains.feeds.live import LiveFeed
from chains.venue import Seen
from storage import supervision
from storage.books import Books, Position
from storage.recovery import Case

SCRIPT, DEATH, DEAD, GO, PAUSE, HUSH = "script.json", "death.json", "dead", "go", "pause", "hush"
TICK_SECONDS = 0.2
SWEEP_SECONDS = 0.2  # Blocks come faster here than on any chain.
BUY_UNITS = 100 * 10**6  # Of the quote; what each order pays beyond it tells it from all others.
BUY_WEI = 3 * 10**16  # Where the coin itself is paid with.
APART = 1_000
NAME = "momentum"


class Script(Struct, frozen=True, kw_only=True):
    """Buy each token and sell it again, so many times."""

    instruments: tuple[Instrument, ...]
    rounds: int = 1
    sells: bool = True
    at_once: int = 1_000  # Tokens that are traded at the same time.
    buy_units: int = BUY_UNITS


class Death(Struct, frozen=True, kw_only=True):
    """At which point of which leg, and who dies: the executor alone, or everybody."""

    point: str
    leg: Leg
    side: Side = Side.BUY
    everybody: bool = False


def pays(index: int, number: int, units: int = BUY_UNITS) -> Units:
    return Units(units + APART * (index + 1) + number)


def number_of(id: Id) -> int:
    """Of the buy, among those of its token."""
    return int(id.split("#")[1].split("@")[0])


def script_of(data_dir: str) -> Script:
    return json.decode(Path(data_dir, SCRIPT).read_bytes(), type=Script)


# -- the market ------------------------------------------------------------------------------------------
class Scripted(Market):
    """A tick every fifth of a second, by this machine's clock; its prices are nobody's business."""

    def opened(self) -> None:
        super().opened()
        self.live = None
        self.script = script_of(self.run.data_dir)
        self.feed = LiveFeed(self.script.instruments, 1, "scripted")
        self._add()

    def begun(self) -> None:
        super().begun()
        self.wake(TICK_SECONDS, GoOn())

    def hear(self, message: Any, sender: Any) -> None:
        if isinstance(message, GoOn):
            self._add()
            self.wake(TICK_SECONDS, GoOn())
        super().hear(message, sender)

    def _add(self) -> None:
        price = Price(PRICE_SCALE)
        bars = (
            Bar(each.token, price, price, price, price, Units(1), Units(1), Units(1))
            for each in self.script.instruments
        )
        self.feed.add(Tick(self.now_ns(), tuple(bars)))


# -- who wants something ---------------------------------------------------------------------------------
class Wanting(Wisher):
    """The script, from the books alone: whoever dies, its successor wants the same."""

    def opened(self) -> None:
        super().opened()
        self.script = script_of(self.run.data_dir)
        self.stash: Ticks | None = None
        self.follows = False

    def begun(self) -> None:
        self.follows = True
        self.send_to(MARKET, Follow(self.role, None))

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._go_on()

    def hear(self, message: Any, sender: Any) -> None:
        match message:
            case Ticks():
                self.stash = message
                self._go_on()
            case Offered():
                if self.follows:
                    self.send_to(MARKET, Follow(self.role, None))
            case _ if hasattr(message, "id"):
                self.heard(message, sender)

    def _go_on(self) -> None:
        if not self.follows or self.stash is None or self.stash.lsn > self.replica.lsn:
            return
        ticks, self.stash = self.stash, None
        self.passed(ticks.ticks[0].at_ns)
        through = ticks.ticks[-1].at_ns
        if through >= ticks.act_from_ns and not self.wishes:
            for wish in self._wanted(through):
                self.wish(wish)
        self.send_to(MARKET, Handled(self.role, through, self.wishes_at(through), self.replica.lsn))

    def _wanted(self, at_ns: int) -> list[Propose | Close]:
        books, wanted = self.replica.books, []
        if Path(self.run.data_dir, HUSH).exists():
            return []
        busy = len(books.claims)
        for each in self.script.instruments:
            if each.token in books.claims:
                continue
            if (wish := self._wish(books, each.token, at_ns)) is not None and busy < self.script.at_once:
                wanted.append(wish)
                busy += 1
        return wanted

    def _wish(self, books: Books, token: Asset, at_ns: int) -> Propose | Close | None:
        if (held := books.positions.get(token)) is not None:
            return self._close(held, at_ns) if self.script.sells else None
        number = bought(books, token)
        if number >= self.script.rounds:
            return None
        return Propose(Id(f"{token}#{number}@{at_ns}"), NAME, token, at_ns, 10_000, Price(1))

    def _close(self, held: Position, at_ns: int) -> Close:
        return Close(Id(f"{held.id}/sell@{at_ns}"), held.token, at_ns, CloseReason.SIGNAL)


def bought(books: Books, token: Asset) -> int:
    """Buys of a token, however they ended."""
    orders = [each.order for table in (books.live, books.booked, books.ended) for each in table.values()]
    return sum(order.token == token and order.side is Side.BUY for order in orders)


class Exact(Portfolio):
    """Each buy pays an amount of its own, by which the chain's events tell it from all others."""

    def opened(self) -> None:
        super().opened()
        script = script_of(self.run.data_dir)
        self.tokens, self.buy_units = [each.token for each in script.instruments], script.buy_units

    def _verdict(self, wish: Any) -> Any:
        verdict = super()._verdict(wish)
        if not isinstance(verdict, Order) or verdict.side is not Side.BUY:
            return verdict
        amount = pays(self.tokens.index(verdict.token), number_of(verdict.id), self.buy_units)
        return replace(verdict, amount_in=amount)


# -- who dies --------------------------------------------------------------------------------------------
class Mortal(Executor):
    """It dies once, at the point that the test names, and its successor waits until the test says go."""

    def opened(self) -> None:
        folder = Path(self.run.data_dir)
        while (folder / DEAD).exists() and not (folder / GO).exists():
            time.sleep(0.01)
        super().opened()

    def _point(self, point: str, leg: Leg | None, side: Side) -> None:
        folder = Path(self.run.data_dir)
        if (folder / DEAD).exists() or not (folder / DEATH).exists():
            return
        death = json.decode((folder / DEATH).read_bytes(), type=Death)
        if (death.leg, death.side) != (leg, side):
            return
        if point == "drafted" and death.point in {"sent", "looked"}:
            (folder / PAUSE).touch()  # No block is made any more, so that it stays in the pool.
        if point != death.point:
            return
        (folder / DEAD).write_text(str(os.getpid()))
        if death.everybody:
            os.kill(int((folder / "launcher").read_text()), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def _journal(self, wanted: Any, attempt: Any) -> None:
        self._point("drafted", wanted.draft.leg, wanted.live.order.side)
        super()._journal(wanted, attempt)

    def _send(self, live: Any) -> None:
        self._point("journalled", live.leg, live.order.side)
        super()._send(live)

    def _sent(self, id: Id, answer: Any) -> None:
        live = self.replica.books.live.get(id)
        if live is not None:
            self._point("sent", live.leg, live.order.side)
        super()._sent(id, answer)

    def _looked(self, tick: Tick, found: Any) -> None:
        for each in found:
            self._look_point(each.case, each.seen)
        super()._looked(tick, found)

    def _look_point(self, case: Case, seen: Seen) -> None:
        if case.booked is None and seen.receipt is None:
            self._point("looked", case.live.leg, case.live.order.side)

    def _settle(self, end: Any, at_ns: int, final: bool = True) -> None:
        live = self.replica.books.live[end.order]
        self._point("settled", live.leg, live.order.side)
        super()._settle(end, at_ns, final)


CAST = {
    Role("wal"): Wal,
    Role("recorder"): Recorder,
    Role("signer"): Signer,
    Role("portfolio"): Exact,
    Role("executor"): Mortal,
    Role("positions"): Positions,
    Role(f"strategist:{NAME}"): Wanting,
    Role("market"): Scripted,
}


def on_stage() -> None:
    """In a launcher's process, and so in all of its actors': the test's own stays as it is."""
    executor.SWEEP_SECONDS = SWEEP_SECONDS
    leftovers.ASK_AGAIN_SECONDS, leftovers.RETRY_SECONDS = 1, 5
    supervision.MOST = 10**6  # Here dying is no fault.
    supervisor.cast_of = lambda *_: CAST
