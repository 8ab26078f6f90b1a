"""Training the ai strategy's models: walk forward, purged and embargoed, so that no figure knows its future.

Time is cut into folds.  For each, the ranker learns from what was known an embargo before it begins (purging
and embargo: López de Prado, Advances in Financial Machine Learning, ch. 7) and is tried on it.  The gate
learns from forecasts that the ranker made out of sample, never from those on its own lessons; its calibration
from forecasts of the gate that it did not learn from.  What is kept learns from everything in the same way.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from strategies.ai import LEAST_VOLATILITY, calibrated
from strategies.ai_model import GATE_FEATURES, LEAST_TOKENS, RANKER_FEATURES, Evidence, Fold
from strategies.ai_samples import Integers, SampleError, Samples, groups
from strategies.ai_scores import (
    auc,
    brier,
    isotonic,
    places,
    rank_correlation,
    reliability,
    t_statistic,
)
from strategies.layout import Floats

Rows = npt.NDArray[np.bool_]
Progress = Callable[[str, int, int], None]  # What is done; how much of how many.
LEAST_LESSONS = 200  # Rows.
CLASSES = 8  # The calibration tells no more of them apart.
GATE_PART = 0.7  # Of the gate's lessons; the rest calibrates it.


class Booster(Protocol):
    """What is used of lightgbm's: a type for what is imported late."""

    def predict(self, data: Floats, *, raw_score: bool = False, num_threads: int = 1) -> Floats: ...

    def model_to_string(self) -> str: ...


class Rules(Struct, frozen=True):
    """How to learn."""

    horizon: int
    top: float = 0.7
    folds: int = 5
    embargo: int = 24  # Moments between what is learned and what it is tried on.
    rounds: tuple[int, int] = (150, 60)  # Trees of the ranker and of the gate.
    seed: int = 1


class Learned(Struct, frozen=True):
    """What is kept, and what it could do."""

    ranker: str
    gate: str
    calibration: tuple[Floats, Floats]
    volatility: Floats
    gain: float
    loss: float
    evidence: Evidence


def learned(samples: Samples, rules: Rules, progress: Progress) -> Learned:
    """SampleError, one sentence, where there is too little to learn from."""
    scores, forecasts, naive = (np.full(len(samples.moment), np.nan) for _ in range(3))
    edges = fold_edges(samples, rules)
    total = 2 * rules.folds
    for number, (first, last) in enumerate(edges):
        lessons, tried = lessons_before(samples, first, rules), _between(samples, first, last)
        check_apart(samples, lessons, first, rules)
        _check_enough(lessons, f"fold {number + 1}")
        scores[tried] = _ranker(samples, lessons, rules).predict(samples.ranks[tried], num_threads=1)
        weights = _volatility(samples, lessons)
        forecasts[tried], naive[tried] = _forecast(samples.spans[tried], weights), samples.spans[tried, 1]
        progress("ranker", number + 1, total)
    gated = Gated(samples, scores, forecasts, rules)
    chances = np.full(len(samples.moment), np.nan)
    for number, (first, last) in enumerate(edges[1:]):
        lessons, tried = gated.before(first), gated.rows & _between(samples, first, last)
        if lessons.sum() >= LEAST_LESSONS and tried.any():  # The first folds may be too small for a gate.
            made = gate_of(gated, lessons, f"the gate of fold {number + 2}")
            chances[tried] = made.chances(gated.features[tried])
        progress("gate", rules.folds + number + 1, total)
    evidence = _evidence(samples, gated, edges, scores, chances, forecasts, naive)
    everything = np.ones(len(samples.moment), np.bool_)
    final = gate_of(gated, gated.rows, "the gate")
    gain, loss = _gain_and_loss(samples, gated, forecasts)
    kept = Learned(
        _text(_ranker(samples, everything, rules)), _text(final.booster), final.calibration,
        _volatility(samples, everything), gain, loss, evidence,
    )  # fmt: skip
    progress("done", total, total)
    return kept


# -- time ------------------------------------------------------------------------------------------------
def fold_edges(samples: Samples, rules: Rules) -> list[tuple[int, int]]:
    """The moments [first, last) of each fold; before the first lies a part that is only learned from."""
    known = np.unique(samples.moment)
    if len(known) < 4 * (rules.folds + 1):
        raise SampleError(
            f"{len(known)} moments can not be cut into {rules.folds} folds; use longer recordings, or "
            f"fewer folds"
        )
    cuts = [int(known[len(known) * part // (rules.folds + 1)]) for part in range(1, rules.folds + 1)]
    return list(zip(cuts, [*cuts[1:], int(known[-1]) + 1], strict=True))


def lessons_before(samples: Samples, first: int, rules: Rules) -> Rows:
    """Rows of which all was known an embargo before a fold begins."""
    return np.asarray(samples.known < first - rules.embargo, np.bool_)


def check_apart(samples: Samples, lessons: Rows, first: int, rules: Rules) -> None:
    """SampleError if what is learned reaches into what it is tried on: a score of that is worth nothing."""
    if lessons.any() and int(samples.known[lessons].max()) >= first - rules.embargo:
        raise SampleError(
            "lessons reach into the fold that they are tried on, or its embargo: purge what is known too late"
        )


def _between(samples: Samples, first: int, last: int) -> Rows:
    return np.asarray((samples.moment >= first) & (samples.moment < last), np.bool_)


def _check_enough(lessons: Rows, what: str) -> None:
    if int(lessons.sum()) < LEAST_LESSONS:
        raise SampleError(
            f"too little history: {what} would learn from {int(lessons.sum())} rows, {LEAST_LESSONS} are the "
            f"least; use longer recordings of more tokens, or a shorter timeframe or horizon"
        )


# -- the ranker and the volatility -----------------------------------------------------------------------
def _ranker(samples: Samples, lessons: Rows, rules: Rules) -> Booster:
    rows = int(lessons.sum())
    return _trained(
        samples.ranks[lessons], samples.place[lessons], RANKER_FEATURES, rules.rounds[0],
        {"objective": "l2", "num_leaves": 8, "learning_rate": 0.03, "lambda_l2": 50.0,
         "min_data_in_leaf": max(20, rows // 100), "seed": rules.seed},
    )  # fmt: skip


def _volatility(samples: Samples, lessons: Rows) -> Floats:
    """Least squares of the volatility that came on those of three spans (HAR, Corsi 2009)."""
    spans = samples.spans[lessons]
    table = np.column_stack([np.ones(len(spans)), spans])
    return np.asarray(np.linalg.lstsq(table, samples.moved[lessons], rcond=None)[0], np.float64)


def _forecast(spans: Floats, weights: Floats) -> Floats:
    """strategies.ai.forecast, for many rows."""
    return np.asarray(
        np.maximum(weights[0] + spans @ weights[1:], LEAST_VOLATILITY * spans[:, 2]), np.float64
    )


# -- the gate --------------------------------------------------------------------------------------------
class Gated:
    """The rows at which the gate is asked, with what the ranker said of them out of sample."""

    def __init__(self, samples: Samples, scores: Floats, forecasts: Floats, rules: Rules) -> None:
        self.samples, self.rules = samples, rules
        self.places = np.full(len(scores), np.nan)
        for rows in groups(samples.moment):
            if np.isfinite(scores[rows]).all():
                self.places[rows] = places(scores[rows])
        self.rows = np.asarray(self.places >= rules.top, np.bool_)
        self.features = np.column_stack([samples.ranks, self.places, forecasts / samples.spans[:, 2]])
        self.won = (samples.came > 0.0).astype(np.int64)

    def before(self, first: int) -> Rows:
        return self.rows & lessons_before(self.samples, first, self.rules)


class Gate:
    """Trees, and the calibration of what they say."""

    def __init__(self, booster: Booster, calibration: tuple[Floats, Floats]) -> None:
        self.booster, self.calibration = booster, calibration

    def chances(self, features: Floats) -> Floats:
        raw = self.booster.predict(features, raw_score=True, num_threads=1)
        knots = np.concatenate([[float(len(self.calibration[0]))], *self.calibration])
        return np.array([calibrated(knots, 0, float(score)) for score in raw])


def gate_of(gated: Gated, lessons: Rows, what: str) -> Gate:
    """The first part of the lessons grows the trees, the last part, purged, calibrates them."""
    _check_enough(lessons, what)
    samples, moments = gated.samples, np.unique(gated.samples.moment[lessons])
    cut = int(moments[int(len(moments) * GATE_PART)])
    early = lessons & lessons_before(samples, cut, gated.rules)
    late = lessons & np.asarray(samples.moment >= cut, np.bool_)
    if min(early.sum(), late.sum()) < LEAST_LESSONS // 4 or len(np.unique(gated.won[early])) < 2:
        raise SampleError(
            f"too little history: {what} has too few lessons of both outcomes; use longer recordings"
        )
    booster = _trained(
        gated.features[early], gated.won[early], GATE_FEATURES, gated.rules.rounds[1],
        {"objective": "binary", "num_leaves": 4, "learning_rate": 0.03, "lambda_l2": 50.0,
         "min_data_in_leaf": max(20, int(early.sum()) // 50), "seed": gated.rules.seed},
    )  # fmt: skip
    raw = booster.predict(gated.features[late], raw_score=True, num_threads=1)
    return Gate(booster, isotonic(np.asarray(raw, np.float64), gated.won[late], int(late.sum()) // CLASSES))


def _gain_and_loss(samples: Samples, gated: Gated, forecasts: Floats) -> tuple[float, float]:
    """The mean of what was won and of what was lost at the rows of the gate, in forecast volatilities."""
    rows = gated.rows & np.isfinite(forecasts)
    moves = samples.came[rows] / (forecasts[rows] * np.sqrt(gated.rules.horizon))
    if not (moves > 0.0).any() or not (moves <= 0.0).any():
        raise SampleError(
            "prices only rise, or only fall, in these recordings: nothing can be learned from them"
        )
    return float(moves[moves > 0.0].mean()), float(max(1e-6, -moves[moves <= 0.0].mean()))


# -- LightGBM, for whoever trains ------------------------------------------------------------------------
def _trained(
    features: Floats, labels: Floats | Integers, names: tuple[str, ...], rounds: int, how: dict[str, object]
) -> Booster:
    import lightgbm  # noqa: PLC0415  Two seconds that only training should cost.

    common = {
        "verbose": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True, "use_missing": False,
        "feature_fraction": 0.5, "bagging_fraction": 0.5, "bagging_freq": 1,
    }  # fmt: skip
    data = lightgbm.Dataset(features, labels, feature_name=list(names), params={"verbose": -1})
    return cast(Booster, lightgbm.train({**common, **how}, data, rounds))


def _text(booster: Booster) -> str:
    return booster.model_to_string()


# -- what it could do ------------------------------------------------------------------------------------
def _evidence(
    samples: Samples, gated: Gated, edges: list[tuple[int, int]], scores: Floats, chances: Floats,
    forecasts: Floats, naive: Floats,
) -> Evidence:  # fmt: skip
    horizon = gated.rules.horizon
    ics = np.array(list(_correlations(samples, scores)))
    asked = np.isfinite(chances)
    found, won = chances[asked], gated.won[asked]
    rate = np.array([gated.won[gated.before(first)].mean() for first, _ in edges[1:]])
    base = np.concatenate(
        [
            np.full(int((asked & _between(samples, first, last)).sum()), rate[number])
            for number, (first, last) in enumerate(edges[1:])
        ]
    )
    tried = np.isfinite(forecasts)
    return Evidence(
        ic=_known(ics[:, 1].mean()) if len(ics) else None,
        ic_t=_known(t_statistic(ics[:: horizon + 1, 1])) if len(ics) else None,
        auc=_known(auc(found, won)) if len(found) else None,
        brier=_known(brier(found, won)) if len(found) else None,
        brier_of_base_rate=_known(brier(base, won)) if len(found) else None,
        base_rate=_known(won.mean()) if len(found) else None,
        reliability=reliability(found, won) if len(found) else (),
        volatility_r2=_r2(forecasts[tried], samples.moved[tried]),
        volatility_r2_naive=_r2(naive[tried], samples.moved[tried]),
        folds=tuple(_fold(samples, gated, edge, ics, chances) for edge in edges),
    )


def _correlations(samples: Samples, scores: Floats) -> Iterator[tuple[int, float]]:
    for rows in groups(samples.moment):
        if np.isfinite(scores[rows]).all() and rows.stop - rows.start >= LEAST_TOKENS:
            found = rank_correlation(scores[rows], samples.came[rows])
            yield int(samples.moment[rows.start]), found if np.isfinite(found) else 0.0


def _fold(samples: Samples, gated: Gated, edge: tuple[int, int], ics: Floats, chances: Floats) -> Fold:
    tried = _between(samples, *edge)
    asked = tried & np.isfinite(chances)
    mine = ics[(ics[:, 0] >= edge[0]) & (ics[:, 0] < edge[1]), 1]
    moments = samples.at_ns[tried]
    return Fold(
        int(lessons_before(samples, edge[0], gated.rules).sum()), int(tried.sum()),
        str(np.datetime64(int(moments[0]), "ns").astype("datetime64[m]")),
        str(np.datetime64(int(moments[-1]), "ns").astype("datetime64[m]")),
        _known(mine.mean()) if len(mine) else None,
        _known(auc(chances[asked], gated.won[asked])) if asked.any() else None,
    )  # fmt: skip


def _r2(forecast: Floats, came: Floats) -> float | None:
    spread = float(((came - came.mean()) ** 2).sum())
    return _known(1.0 - float(((came - forecast) ** 2).sum()) / spread) if spread > 0.0 else None


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
