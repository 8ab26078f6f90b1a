"""How good forecasts were: rank correlation, AUC, Brier score, reliability; and isotonic calibration."""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from strategies.layout import Floats

Integers = npt.NDArray[np.int64]


class Bin(Struct, frozen=True, forbid_unknown_fields=True):
    """Forecasts of nearly the same probability, and how often it came true."""

    count: int
    forecast: float
    observed: float


def places(values: Floats) -> Floats:
    """0 for the lowest, 1 for the highest; equal values share a place."""
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((low + high - 1) / 2.0 / max(1, len(values) - 1), np.float64)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's; NaN where there is nothing to compare."""
    first, second = places(one) - 0.5, places(other) - 0.5
    first, second = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / spread if spread > 0.0 else float("nan")


def auc(forecasts: Floats, outcomes: Integers) -> float:
    """The chance that one that came true was forecast higher than one that did not (Mann-Whitney)."""
    won = int(outcomes.sum())
    lost = len(outcomes) - won
    if not won or not lost:
        return float("nan")
    ranks = places(forecasts) * max(1, len(forecasts) - 1) + 1.0
    return float((ranks[outcomes == 1].sum() - won * (won + 1) / 2.0) / (won * lost))


def brier(forecasts: Floats, outcomes: Integers) -> float:
    """The mean square of what was missed (Brier 1950); 0 is perfect."""
    return float(np.mean((forecasts - outcomes) ** 2))


def reliability(forecasts: Floats, outcomes: Integers, bins: int = 5) -> tuple[Bin, ...]:
    """Bins with equally many forecasts."""
    order = np.argsort(forecasts, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(
        Bin(len(part), float(forecasts[part].mean()), float(outcomes[part].mean())) for part in parts
    )


def t_statistic(values: Floats) -> float:
    """Of the mean of independent values."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean() / deviation * np.sqrt(len(values))) if deviation > 0.0 else float("nan")


def isotonic(scores: Floats, outcomes: Integers, least: int = 1) -> tuple[Floats, Floats]:
    """The rising step function nearest to the outcomes, as knots to interpolate between.

    Pool adjacent violators (Ayer et al. 1955); the knots are the first and the last score of each block.  To
    begin with a block has `least` outcomes or more: the share of a few is no probability.
    """
    pooled: list[list[float]] = []  # First and last score, sum of outcomes, how many.
    for block in _blocks(scores, outcomes, least):
        pooled.append(block)
        while len(pooled) > 1 and pooled[-2][2] * pooled[-1][3] >= pooled[-1][2] * pooled[-2][3]:
            _, last, total, count = pooled.pop()
            pooled[-1][1], pooled[-1][2], pooled[-1][3] = last, pooled[-1][2] + total, pooled[-1][3] + count
    knots = [(end, block[2] / block[3]) for block in pooled for end in sorted({block[0], block[1]})]
    return np.array([score for score, _ in knots]), np.array([chance for _, chance in knots])


def _blocks(scores: Floats, outcomes: Integers, least: int) -> list[list[float]]:
    """Neighbours, equal scores together, and so many at least."""
    order = np.argsort(scores, kind="stable")
    blocks: list[list[float]] = []
    for score, outcome in zip(scores[order].tolist(), outcomes[order].tolist(), strict=True):
        if blocks and (blocks[-1][1] == score or blocks[-1][3] < least):
            first, _, total, count = blocks[-1]
            blocks[-1] = [first, score, total + outcome, count + 1.0]
        else:
            blocks.append([score, score, float(outcome), 1.0])
    if len(blocks) > 1 and blocks[-1][3] < least:
        _, last, total, count = blocks.pop()
        blocks[-1] = [blocks[-1][0], last, blocks[-1][2] + total, blocks[-1][3] + count]
    return blocks
