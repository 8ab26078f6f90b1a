"""What the ai strategy sees of a token: one step a bar, the same in training, in backtests and live.

Nothing here knows the horizon or a model.  The rings are read from the newest entry backwards, so the same
bars give the same bits wherever a ring begins; returns are plain ratios, for ranks need no logarithm.
"""

import math
from hashlib import blake2b

import numpy as np

from strategies.compiled import compiled, part
from strategies.layout import (
    CLOSE,
    COMMON,
    COUNT,
    HIGH,
    LAST,
    LIKE_BAR,
    LIKE_ROW,
    LIKE_TABLE,
    LOW,
    VOLUME,
    FloatBar,
    Floats,
)

NAMES = (
    "return_1", "return_4", "return_24", "return_72", "return_168",
    "volatility_24", "volatility_6_to_168", "volume_24_to_168",
    "return_24_by_volume", "return_1_by_volatility", "place_in_48", "range_24",
)  # fmt: skip
COUNT_OF_NAMES = len(NAMES)
WEEK, PLACE, DAY, FAST = 168, 48, 24, 6  # Bars.

# Where what is in `state`: whether there was a bar since the strategy last chose, whether it can be judged by
# its values, the values, the volatility of three spans, and the rings.
FRESH, READY = COMMON, COMMON + 1
VALUES = COMMON + 2
SPANS_OF_VOLATILITY = VALUES + COUNT_OF_NAMES  # FAST, DAY and WEEK: a bar's, as a share of the price.
CLOSES = SPANS_OF_VOLATILITY + 3
SQUARES = CLOSES + WEEK + 1
VOLUMES = SQUARES + WEEK
HIGHS = VOLUMES + WEEK
LOWS = HIGHS + PLACE
RANGES = LOWS + PLACE
END = RANGES + DAY


@compiled(LIKE_ROW, LIKE_BAR)
def observe(state: Floats, bar: FloatBar) -> None:
    """One closed bar."""
    count, close = int(state[COUNT]), bar[CLOSE]
    change = close / state[LAST] - 1.0 if count > 0 else 0.0
    state[CLOSES + count % (WEEK + 1)] = close
    state[SQUARES + count % WEEK] = change * change
    state[VOLUMES + count % WEEK] = bar[VOLUME]
    state[HIGHS + count % PLACE], state[LOWS + count % PLACE] = bar[HIGH], bar[LOW]
    state[RANGES + count % DAY] = (bar[HIGH] - bar[LOW]) / close
    state[COUNT] += 1.0
    state[LAST] = close
    state[FRESH], state[READY] = 1.0, 0.0
    if count >= WEEK:
        _value(state, count)


@part
def _value(state: Floats, count: int) -> None:
    close = state[LAST]
    fast = math.sqrt(_mean(state, SQUARES, WEEK, count, FAST))
    day = math.sqrt(_mean(state, SQUARES, WEEK, count, DAY))
    week = math.sqrt(_mean(state, SQUARES, WEEK, count, WEEK))
    state[SPANS_OF_VOLATILITY], state[SPANS_OF_VOLATILITY + 1] = fast, day
    state[SPANS_OF_VOLATILITY + 2] = week
    if week <= 0.0 or day <= 0.0:  # A price that stands still tells nothing.
        return
    for place, span in enumerate((1, 4, 24, 72, 168)):
        state[VALUES + place] = close / state[CLOSES + (count - span) % (WEEK + 1)] - 1.0
    usual = _mean(state, VOLUMES, WEEK, count, WEEK)
    busy = _mean(state, VOLUMES, WEEK, count, DAY) / usual if usual > 0.0 else 1.0
    state[VALUES + 5] = day
    state[VALUES + 6] = fast / week
    state[VALUES + 7] = busy
    state[VALUES + 8] = state[VALUES + 2] * busy
    state[VALUES + 9] = state[VALUES] / day
    state[VALUES + 10] = _place(state, close)
    state[VALUES + 11] = _mean(state, RANGES, DAY, count, DAY)
    for value in range(VALUES, VALUES + COUNT_OF_NAMES):
        if not math.isfinite(state[value]):
            return
    state[READY] = 1.0


@part
def _mean(state: Floats, ring: int, length: int, count: int, span: int) -> float:
    total = 0.0
    for back in range(span):
        total += state[ring + (count - back) % length]
    return total / span


@part
def _place(state: Floats, close: float) -> float:
    high, low = state[HIGHS], state[LOWS]
    for number in range(1, PLACE):
        high, low = max(high, state[HIGHS + number]), min(low, state[LOWS + number])
    return (close - low) / (high - low) if high > low else 0.5


@compiled(LIKE_TABLE, LIKE_TABLE)
def ranked(states: Floats, ranks: Floats) -> int:
    """Each value's place among the tokens that have a new bar and enough history; how many those are.

    0 is the lowest, 1 the highest, equal values share a place, 0.5 is the place of one alone.
    """
    ready = 0
    for one in range(len(states)):
        if states[one, FRESH] != 0.0 and states[one, READY] != 0.0:
            ready += 1
            for value in range(COUNT_OF_NAMES):
                ranks[one, value] = place_among(states, one, VALUES + value)
    return ready


@part
def place_among(states: Floats, one: int, column: int) -> float:
    below, others = 0.0, 0
    mine = states[one, column]
    for other in range(len(states)):
        if other != one and states[other, FRESH] != 0.0 and states[other, READY] != 0.0:
            others += 1
            if states[other, column] < mine:
                below += 1.0
            elif states[other, column] == mine:
                below += 0.5
    return below / others if others > 0 else 0.5


def fingerprint() -> str:
    """Of what the features are: their names, and what they make of one series of bars.

    Seven digits are compared: more than any change of a formula leaves equal, fewer than machines differ in.
    """
    state, number, price = np.zeros(END), 1, 100.0
    for _ in range(WEEK + 30):
        number = number * 16_807 % 2_147_483_647  # Lehmer's numbers: the same everywhere.
        move = number / 2_147_483_647 - 0.5
        start, price = price, price * (1.0 + move / 50.0)
        high, low = max(start, price) * 1.002, min(start, price) * 0.997
        observe(state, (start, high, low, price, float(number % 9_973), 1e6))
    values = [f"{value:.6e}" for value in state[VALUES:CLOSES]]
    return blake2b(" ".join([*NAMES, *values]).encode(), digest_size=8).hexdigest()
