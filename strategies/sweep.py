"""Sets of parameters over one recording: which there are, what each comes to, and which is best.  Pure.

An axis is a setting of a strategy, the exits, the limits or the mix, and what it may be:

    momentum.entry_bars=24,48,96    these values
    momentum.trail_atr=2..8         anything between them (not for a grid)
    momentum.entry_bars=24..96:24   every so much, both ends included
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import product
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct, inspect, structs

from storage.config import Settings
from storage.strict_toml import wanted
from strategies import backtest, compiled, steps
from strategies.deflated import Moments, moments_of
from strategies.kernel.curves import deepest
from strategies.kernel.tables import Floats, Integers, Tape
from strategies.metrics import (
    DAY_NS,
    cagr,
    daily,
    grid_of,
    returns_of,
    sharpe,
    sortino,
    total_return,
)
from strategies.mix import shadowed
from strategies.recorded import Recorded

TABLES = ("momentum", "scalping", "ai", "exits", "limits", "mix")
NAMED = "which strategies play is for --strategy to say"
FIXED = {  # What a set can not vary, and what to do instead.
    "scalping.enabled": NAMED,
    "ai.enabled": NAMED,
    "ai.model": "a model is trained, and not varied; name it in config.toml, and sweep once for each model",
    "ai.timeframe_minutes": "a model knows bars of what it was trained on alone; name both in config.toml",
    "mix.shadows": "a list is not varied; write it into config.toml, and sweep once for each",
}
GOALS = ("sharpe", "sortino", "calmar", "total_return")
MOST_SETS = 1_000_000
Value = bool | int | float | str
Parameters = Mapping[str, Value]


class Axis(Struct, frozen=True):
    """A setting and its values; without any, a range with both ends included."""

    key: str
    values: tuple[Value, ...] = ()
    low: int | float = 0
    high: int | float = 0


class Score(Struct, frozen=True):
    """What a set came to; a figure that does not exist is None."""

    total_return: float
    sharpe: float | None  # Of daily returns, annualised, as in strategies/metrics.py.
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    trades: int
    fees: int  # Gas, in quote units.
    moments: Moments


class Row(Struct, frozen=True):
    """One set: its key, and its score or why it makes no sense."""

    key: str
    on: str  # What it was played on.
    parameters: dict[str, Value]
    score: Score | None = None
    refused: str = ""


class Field(Struct, frozen=True):
    """What all sets are played on; `before` is seen and not traded."""

    recorded: Recorded
    settings: Settings
    strategies: tuple[str, ...]
    places: Integers  # For each bar from the first to the last, the moment whose value it has.
    gapless: bool  # Each bar has the moment of its own number.
    data: (
        str  # A fingerprint of what the recording was read from, and of the model of a strategy that has one.
    )
    rules: str  # A fingerprint of the code that plays.
    before: Tape | None = None


# -- axes --
def axis_of(text: str) -> Axis:
    """ValueError, one sentence with the fix, for what is no axis."""
    key, equals, written = (part.strip() for part in text.partition("="))
    type = _type_of(key)
    if not equals or not written:
        raise ValueError(f"--over {text}: write key=values, such as momentum.entry_bars=24,48,96.")
    if ".." not in written:
        return Axis(key, tuple(_value(key, part.strip(), type) for part in written.split(",")))
    ends, _, step = written.partition(":")
    low, high = (_value(key, part.strip(), type) for part in ends.split("..", 1))
    if not isinstance(low, int | float) or not isinstance(high, int | float) or isinstance(low, bool):
        raise ValueError(  # noqa: TRY004  As all that is typed wrong.
            f"--over {text}: a range is of numbers; write the values, with commas between."
        )
    if not low < high:
        raise ValueError(f"--over {text}: a range goes from the lower end to the higher one.")
    return Axis(key, _steps(text, type, ends, step)) if step else Axis(key, (), low, high)


def _steps(text: str, type: Any, ends: str, step: str) -> tuple[Value, ...]:
    """Decimal, so that 0.1 is a tenth."""
    key = text.partition("=")[0].strip()
    low, high = (Decimal(part.strip()) for part in ends.split("..", 1))
    try:
        every = Decimal(step.strip())
    except ArithmeticError:
        every = Decimal(0)
    if not every.is_finite() or every <= 0 or (high - low) / every > MOST_SETS:
        raise ValueError(f"--over {text}: a step is a number above 0 that fits into the range.")
    return tuple(
        _value(key, f"{low + every * number:f}", type) for number in range(int((high - low) / every) + 1)
    )


def _type_of(key: str) -> Any:
    table, _, name = key.partition(".")
    if table not in TABLES:
        raise ValueError(f"--over {key}: name a setting of {', '.join(TABLES)}, such as momentum.entry_bars.")
    fields = {field.name: field.type for field in structs.fields(Settings)}
    own = {field.name: field.type for field in structs.fields(fields[table])}
    if name not in own:
        known = ", ".join(each for each in own if f"{table}.{each}" not in FIXED)
        raise ValueError(f"--over {key}: there is no such setting; write one of {known}.")
    if key in FIXED:
        raise ValueError(f"--over {key}: {FIXED[key]}.")
    return own[name]


def _value(key: str, text: str, type: Any) -> Value:
    if isinstance(inspect.type_info(type), inspect.IntType) and text.endswith(".0"):
        text = text[:-2]
    try:
        value: Value = msgspec.convert(text, type, strict=False)
    except msgspec.ValidationError:
        raise ValueError(f"--over {key}: {text or 'nothing'} is not possible; {wanted(type)} is.") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"--over {key}: {text} is not possible; {wanted(type)} is.")
    return value


def check_effect(axes: Sequence[Axis], settings: Settings, strategies: Sequence[str]) -> None:
    """ValueError for an axis that would change nothing."""
    keys = [axis.key for axis in axes]
    mixed = settings.mix.enabled or "mix.enabled" in keys
    playing = shadowed(settings.mix, strategies) if mixed else strategies
    for key in keys:
        table = key.partition(".")[0]
        if table in steps.MODULES and table not in playing:
            raise ValueError(f"--over {key}: {table} does not take part; name it with --strategy.")
        if table == "mix" and not mixed:
            raise ValueError(f"--over {key}: there is no mix; set mix.enabled = true, or vary that as well.")


def check_axes(axes: Sequence[Axis]) -> None:
    keys = [axis.key for axis in axes]
    if not axes:
        raise ValueError("name what to vary with --over, such as --over momentum.entry_bars=24,48,96.")
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"--over {key}: it is there twice; write all of its values at once.")


def grid(axes: Sequence[Axis]) -> tuple[dict[str, Value], ...]:
    """All combinations, the last axis changing fastest."""
    check_axes(axes)
    for axis in axes:
        if not axis.values:
            fix = f"{axis.key}={axis.low}..{axis.high}:STEP"
            raise ValueError(f"--over {axis.key}: a grid needs a step; write {fix}, or sweep with bayes.")
    if math.prod(len(axis.values) for axis in axes) > MOST_SETS:
        raise ValueError(f"a grid of more than {MOST_SETS:,} sets will not end; name fewer values.")
    combined = product(*(axis.values for axis in axes))
    return tuple(dict(zip((axis.key for axis in axes), values, strict=True)) for values in combined)


def with_values(settings: Settings, parameters: Parameters) -> Settings:
    changed: dict[str, dict[str, Value]] = {}
    for key, value in parameters.items():
        table, _, name = key.partition(".")
        changed.setdefault(table, {})[name] = value
    tables = {table: structs.replace(getattr(settings, table), **own) for table, own in changed.items()}
    return structs.replace(settings, **tables)


# -- one set --
def field_of(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], data: str, before: Tape | None = None
) -> Field:
    moments = recorded.tape.moments
    places = np.searchsorted(moments, grid_of(moments, recorded.bar_ns), side="right") - 1
    playing = shadowed(settings.mix, strategies)
    models = [steps.MODULES[name].identity(settings) for name in playing if name in steps.COMPARE]
    return Field(
        recorded, settings, tuple(strategies), places, np.array_equal(places, np.arange(len(moments))),
        " ".join([data, *models]), compiled.digest(), before,
    )  # fmt: skip


def key_of(field: Field, parameters: Parameters) -> str:
    """Of everything that the score depends on: data and its span, rules, strategies, settings."""
    settings = with_values(field.settings, parameters)
    playing = shadowed(settings.mix, field.strategies)
    tables = ("paper", "recording", "limits", "exits", "mix", *playing)
    told = {
        "on": on(field),
        "rules": field.rules,
        "settings": {table: msgspec.to_builtins(getattr(settings, table)) for table in tables},
    }
    return _digest(told)


def on(field: Field) -> str:
    """A fingerprint of what the sets are played on: sets with the same one are trials of one another."""
    moments, before = field.recorded.tape.moments, field.before
    seen = [] if before is None else [int(before.moments[0]), int(before.moments[-1])]
    return _digest([field.data, int(moments[0]), int(moments[-1]), seen, field.strategies])


def _digest(told: object) -> str:
    return blake2b(msgspec.json.encode(told, order="sorted"), digest_size=16).hexdigest()


def row_of(field: Field, key: str, parameters: Parameters) -> Row:
    """Play one set; its score is the same on every machine, in every order."""
    settings = with_values(field.settings, parameters)
    try:
        backtest.check(field.recorded, settings, field.strategies)
    except ValueError as error:
        return Row(key, on(field), dict(parameters), refused=str(error))
    return Row(key, on(field), dict(parameters), score_of(field, equity_of(field, settings)))


class Played(Struct, frozen=True):
    equity: Floats  # At every bar from the first to the last, in quote units.
    trades: int
    fees: int


def equity_of(field: Field, settings: Settings) -> Played:
    desk = backtest.desk_after(field.recorded, settings, field.strategies, before=field.before, most=0)
    book, equity = desk.books[0], desk.equity if field.gapless else desk.equity[field.places]
    return Played(equity, int(book.closed), int(book.fees))


def score_of(field: Field, played: Played) -> Score:
    equity, step_ns = played.equity, field.recorded.bar_ns
    returns, step = returns_of(daily(equity, step_ns)), max(step_ns, DAY_NS)
    deep, grown = deepest(equity), cagr(equity, step_ns)
    return Score(
        total_return(equity), known(sharpe(returns, step)), known(sortino(returns, step)),
        known(grown / deep) if deep > 0 else None, deep, played.trades, played.fees,
        moments_of(returns),
    )  # fmt: skip


def known(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None


# -- all sets --
def goal_of(row: Row, by: str) -> float:
    """What is to be as high as possible; without a figure it is worse than any."""
    figure = None if row.score is None else getattr(row.score, by)
    return -math.inf if figure is None else float(figure)


def ranked(rows: Sequence[Row], by: str) -> tuple[Row, ...]:
    """The best first; of equals the one whose key comes first, so the order is always the same."""
    once = {row.key: row for row in rows}
    return tuple(sorted(once.values(), key=lambda row: (-goal_of(row, by), row.key)))


def best(rows: Sequence[Row], by: str) -> Row | None:
    first = next(iter(ranked(rows, by)), None)
    return first if first is not None and goal_of(first, by) > -math.inf else None


def ratios(rows: Sequence[Row]) -> Iterator[float | None]:
    """Of all sets that were tried, for the deflated Sharpe ratio."""
    return (row.score.moments.sharpe for row in rows if row.score is not None)
