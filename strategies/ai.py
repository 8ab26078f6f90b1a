"""AI: a forecast of volatility sets the size, a ranker chooses tokens, a calibrated gate may say no.

Each closed bar is only looked at (`step`); once all tokens have been, `choose` ranks those with a new bar
against each other.  It buys a token that ranks at least `top`, if what the gate's probability promises over
the horizon pays for both swaps `edge_multiple` times; it sells after the horizon, unless it would buy again.

It keeps books of its forecasts.  When the ranker's rolling rank correlation or the gate's rolling AUC falls
below the floor of the model's card, it switches itself off: it buys nothing any more, until it gets another
model.  strategies/AI.md says where this comes from, what failed here, and why it is off.
"""

import math

import numpy as np

from actors.messages import BPS, Instrument
from storage.amounts import to_units
from storage.config import Settings
from strategies.ai_features import (
    COUNT_OF_NAMES,
    FRESH,
    READY,
    SPANS_OF_VOLATILITY,
    WEEK,
    observe,
    ranked,
)
from strategies.ai_judge import fall_due, judge, pooled_auc, pooled_correlation, remember
from strategies.ai_layout import (
    BY_AUC,
    BY_CORRELATION,
    CALIBRATION,
    EDGE_MULTIPLE,
    GAIN,
    GATE,
    HORIZON,
    JUDGED,
    KELLY,
    LOSS,
    MODEL,
    MOST,
    NOT_OFF,
    OFF,
    POOL,
    RANKER,
    RINGS,
    TARGET_DEVIATION,
    TOP,
    VOLATILITY,
)
from strategies.ai_model import LEAST_TOKENS, load, refusal
from strategies.ai_trees import score
from strategies.compiled import compiled, part
from strategies.layout import AGE, HELD, LAST, LIKE_BAR, LIKE_ROW, LIKE_TABLE, MARK, RESERVE, FloatBar, Floats
from strategies.scalping import round_trip_cost

# Of the gate's row: the places of the features, and then these.  The ranker's score is beside it.
PLACE_OF_SCORE, CALM, SCORE = COUNT_OF_NAMES, COUNT_OF_NAMES + 1, COUNT_OF_NAMES + 2
SCRATCH = SCORE + 1
__all__ = [
    "bars_before_the_first_wish", "choose", "identity", "new_state", "note", "params_of", "refusal", "step",
]  # fmt: skip
LEAST_VOLATILITY = 0.1  # A forecast is never below so much of the last week's.
_MINUTES_OF_A_YEAR = 365 * 24 * 60


def params_of(settings: Settings, instrument: Instrument) -> Floats:
    """The settings and the whole model.  ModelError, one sentence, if there is none that can be used."""
    rules, limits, model = settings.ai, settings.limits, load(settings)
    card, decimals = model.card, settings.paper.quote_decimals
    capital = to_units(settings.paper.capital, decimals)
    share = min(limits.position_bps, limits.strategy_budget_bps * rules.most_bps // BPS)
    head = np.array(
        [
            card.horizon_bars, card.top, rules.edge_multiple, rules.kelly, rules.most_bps / BPS,
            rules.target_volatility / math.sqrt(_MINUTES_OF_A_YEAR / rules.timeframe_minutes),
            rules.decay_bars,
            2.0 * instrument.fee_pips / 1e6 + 2.0 * rules.slippage_bps / BPS,
            to_units(settings.paper.gas, decimals), capital * share // BPS,
            card.gain, card.loss, *card.volatility, card.ic_floor, card.auc_floor,
            MODEL, MODEL + len(model.ranker), MODEL + len(model.ranker) + len(model.gate),
        ],
        dtype=np.float64,
    )  # fmt: skip
    return np.concatenate([head, model.ranker, model.gate, model.calibration])


def new_state(params: Floats) -> Floats:
    return np.zeros(RINGS + 3 * (int(params[HORIZON]) + 1), dtype=np.float64)


def bars_before_the_first_wish(params: Floats) -> int:  # noqa: ARG001
    return WEEK


def identity(settings: Settings) -> str:
    """Which model a state belongs to; with another one it is made anew."""
    try:
        return load(settings).digest
    except ValueError:
        return ""  # Whoever wants to trade is told so: `refusal` of strategies/ai_model.py.


def note(states: Floats) -> str:
    """What the operator must know: nothing, or why it buys nothing any more."""
    why = int(states[:, OFF].max())
    figures = f"rolling IC {pooled_correlation(states):.3f}, AUC {pooled_auc(states):.3f}"
    if why == BY_CORRELATION:
        return f"off: the ranker's rolling IC fell below the floor of its card ({figures}); train a new model"
    if why == BY_AUC:
        return f"off: the gate's rolling AUC fell below the floor of its card ({figures}); train a new model"
    judged = int(states[:, JUDGED].max())
    return f"on: {figures}, judged on {judged:,} bars" if judged else ""


@compiled(LIKE_ROW, LIKE_ROW, LIKE_BAR)
def step(state: Floats, params: Floats, bar: FloatBar) -> float:
    """One closed bar; what is wished for is for `choose` to say."""
    fall_due(state, params, bar)
    observe(state, bar)
    state[POOL] = bar[RESERVE]
    if state[HELD] != 0.0:
        state[AGE] += 1.0
    return math.nan


@compiled(LIKE_TABLE, LIKE_TABLE, LIKE_ROW, LIKE_TABLE)
def choose(states: Floats, params: Floats, targets: Floats, scratch: Floats) -> bool:
    """All tokens, after their bars: NaN for no change, 0 for out, else the share of the budget to hold.

    A row of each for each token; `scratch` is to work on.  Whether anything is wished for.
    """
    count = len(states)
    ranks, scores = scratch[:, :SCORE], scratch[:, SCORE]
    scratch[:, :] = 0.0
    off = judge(states, params[0])
    ready = ranked(states, ranks)
    for one in range(count):
        targets[one] = math.nan
        if _is_ready(states[one]):
            scores[one] = score(params[one], int(params[one, RANKER]), ranks[one])
    wishes = False
    for one in range(count):
        if states[one, FRESH] != 0.0:
            wanted = 0.0
            if _is_ready(states[one]) and ready >= LEAST_TOKENS:
                wanted = _wanted(states, params[one], ranks[one], scores, one)
            targets[one] = _decided(states[one], params[one], 0.0 if off != NOT_OFF else wanted)
            wishes |= not math.isnan(targets[one])
    states[:, FRESH] = 0.0
    return wishes


@part
def _is_ready(state: Floats) -> bool:
    ready: bool = state[FRESH] != 0.0 and state[READY] != 0.0
    return ready


@part
def _decided(state: Floats, params: Floats, wanted: float) -> float:
    if state[HELD] != 0.0:
        if state[AGE] < params[HORIZON] or wanted > 0.0:
            return math.nan
        state[HELD] = 0.0
        return 0.0
    if wanted <= 0.0:
        return math.nan
    state[HELD], state[AGE], state[MARK] = 1.0, 0.0, state[LAST]
    return wanted


@part
def _wanted(states: Floats, params: Floats, row: Floats, scores: Floats, one: int) -> float:
    """The share of the budget that a token is worth; 0 for none.  The forecast is remembered."""
    state = states[one]
    row[PLACE_OF_SCORE] = place_of_score(states, scores, one)
    volatility = forecast(state, params[VOLATILITY : VOLATILITY + 4])
    row[CALM] = volatility / state[SPANS_OF_VOLATILITY + 2]
    if row[PLACE_OF_SCORE] < params[TOP]:
        remember(state, params, row[PLACE_OF_SCORE], -1.0)
        return 0.0
    chance = calibrated(params, int(params[CALIBRATION]), score(params, int(params[GATE]), row))
    remember(state, params, row[PLACE_OF_SCORE], chance)
    horizon = volatility * math.sqrt(params[HORIZON])
    edge = (chance * params[GAIN] - (1.0 - chance) * params[LOSS]) * horizon
    if not edge > params[EDGE_MULTIPLE] * round_trip_cost(params, state[POOL]):
        return 0.0
    bet = params[KELLY] * (chance - (1.0 - chance) * params[LOSS] / params[GAIN])
    calm = params[TARGET_DEVIATION] / volatility if params[TARGET_DEVIATION] > 0.0 else 1.0
    wanted: float = max(0.0, min(params[MOST], bet)) * min(1.0, calm)
    return wanted


@part
def place_of_score(states: Floats, scores: Floats, one: int) -> float:
    """0 is the lowest, 1 the highest of the tokens that are ready."""
    below, others = 0.0, 0
    for other in range(len(states)):
        if other != one and _is_ready(states[other]):
            others += 1
            if scores[other] < scores[one]:
                below += 1.0
            elif scores[other] == scores[one]:
                below += 0.5
    return below / others if others > 0 else 0.5


@part
def forecast(state: Floats, weights: Floats) -> float:
    """A bar's volatility over the horizon: HAR (Corsi 2009), linear in that of three spans."""
    found: float = weights[0]
    for span in range(3):
        found += weights[span + 1] * state[SPANS_OF_VOLATILITY + span]
    least: float = LEAST_VOLATILITY * state[SPANS_OF_VOLATILITY + 2]
    return max(found, least)


@part
def calibrated(params: Floats, first: int, raw: float) -> float:
    """Straight between the knots, level beyond them."""
    count = int(params[first])
    score_at, chance_at = first + 1, first + 1 + count
    knot = 0
    while knot < count and raw > params[score_at + knot]:
        knot += 1
    chance: float = params[chance_at + min(knot, count - 1)]
    if 0 < knot < count:
        left, right = params[score_at + knot - 1], params[score_at + knot]
        low: float = params[chance_at + knot - 1]
        chance = low + (chance - low) * ((raw - left) / (right - left))
    return chance
