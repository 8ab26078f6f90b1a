"""Momentum: buy a breakout above the high of some days, sell a breakdown or a fall from the top.

Enter when a bar closes above the highest high of the `entry_bars` before it (Donchian; the Turtles' rule).
Leave when it closes below the lowest low of the `exit_bars` before it, or more than `trail_atr` average true
ranges below the highest close since the entry.  The size aims at a constant volatility (Moreira and Muir,
2017).  Evidence, failures included, is in the report: over nine years of BTC and ETH the rule earned what
holding earned, with under half the drawdown.

`step` is the strategy: one function over one flat array of float64, which the live actor and the backtest
both call.  It uses nothing that numba could not compile: no Python objects, no clock, no chance.  The rings
of highs and lows are exactly as long as they are looked at, so the order within them does not matter.
"""

import math

import numpy as np
import numpy.typing as npt

from actors.messages import Bar
from storage.config import Momentum

Floats = npt.NDArray[np.float64]
FloatBar = tuple[float, float, float, float, float]  # open, high, low, close, volume.

# Where what is in `params`.
ENTRY_BARS, EXIT_BARS, ATR_WEIGHT, TRAIL_ATR, TARGET_DEVIATION, VARIANCE_WEIGHT = range(6)
# Where what is in `state`; the highs follow, and then the lows.
COUNT, HELD, TOP, RANGE, VARIANCE, LAST_CLOSE = range(6)
RINGS = 6

_MINUTES_OF_A_YEAR = 365 * 24 * 60


def params_of(momentum: Momentum) -> Floats:
    """The settings as `step` reads them; volatility is turned from a year's into a bar's."""
    bars_a_year = _MINUTES_OF_A_YEAR / momentum.timeframe_minutes
    return np.array(
        [
            momentum.entry_bars,
            momentum.exit_bars,
            1.0 / momentum.atr_bars,
            momentum.trail_atr,
            momentum.target_volatility / math.sqrt(bars_a_year),
            2.0 / (momentum.entry_bars + 1.0),
        ],
        dtype=np.float64,
    )


def new_state(params: Floats) -> Floats:
    return np.zeros(RINGS + int(params[ENTRY_BARS]) + int(params[EXIT_BARS]), dtype=np.float64)


def restored(params: Floats, snapshot: bytes) -> Floats:
    """The state that `state.tobytes()` was taken of; ValueError if the settings have changed since."""
    state = np.frombuffer(snapshot, dtype=np.float64).copy()
    if state.size != new_state(params).size:
        raise ValueError("the saved momentum state was made with other entry_bars or exit_bars; warm up anew")
    return state


def floats_of(bar: Bar) -> FloatBar:
    """A bar in float64: good enough to decide on; money is never counted in it."""
    return float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)


def hold(state: Floats, held: bool, close: float) -> None:
    """Tell the strategy what is really held, where that is not what it last asked for.

    A wish may be refused, and a position may be sold by a stop.  A top is counted from here on.
    """
    if bool(state[HELD]) != held:
        state[HELD] = 1.0 if held else 0.0
        state[TOP] = close


def step(state: Floats, params: Floats, bar: FloatBar) -> float:
    """One closed bar: NaN for no change, 0 for out, else the share of the budget to hold.

    Until `entry_bars` (and `exit_bars`) bars have been seen it only watches.
    """
    _, high, low, close, _ = bar
    count = int(state[COUNT])
    entry, exit = int(params[ENTRY_BARS]), int(params[EXIT_BARS])
    highs, lows = RINGS, RINGS + entry
    if count == 0:
        state[RANGE] = high - low
    else:
        last = float(state[LAST_CLOSE])
        change = math.log(close / last)
        state[VARIANCE] += params[VARIANCE_WEIGHT] * (change * change - state[VARIANCE])
        true_range = max(high - low, abs(high - last), abs(low - last))
        state[RANGE] += params[ATR_WEIGHT] * (true_range - state[RANGE])
    target = math.nan
    if state[HELD] != 0.0:
        state[TOP] = max(float(state[TOP]), close)
        trail = float(state[TOP] - params[TRAIL_ATR] * state[RANGE])
        broken = count >= exit and close < state[lows : lows + exit].min()
        if close < trail or broken:
            state[HELD] = 0.0
            target = 0.0
    elif count >= entry and count >= exit and close > state[highs : highs + entry].max():
        state[HELD] = 1.0
        state[TOP] = close
        target = _size(float(params[TARGET_DEVIATION]), float(state[VARIANCE]))
    state[highs + count % entry] = high
    state[lows + count % exit] = low
    state[LAST_CLOSE] = close
    state[COUNT] = count + 1.0
    return target


def _size(target_deviation: float, variance: float) -> float:
    """Smaller in wild markets, never more than all; a target of 0 switches scaling off."""
    if target_deviation <= 0.0 or variance <= 0.0:
        return 1.0
    return min(1.0, target_deviation / math.sqrt(variance))
