"""How likely it is that a Sharpe ratio is more than the luck of having looked many times.

Bailey and Lopez de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and
Non-Normality", Journal of Portfolio Management 40 (5), 2014, pages 94 to 107.  All ratios in this file are of
one step (a day), never annualised.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, variance

import numpy as np
from msgspec import Struct

from strategies.metrics import Floats

EULER = 0.5772156649015329  # The Euler-Mascheroni constant.
_NORMAL = NormalDist()


class Moments(Struct, frozen=True):
    """What the formula wants to know of a series of returns."""

    steps: int
    sharpe: float | None = None  # Of one step; none where nothing varies.
    skew: float = 0.0
    kurtosis: float = 3.0  # 3 is that of the normal distribution.


def moments_of(returns: Floats) -> Moments:
    """Sample standard deviation (n - 1) in the ratio; skew and kurtosis are those of the population."""
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    mean = float(np.mean(returns)) if len(returns) else 0.0
    if deviation <= 1e-12 * abs(mean) or deviation == 0.0:
        return Moments(len(returns))
    shape = (returns - mean) / float(np.std(returns))
    return Moments(
        len(returns), mean / deviation, float(np.mean(shape**3)), float(np.mean(shape**4))
    )  # fmt: skip


def luckiest(trials: int, spread: float) -> float:
    """The highest ratio to expect of `trials` worthless strategies whose ratios have the variance `spread`.

    SR0 = sqrt(V) ((1 - g) Z(1 - 1 / N) + g Z(1 - 1 / (N e))), equation 1 of the paper, g being Euler's
    constant and Z the inverse of the normal distribution; 0 for a single trial.
    """
    if trials < 2:
        return 0.0
    near, far = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(spread) * ((1.0 - EULER) * near + EULER * far)


def probability(found: Moments, threshold: float) -> float:
    """That the true ratio is above the threshold; NaN where there is no ratio.

    PSR = F((SR - SR0) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)), equation 2 of the paper.
    """
    if found.sharpe is None or found.steps < 3:
        return math.nan
    ratio = found.sharpe
    square = 1.0 - found.skew * ratio + (found.kurtosis - 1.0) / 4.0 * ratio * ratio
    if square <= 0.0:
        return math.nan
    return _NORMAL.cdf((ratio - threshold) * math.sqrt(found.steps - 1) / math.sqrt(square))


def deflated(found: Moments, trials: int, spread: float) -> float:
    """The probability that the best of `trials` is no luck: the deflated Sharpe ratio."""
    return probability(found, luckiest(trials, spread))


def spread_of(ratios: Sequence[float | None]) -> float:
    """The variance of the trials' ratios; those without one have not varied, and count as 0."""
    known = [ratio or 0.0 for ratio in ratios]
    return variance(known) if len(known) > 1 else 0.0
