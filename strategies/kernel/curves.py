"""What a sweep asks of an equity curve, in one pass and without arrays in between."""

import numpy as np

from strategies.compiled import compiled
from strategies.kernel.tables import Floats


@compiled(np.zeros(1))
def deepest(equity: Floats) -> float:
    """The highest of `strategies.metrics.drawdowns`: after each peak only the lowest value can be it."""
    found = 0.0
    peak = trough = equity[0]
    for place in range(len(equity)):
        value = equity[place]
        if value > peak:
            found = max(found, 1.0 - trough / peak)
            peak = trough = value
        elif value < trough:
            trough = value
    last: float = 1.0 - trough / peak
    return max(found, last)
