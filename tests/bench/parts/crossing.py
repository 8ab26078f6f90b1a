"""Two exponential averages, in while the faster is above: what every engine of the benchmark plays."""

import math

from strategies.compiled import compiled, part
from strategies.kernel.loop import turns
from strategies.kernel.tables import LIKE_DESK, LIKE_TAPE, Desk, Tape
from strategies.layout import CLOSE, COMMON, COUNT, HELD

FAST, SLOW = 20, 100


@part
def crossing(kind, state, params, bar):
    close = bar[CLOSE]
    if state[COUNT] == 0.0:
        state[COMMON] = state[COMMON + 1] = close
    else:
        state[COMMON] += 2.0 / (FAST + 1) * (close - state[COMMON])
        state[COMMON + 1] += 2.0 / (SLOW + 1) * (close - state[COMMON + 1])
    state[COUNT] += 1.0
    above = 1.0 if state[COMMON] > state[COMMON + 1] else 0.0
    if state[COUNT] < SLOW or above == state[HELD]:
        return math.nan
    state[HELD] = above
    return above


@compiled(LIKE_TAPE, LIKE_DESK)
def cross(tape: Tape, desk: Desk) -> None:
    turns(crossing, tape, desk)
