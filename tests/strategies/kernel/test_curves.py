"""The deepest drawdown in one pass is that of the metrics, to the bit."""

import numpy as np
import pytest

from strategies.kernel.curves import deepest
from strategies.metrics import drawdowns


@pytest.mark.parametrize("seed", range(20))
def test_the_deepest_drawdown_is_the_highest_of_all_to_the_bit(seed):
    random = np.random.default_rng(seed)
    equity = 1e10 * np.exp(np.cumsum(random.normal(0.0, 0.01, size=1 + seed * 50)))
    assert deepest(equity) == drawdowns(equity).max()


@pytest.mark.parametrize("equity", [[5.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 1.0, 2.0, 4.0, 3.0]])
def test_of_short_curves_too(equity):
    assert deepest(np.array(equity)) == drawdowns(np.array(equity)).max()
