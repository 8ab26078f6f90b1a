"""What a strategy would have earned alone, at the costs of the backtest, on a budget that is all its own.

Nobody trades here: it is the backtest of one strategy, which goes on tick after tick, so the mix has returns
of strategies whatever money they have.  The backtest plays the same over the whole recording at once, with
the same days to the last millionth.
"""

import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import numpy as np
from msgspec import Struct, json
from msgspec.structs import replace

from actors.messages import BPS, Asset, Day, Instrument, Rebalanced, Tick
from storage.config import Settings
from strategies import ai_model, steps
from strategies.desks import check_capital, desk_of
from strategies.kernel.loop import play
from strategies.kernel.tables import BAR, BOOK, MIND, TOKEN, Desk, Floats, Integers, Tape, table
from strategies.mix import DAY_NS, MONDAY, day_of, rebalanced, shadowed, week_of
from strategies.recorded import Recorded, check_bars, filled

PPM = 10**6
VERSION = 1  # Of what the compiled loop does with the same layout.
Play = Callable[[Tape, Desk], None]
SAVED = ("books", "tokens", "minds", "states")


class Days(Struct, frozen=True):
    """Days that are over, and what the one that is going on began and stands with, in quote units."""

    began: float
    stands: float
    number: int = -1
    over: tuple[Day, ...] = ()


class Saved(Struct, frozen=True):
    days: Days
    tables: dict[str, str]  # Base64.


class AllSaved(Struct, frozen=True):
    rules: str
    through_ns: int
    each: dict[str, Saved]


def counted(days: Days, moments: Integers, equity: Floats, budget: float) -> Days:
    """After these moments; `budget` is what a day's result is a share of."""
    numbers = (moments - 1) // DAY_NS
    firsts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist()] if len(moments) else []
    for first, after in zip(firsts, [*firsts[1:], len(moments)], strict=True):
        number = int(numbers[first])
        if number != days.number:
            over = days.over
            if days.number >= 0:
                result = math.floor((days.stands - days.began) / budget * PPM)
                over = (*over, Day(days.number, result))
            days = Days(days.stands, days.stands, number, over)
        days = replace(days, stands=float(equity[after - 1]))
    return days


def budget_of(settings: Settings, desk: Desk) -> float:
    return float(desk.books[0].deposits) * settings.limits.strategy_budget_bps / BPS


def days_of(recorded: Recorded, settings: Settings, strategy: str, play: Play = play) -> tuple[Day, ...]:
    """Of a whole recording, but for its last day."""
    moments = recorded.tape.moments
    desk = desk_of(recorded, settings, (strategy,), len(moments), 0)
    play(recorded.tape, desk)
    held = float(desk.books[0].deposits)
    return counted(Days(held, held), moments, desk.equity, budget_of(settings, desk)).over


def schedule(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], play: Play = play
) -> tuple[tuple[int, Rebalanced], ...]:
    """What is rebalanced at which moment, by its number: at the first one of each week but the first."""
    if not settings.mix.enabled:
        return ()
    moments = recorded.tape.moments
    weeks = ((moments - 1) // DAY_NS + MONDAY) // 7  # As strategies.mix.week_of.
    names = shadowed(settings.mix, strategies)
    days = {name: days_of(recorded, settings, name, play) for name in names}
    found: list[tuple[int, Rebalanced]] = []
    for moment in (np.flatnonzero(np.diff(weeks)) + 1).tolist():
        at_ns = int(moments[moment])
        over = {name: closed_before(each, at_ns) for name, each in days.items()}
        before = found[-1][1] if found else None
        found.append((moment, rebalanced(before, over, settings.mix, sorted(strategies), at_ns)))
    return tuple(found)


def closed_before(days: Sequence[Day], at_ns: int) -> tuple[Day, ...]:
    """Those that are over at a tick."""
    return tuple(day for day in days if day.number < day_of(at_ns))


class Shadow:
    """One strategy; mutable, for speed.  ValueError, with the fix, for amounts that are too large for it."""

    def __init__(self, name: str, settings: Settings, instruments: Sequence[Instrument], bar_ns: int) -> None:
        settings = in_quote(settings, instruments)
        check_capital(settings)
        if name == "ai" and (refused := ai_model.refusal(settings, len(instruments))):
            raise ValueError(refused)
        empty = Tape(np.zeros(0, np.int64), np.zeros(1, np.int64), table(BAR, 0))
        recorded = Recorded(empty, tuple(instruments), bar_ns, name)
        self.desk = desk_of(recorded, settings, (name,), 0, 0)
        self._numbers = {each.token: number for number, each in enumerate(instruments)}
        self._budget, self._memory = budget_of(settings, self.desk), settings.mix.look_back_days
        held = float(self.desk.books[0].deposits)
        self.days = Days(held, held)

    @property
    def trades(self) -> int:
        return int(self.desk.books[0].closed)

    @property
    def result_ppm(self) -> int:
        """Since it began, of its budget."""
        return math.floor((self.days.stands - float(self.desk.books[0].deposits)) / self._budget * PPM)

    def after(self, ticks: Sequence[Tick]) -> None:
        """Ticks that are new to it, each with a bar at least."""
        tape = tape_of(ticks, self._numbers)
        equity = np.zeros(len(tape.moments))
        play(tape, self.desk._replace(equity=equity))
        days = counted(self.days, tape.moments, equity, self._budget)
        self.days = replace(days, over=days.over[-self._memory :])

    def saved(self) -> Saved:
        tables = {name: b64encode(getattr(self.desk, name).tobytes()).decode() for name in SAVED}
        return Saved(self.days, tables)

    def restore(self, saved: Saved) -> None:
        """`saved` is of the same rules."""
        for name in SAVED:
            mine = getattr(self.desk, name)
            mine[...] = np.frombuffer(b64decode(saved.tables[name]), mine.dtype).reshape(mine.shape)
        self.days = saved.days


class Shadows:
    """Those of all strategies that are on, or watched; mutable, as each of them.  ValueError as they."""

    def __init__(
        self,
        strategies: Sequence[str],
        settings: Settings,
        instruments: Sequence[Instrument],
        bar_ns: int,
    ) -> None:
        names = shadowed(settings.mix, strategies)
        self.each = {name: Shadow(name, settings, instruments, bar_ns) for name in names}
        self.rules = rules_of(settings, names, instruments)
        self.through_ns = 0
        self._day = -1

    def after(self, ticks: Sequence[Tick]) -> None:
        """Ticks that are not new are ignored, and those without a bar."""
        fresh = [tick for tick in ticks if tick.bars and tick.at_ns > self.through_ns]
        if not fresh:
            return
        for shadow in self.each.values():
            shadow.after(fresh)
        self.through_ns = fresh[-1].at_ns
        self._day = day_of(self.through_ns)

    def new_week(self, ticks: Sequence[Tick], from_ns: int) -> int | None:
        """The moment of the first of these ticks with which a week begins, if it is not before `from_ns`."""
        day = self._day
        for tick in ticks:
            if not tick.bars or tick.at_ns <= self.through_ns:
                continue
            before, day = day, day_of(tick.at_ns)
            if before >= 0 and week_of(day) > week_of(before) and tick.at_ns >= from_ns:
                return tick.at_ns
        return None

    def days(self) -> dict[str, tuple[Day, ...]]:
        return {name: shadow.days.over for name, shadow in self.each.items()}

    def saved(self) -> str:
        each = {name: shadow.saved() for name, shadow in self.each.items()}
        return json.encode(AllSaved(self.rules, self.through_ns, each)).decode()

    def restore(self, text: str) -> bool:
        """Whether it was saved by the same rules; if not, nothing changes, and the market is read anew."""
        saved = json.decode(text, type=AllSaved)
        if saved.rules != self.rules:
            return False
        for name, shadow in self.each.items():
            shadow.restore(saved.each[name])
        self.through_ns, self._day = saved.through_ns, day_of(saved.through_ns) if saved.through_ns else -1
        return True


def rules_of(settings: Settings, strategies: Sequence[str], instruments: Sequence[Instrument]) -> str:
    """A digest of all that decides what a shadow's state means."""
    own = [
        (
            name,
            getattr(settings, name),
            steps.MODULES[name].identity(settings) if name in steps.COMPARE else "",
        )
        for name in strategies
    ]
    rules = [VERSION, own, settings.limits, settings.exits, settings.paper, instruments]
    layouts = [str(kind) for kind in (BOOK, TOKEN, MIND)]
    return blake2b(json.encode([rules, layouts]), digest_size=8).hexdigest()


def in_quote(settings: Settings, instruments: Sequence[Instrument]) -> Settings:
    """The capital of [paper], in what the market counts in."""
    if not instruments:
        return settings
    return replace(settings, paper=replace(settings.paper, quote_decimals=instruments[0].quote_decimals))


def tape_of(ticks: Sequence[Tick], numbers: Mapping[Asset, int]) -> Tape:
    bars = [bar for tick in ticks for bar in tick.bars]
    check_bars("the market", bars)
    rows = filled(table(BAR, len(bars)), bars)
    rows.token = [numbers[bar.token] for bar in bars]
    firsts = np.cumsum([0, *(len(tick.bars) for tick in ticks)])
    return Tape(np.array([tick.at_ns for tick in ticks], np.int64), firsts.astype(np.int64), rows)
