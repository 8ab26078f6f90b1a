"""Where what is in the arrays of a strategy: what all strategies have in common.

A strategy is `step(state, params, bar) -> target` over flat float64 arrays.  `state` begins with the fields
named here and goes on as its strategy likes; `bar` is one closed bar of its timeframe; the target is NaN for
no change, 0 for out, else the share of the strategy's budget to hold.  Counts are exact up to 2 ** 53.

Prices are in quote units for one whole token, times PRICE_SCALE; volume, reserves and gas are in quote units.
"""

import numpy as np
import numpy.typing as npt

from actors.messages import Bar

Floats = npt.NDArray[np.float64]
FloatBar = tuple[float, float, float, float, float, float]
OPEN, HIGH, LOW, CLOSE, VOLUME, RESERVE = range(6)

# Bars seen; whether it holds; what it measures its exit from; bars held; the last close.
COUNT, HELD, MARK, AGE, LAST = range(5)
COMMON = 5

# Like those with which a step is called.
LIKE_ROW, LIKE_TABLE, LIKE_BAR = np.zeros(1), np.zeros((1, 1)), (0.0,) * 6


def floats_of(bar: Bar) -> FloatBar:
    """A bar in float64: good enough to decide on; money is never counted in it."""
    return (
        float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume),
        float(bar.reserve_quote),
    )  # fmt: skip
