"""A strategy whose parameters hold what the market does next: the commonest mistake there is."""

import math

from strategies.compiled import compiled, part
from strategies.kernel.loop import turns
from strategies.kernel.tables import LIKE_DESK, LIKE_TAPE, Desk, Tape
from strategies.layout import CLOSE, COUNT, HELD, LAST


@compiled(LIKE_TAPE, LIKE_DESK)
def looking(tape: Tape, desk: Desk) -> None:
    turns(ahead, tape, desk)


@part
def ahead(kind, state, params, bar):
    count = int(state[COUNT])
    state[COUNT] += 1.0
    state[LAST] = bar[CLOSE]
    if count + 1 >= len(params):
        return math.nan
    rises = params[count + 1] > params[count] * 1.002
    if rises == (state[HELD] != 0.0):
        return math.nan
    state[HELD] = 1.0 if rises else 0.0
    return state[HELD]
