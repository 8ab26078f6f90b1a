"""Scalping: buy what has fallen far below its volume-weighted average price, for the way back.

Enter when a bar closes `entry_deviations` standard deviations of the last `vwap_bars` closes below the
average, and the way back to it is at least `edge_multiple` times what buying and selling costs in this very
pool: its fee twice, the expected slippage twice, the impact of our size on its reserves twice, and gas.
Else it stands aside, as it does in nearly every pool with a fee of 30 basis points.  Leave at
`exit_deviations`, at a stop below the entry, or after `max_hold_bars`; then rest.

strategies/SCALPING.md says where this comes from, where it failed here, and why it is off.
"""

import math

import numpy as np

from actors.messages import BPS, Instrument
from storage.amounts import to_units
from storage.config import Settings
from strategies.compiled import compiled, part
from strategies.layout import (
    AGE,
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
    RESERVE,
    VOLUME,
    FloatBar,
    Floats,
)

# Where what is in `params`.
VWAP_BARS, ENTRY_DEVIATIONS, EXIT_DEVIATIONS, EDGE_MULTIPLE, STOP, MAX_HOLD, REST = range(7)
FIXED_COST, GAS, NOTIONAL = range(7, 10)  # Fee and slippage of both swaps, a share; the others, quote units.
# Where what is in `state`: running sums; then three rings, of price times volume, of volume, and of closes.
RESTING, VALUE, TRADED, CLOSES, SQUARES, SCALE = range(COMMON, COMMON + 6)
RINGS = COMMON + 6
RENEWED = 4096  # After so many bars the sums are made anew: what they lost by rounding must not add up.


def params_of(settings: Settings, instrument: Instrument) -> Floats:
    """The size is what a buy may be at most when everything is free."""
    rules, limits = settings.scalping, settings.limits
    capital = to_units(settings.paper.capital, settings.paper.quote_decimals)
    share = min(limits.position_bps, limits.strategy_budget_bps)
    cost = 2.0 * instrument.fee_pips / 1e6 + 2.0 * rules.slippage_bps / BPS
    return np.array(
        [
            rules.vwap_bars, rules.entry_deviations, rules.exit_deviations, rules.edge_multiple,
            rules.stop_bps / BPS, rules.max_hold_bars, rules.rest_bars,
            cost, to_units(settings.paper.gas, settings.paper.quote_decimals), capital * share // BPS,
        ],
        dtype=np.float64,
    )  # fmt: skip


def new_state(params: Floats) -> Floats:
    return np.zeros(RINGS + 3 * int(params[VWAP_BARS]), dtype=np.float64)


def bars_before_the_first_wish(params: Floats) -> int:
    return int(params[VWAP_BARS])


@compiled(LIKE_ROW, LIKE_ROW, LIKE_BAR)
def step(state: Floats, params: Floats, bar: FloatBar) -> float:
    """One closed bar: NaN for no change, 0 for out, 1 for in."""
    count, bars = int(state[COUNT]), int(params[VWAP_BARS])
    if count == 0:
        state[SCALE] = bar[CLOSE]  # Sums of squares are of prices near 1, whatever the token costs.
    _remember(state, bar, count, bars)
    state[LAST] = bar[CLOSE]
    state[COUNT] += 1.0
    if state[RESTING] > 0.0:
        state[RESTING] -= 1.0
    price = bar[CLOSE] / state[SCALE]
    below = _deviations_below(state, bars, price) if count + 1 >= bars else math.nan
    if state[HELD] != 0.0:
        return _leave(state, params, below)
    if math.isnan(below) or state[RESTING] > 0.0 or below < params[ENTRY_DEVIATIONS]:
        return math.nan
    edge = state[VALUE] / state[TRADED] / price - 1.0
    if not edge > params[EDGE_MULTIPLE] * round_trip_cost(params, bar[RESERVE]):
        return math.nan
    state[HELD], state[AGE], state[MARK] = 1.0, 0.0, bar[CLOSE]
    return 1.0


@part
def _leave(state: Floats, params: Floats, below: float) -> float:
    state[AGE] += 1.0
    stopped = state[LAST] <= state[MARK] * (1.0 - params[STOP])
    if not (stopped or state[AGE] >= params[MAX_HOLD] or below <= params[EXIT_DEVIATIONS]):
        return math.nan
    state[HELD] = 0.0
    state[RESTING] = params[REST] * (5.0 if stopped else 1.0)
    return 0.0


@part
def _deviations_below(state: Floats, bars: int, price: float) -> float:
    """How far the price is below the average, in standard deviations of the closes; NaN if nothing moves."""
    mean = state[CLOSES] / bars
    variance = state[SQUARES] / bars - mean * mean
    # What is left of equal closes after rounding is no variance.
    if state[TRADED] <= 0.0 or variance <= 1e-12 * mean * mean:
        return math.nan
    below: float = (state[VALUE] / state[TRADED] - price) / math.sqrt(variance)
    return below


@part
def round_trip_cost(params: Floats, reserve: float) -> float:
    """A share of what is bought; infinite in a pool of which nothing is known.

    In a pool with x of the quote a swap of N is filled at N / x worse than the price before it.
    """
    if reserve <= 0.0 or params[NOTIONAL] <= 0.0:
        return math.inf
    impact = 2.0 * params[NOTIONAL] / reserve
    cost: float = params[FIXED_COST] + impact + 2.0 * params[GAS] / params[NOTIONAL]
    return cost


@part
def _remember(state: Floats, bar: FloatBar, count: int, bars: int) -> None:
    scale = state[SCALE]
    close, volume = bar[CLOSE] / scale, bar[VOLUME]
    value = (bar[HIGH] + bar[LOW] + bar[CLOSE]) / 3.0 / scale * volume
    place = RINGS + count % bars
    old_close = state[place + 2 * bars]
    state[VALUE] += value - state[place]
    state[TRADED] += volume - state[place + bars]
    state[CLOSES] += close - old_close
    state[SQUARES] += close * close - old_close * old_close
    state[place], state[place + bars], state[place + 2 * bars] = value, volume, close
    if count % RENEWED == RENEWED - 1:
        _renew(state, bars)


@part
def _renew(state: Floats, bars: int) -> None:
    value, traded, closes, squares = 0.0, 0.0, 0.0, 0.0
    for place in range(RINGS, RINGS + bars):
        close = state[place + 2 * bars]
        value += state[place]
        traded += state[place + bars]
        closes += close
        squares += close * close
    state[VALUE], state[TRADED], state[CLOSES], state[SQUARES] = value, traded, closes, squares
