"""All strategies, by name and by number.  Compiled: only those that step import this."""

import math
from types import ModuleType

from storage.config import Settings
from strategies import ai, momentum, scalping
from strategies.ai_features import FRESH
from strategies.compiled import part
from strategies.kernel.tables import Table
from strategies.layout import AGE, HELD, LAST, MARK, FloatBar, Floats

MODULES: dict[str, ModuleType] = {"momentum": momentum, "scalping": scalping, "ai": ai}
COMPARE = frozenset({"ai"})  # They choose among tokens, after the bars of all.
SCRATCH = ai.SCRATCH  # The widest row that any of them wants to choose on.
KINDS = {name: kind for kind, name in enumerate(MODULES)}
MOMENTUM, SCALPING, AI = KINDS["momentum"], KINDS["scalping"], KINDS["ai"]


def timeframe_minutes(name: str, settings: Settings) -> int:
    return int(getattr(settings, name).timeframe_minutes)


def hold(state: Floats, held: bool) -> None:
    """Tell a strategy what is really held, where that is not what it last asked for.

    A wish may be refused, a swap may fail, and a position may be sold by a stop.  What the strategy measures
    from its entry is measured from here on.
    """
    if bool(state[HELD]) != held:
        state[HELD] = 1.0 if held else 0.0
        state[MARK] = state[LAST]
        state[AGE] = 0.0


@part
def step(kind: int, state: Floats, params: Floats, bar: FloatBar) -> float:
    """What each strategy's own `step` says."""
    if kind == MOMENTUM:
        return momentum.step(state, params, bar)
    if kind == SCALPING:
        return scalping.step(state, params, bar)
    if kind == AI:
        return ai.step(state, params, bar)
    return math.nan


@part
def together(minds: Table) -> tuple[int, int]:
    """The minds that choose only when all tokens have been looked at: they stand side by side."""
    first = 0
    while first < len(minds) and minds[first].kind != AI:
        first += 1
    last = first
    while last < len(minds) and minds[last].kind == AI:
        last += 1
    return first, last


@part
def choose(states: Floats, params: Floats, targets: Floats, scratch: Floats) -> bool:
    """After all bars of a tick; whether anything is wished for."""
    for place in range(len(states)):
        if states[place, FRESH] != 0.0:
            return ai.choose(states, params, targets, scratch)
    return False
