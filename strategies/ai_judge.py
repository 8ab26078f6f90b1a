"""The ai strategy's books of its own forecasts: what came of them, and whether they are still worth anything.

Every token keeps its share of rolling sums, weighed by age; together they are the rank correlation of scores
and returns, within each moment, and the AUC of the gate by classes of its probability.
"""

import math

from strategies.ai_features import FRESH
from strategies.ai_layout import (
    AUC_FLOOR,
    BINS,
    BY_AUC,
    BY_CORRELATION,
    CAME,
    DECAY_BARS,
    DUE_CHANCE,
    DUE_PLACE,
    FORECASTS,
    GATED,
    HORIZON,
    IC_FLOOR,
    JUDGED,
    LOST,
    NOT_OFF,
    OFF,
    OUTCOMES,
    PRODUCTS,
    RINGS,
    WON,
)
from strategies.ai_model import LEAST_TOKENS
from strategies.compiled import part
from strategies.layout import COUNT, OPEN, FloatBar, Floats


@part
def fall_due(state: Floats, params: Floats, bar: FloatBar) -> None:
    """Take the forecasts that end with this bar's open out of their rings; before the bar is counted."""
    length = int(params[HORIZON]) + 1
    count = int(state[COUNT])
    slot, opens = count % length, RINGS
    state[opens + slot] = bar[OPEN]
    places, chances = RINGS + length + slot, RINGS + 2 * length + slot
    state[DUE_PLACE], state[DUE_CHANCE] = state[places], state[chances]
    state[places], state[chances] = 0.0, 0.0
    then = state[opens + (count + 1) % length]  # The open of a horizon ago.
    state[CAME] = bar[OPEN] / then - 1.0 if then > 0.0 else 0.0


@part
def remember(state: Floats, params: Floats, place: float, chance: float) -> None:
    """A forecast on the bar that was just counted; chance below 0: the gate was not asked."""
    length = int(params[HORIZON]) + 1
    slot = (int(state[COUNT]) - 1) % length
    state[RINGS + length + slot] = place + 1.0
    state[RINGS + 2 * length + slot] = chance + 1.0 if chance >= 0.0 else 0.0


@part
def judge(states: Floats, params: Floats) -> int:
    """Book what has come of forecasts; why the strategy is off, if it is, for all tokens."""
    weight = 1.0 / params[DECAY_BARS]
    due = 0
    for one in range(len(states)):
        due += 1 if _is_due(states[one]) else 0
    for one in range(len(states)):
        state = states[one]
        if _is_due(state) and due >= LEAST_TOKENS:
            _judge_rank(state, _place_of_outcome(states, one, due), weight)
        if state[FRESH] != 0.0 and state[DUE_CHANCE] != 0.0:
            _judge_chance(state, weight)
    why = _why_off(states, params)
    for one in range(len(states)):
        states[one, OFF] = why
    return why


@part
def _is_due(state: Floats) -> bool:
    due: bool = state[FRESH] != 0.0 and state[DUE_PLACE] != 0.0
    return due


@part
def _place_of_outcome(states: Floats, one: int, due: int) -> float:
    below = 0.0
    for other in range(len(states)):
        if other != one and _is_due(states[other]):
            if states[other, CAME] < states[one, CAME]:
                below += 1.0
            elif states[other, CAME] == states[one, CAME]:
                below += 0.5
    return below / (due - 1)


@part
def _judge_rank(state: Floats, outcome: float, weight: float) -> None:
    forecast, came = state[DUE_PLACE] - 1.5, outcome - 0.5
    state[PRODUCTS] += weight * (forecast * came - state[PRODUCTS])
    state[FORECASTS] += weight * (forecast * forecast - state[FORECASTS])
    state[OUTCOMES] += weight * (came * came - state[OUTCOMES])
    state[JUDGED] += 1.0


@part
def _judge_chance(state: Floats, weight: float) -> None:
    for place in range(WON, LOST + BINS):
        state[place] *= 1.0 - weight
    column = min(BINS - 1, int((state[DUE_CHANCE] - 1.0) * BINS))
    state[(WON if state[CAME] > 0.0 else LOST) + column] += weight
    state[GATED] += 1.0


@part
def _why_off(states: Floats, params: Floats) -> int:
    """Once off it stays off.  Judged only on as many forecasts as the rolling figures remember."""
    judged, gated, why = 0.0, 0.0, NOT_OFF
    for one in range(len(states)):
        judged = max(judged, states[one, JUDGED])
        gated += states[one, GATED]
        why = max(why, int(states[one, OFF]))
    if why != NOT_OFF:
        return why
    if judged >= params[DECAY_BARS] and not pooled_correlation(states) >= params[IC_FLOOR]:
        return BY_CORRELATION
    if gated >= params[DECAY_BARS] and not pooled_auc(states) >= params[AUC_FLOOR]:
        return BY_AUC
    return NOT_OFF


@part
def pooled_correlation(states: Floats) -> float:
    """NaN as long as nothing was judged."""
    products, forecasts, outcomes = 0.0, 0.0, 0.0
    for one in range(len(states)):
        products += states[one, PRODUCTS]
        forecasts += states[one, FORECASTS]
        outcomes += states[one, OUTCOMES]
    spread = math.sqrt(forecasts * outcomes)
    return products / spread if spread > 0.0 else math.nan


@part
def pooled_auc(states: Floats) -> float:
    """NaN as long as there was nothing won, or nothing lost."""
    won, lost, lower, ranked = 0.0, 0.0, 0.0, 0.0
    for column in range(BINS):
        won_here, lost_here = 0.0, 0.0
        for one in range(len(states)):
            won_here += states[one, WON + column]
            lost_here += states[one, LOST + column]
        ranked += won_here * (lower + 0.5 * lost_here)
        won += won_here
        lost += lost_here
        lower += lost_here
    return ranked / (won * lost) if won > 0.0 and lost > 0.0 else math.nan
