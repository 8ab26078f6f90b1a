"""Momentum in two forms; strategies/MOMENTUM.md says where they come from, and where they failed here.

Donchian: enter when a bar closes above the highest high of the `entry_bars` before it; leave when it closes
below the lowest low of the `exit_bars` before it, or more than `trail_atr` average true ranges below the
highest close since the entry.  TSMOM: every `look_bars` bars, enter when the price is above that of
`long_bars` and of `short_bars` ago, leave when it is not above that of `long_bars` ago.  The size of both
aims at a constant volatility.

The rings are exactly as long as they are looked at, so the order within them does not matter.
"""

import math

import numpy as np

from actors.messages import Instrument
from storage.config import Settings
from strategies.compiled import compiled, part
from strategies.layout import (
    CLOSE,
    COMMON,
    COUNT,
    HELD,
    HIGH,
    LAST,
    LIKE_BAR,
    LIKE_ROW,
    LOW,
    MARK,
    FloatBar,
    Floats,
)

# Where what is in `params`.
FORM, TARGET_DEVIATION, VARIANCE_WEIGHT, ENTRY_BARS, EXIT_BARS, ATR_WEIGHT, TRAIL_ATR = range(7)
LONG_BARS, SHORT_BARS, LOOK_BARS = 3, 4, 5  # Of tsmom, in the same places.
DONCHIAN, TSMOM = 0.0, 1.0
# Where what is in `state`; the highs follow, and then the lows; or the closes.
RANGE, VARIANCE = range(COMMON, COMMON + 2)
RINGS = COMMON + 2

_MINUTES_OF_A_YEAR = 365 * 24 * 60


def params_of(settings: Settings, instrument: Instrument) -> Floats:  # noqa: ARG001
    """The settings as `step` reads them; volatility is turned from a year's into a bar's."""
    momentum = settings.momentum
    deviation = momentum.target_volatility / math.sqrt(_MINUTES_OF_A_YEAR / momentum.timeframe_minutes)
    if momentum.form == "tsmom":
        form = [TSMOM, deviation, 2.0 / (momentum.long_bars + 1.0)]
        own = [momentum.long_bars, momentum.short_bars, momentum.look_bars, 0.0]
    else:
        form = [DONCHIAN, deviation, 2.0 / (momentum.entry_bars + 1.0)]
        own = [momentum.entry_bars, momentum.exit_bars, 1.0 / momentum.atr_bars, momentum.trail_atr]
    return np.array([*form, *own], dtype=np.float64)


def new_state(params: Floats) -> Floats:
    rings = params[LONG_BARS] if params[FORM] == TSMOM else params[ENTRY_BARS] + params[EXIT_BARS]
    return np.zeros(RINGS + int(rings), dtype=np.float64)


def bars_before_the_first_wish(params: Floats) -> int:
    return int(params[LONG_BARS] if params[FORM] == TSMOM else max(params[ENTRY_BARS], params[EXIT_BARS]))


@compiled(LIKE_ROW, LIKE_ROW, LIKE_BAR)
def step(state: Floats, params: Floats, bar: FloatBar) -> float:
    """One closed bar: NaN for no change, 0 for out, else the share of the budget to hold."""
    _measure(state, params, bar)
    form = params[FORM]
    target = _tsmom(state, params, bar[CLOSE]) if form == TSMOM else _donchian(state, params, bar)
    state[LAST] = bar[CLOSE]
    state[COUNT] += 1.0
    return target


@part
def _measure(state: Floats, params: Floats, bar: FloatBar) -> None:
    """The variance of returns; the average true range too, where it is looked at."""
    high, low, close = bar[HIGH], bar[LOW], bar[CLOSE]
    if state[COUNT] == 0.0:
        state[RANGE] = high - low
        return
    last = state[LAST]
    change = math.log(close / last)
    state[VARIANCE] += params[VARIANCE_WEIGHT] * (change * change - state[VARIANCE])
    if params[FORM] == DONCHIAN:
        true_range = max(high - low, abs(high - last), abs(low - last))
        state[RANGE] += params[ATR_WEIGHT] * (true_range - state[RANGE])


@part
def _donchian(state: Floats, params: Floats, bar: FloatBar) -> float:
    close, count = bar[CLOSE], int(state[COUNT])
    entry, out = int(params[ENTRY_BARS]), int(params[EXIT_BARS])
    highs, lows = RINGS, RINGS + entry
    target = math.nan
    if state[HELD] != 0.0:
        state[MARK] = max(state[MARK], close)
        trail = state[MARK] - params[TRAIL_ATR] * state[RANGE]
        if close < trail or (count >= out and close < _least(state, lows, out)):
            state[HELD] = 0.0
            target = 0.0
    elif count >= entry and count >= out and close > _most(state, highs, entry):
        state[HELD] = 1.0
        state[MARK] = close
        target = _size(params[TARGET_DEVIATION], state[VARIANCE])
    state[highs + count % entry] = bar[HIGH]
    state[lows + count % out] = bar[LOW]
    return target


@part
def _tsmom(state: Floats, params: Floats, close: float) -> float:
    count = int(state[COUNT])
    long, short, every = int(params[LONG_BARS]), int(params[SHORT_BARS]), int(params[LOOK_BARS])
    target = math.nan
    if count >= long and count % every == 0:
        risen = close > state[RINGS + count % long]  # The close of `long` bars ago is the next to go.
        lately = close > state[RINGS + (count - short) % long]
        if state[HELD] != 0.0 and not risen:
            state[HELD] = 0.0
            target = 0.0
        elif state[HELD] == 0.0 and risen and lately:
            state[HELD] = 1.0
            state[MARK] = close
            target = _size(params[TARGET_DEVIATION], state[VARIANCE])
    state[RINGS + count % long] = close
    return target


@part
def _most(state: Floats, first: int, count: int) -> float:
    found: float = state[first]
    for place in range(first + 1, first + count):
        found = max(found, state[place])
    return found


@part
def _least(state: Floats, first: int, count: int) -> float:
    found: float = state[first]
    for place in range(first + 1, first + count):
        found = min(found, state[place])
    return found


@part
def _size(target_deviation: float, variance: float) -> float:
    """Smaller in wild markets, never more than all; a target of 0 switches scaling off."""
    if target_deviation <= 0.0 or variance <= 0.0:
        return 1.0
    return min(1.0, target_deviation / math.sqrt(variance))
