"""Recordings into what a model learns from: the features of the live strategy, and what came after them.

The bars go through the very functions that trade (`after_tick`, `observe`, `ranked`), in the order of ticks.
What came after is entered at the open of the next bar, and left at the open a horizon later.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from actors.messages import Asset, Bar, Tick
from strategies.ai_features import (
    COUNT_OF_NAMES,
    END,
    FRESH,
    NAMES,
    READY,
    SPANS_OF_VOLATILITY,
    VALUES,
    observe,
    ranked,
)
from strategies.bars import Growing, after_tick
from strategies.layout import COUNT, Floats, floats_of

Integers = npt.NDArray[np.int64]
Moment = tuple[int, tuple[Bar, ...]]  # What ended at one tick.


class SampleError(ValueError):
    """Nothing can be learned from these recordings; the sentence says why and what to do."""


class Watched(Struct, frozen=True):
    """A row for each token at each moment at which it could be judged."""

    tokens: tuple[Asset, ...]
    moment: Integers  # Its number; rows of one number are compared with each other.
    at_ns: Integers
    token: Integers
    bar: Integers  # The token's own bars before this one.
    values: Floats  # (N, features): as they are, and ...
    ranks: Floats  # ... their places among the tokens.
    spans: Floats  # (N, 3): past volatilities.
    opens: tuple[Floats, ...]  # Of all bars of each token.
    closes: tuple[Floats, ...]


def moments_of(ticks: Iterable[Tick], timeframe_ns: int) -> list[Moment]:
    """Bars of the strategy's timeframe, by the tick at which they are known."""
    growing: Growing = {}
    found: list[Moment] = []
    for tick in ticks:
        growing, ended = after_tick(growing, tick, timeframe_ns)
        if ended:
            found.append((tick.at_ns, tuple(bar for big in ended for bar in big.bars)))
    return found


def watch(moments: Sequence[Moment], tokens: tuple[Asset, ...]) -> Watched:
    """What the strategy sees, moment by moment."""
    numbers = {token: number for number, token in enumerate(tokens)}
    states, ranks = np.zeros((len(tokens), END)), np.zeros((len(tokens), COUNT_OF_NAMES))
    opens: list[list[float]] = [[] for _ in tokens]
    closes: list[list[float]] = [[] for _ in tokens]
    rows: list[tuple[int, int, int, int]] = []
    parts: list[tuple[Floats, Floats, Floats]] = []
    for moment, (at_ns, bars) in enumerate(moments):
        for bar in bars:
            number, floats = numbers[bar.token], floats_of(bar)
            observe(states[number], floats)
            opens[number].append(floats[0])
            closes[number].append(floats[3])
        ranked(states, ranks)
        for one in np.flatnonzero((states[:, FRESH] != 0.0) & (states[:, READY] != 0.0)).tolist():
            state = states[one]
            rows.append((moment, at_ns, one, int(state[COUNT]) - 1))
            spans = state[SPANS_OF_VOLATILITY : SPANS_OF_VOLATILITY + 3]
            parts.append((state[VALUES : VALUES + COUNT_OF_NAMES].copy(), ranks[one].copy(), spans.copy()))
        states[:, FRESH] = 0.0
    moment_of, times, owner, bar_of = np.array(rows, np.int64).reshape(-1, 4).T
    values, places, spans = (
        np.array([part[kind] for part in parts]).reshape(len(rows), width)
        for kind, width in enumerate((COUNT_OF_NAMES, COUNT_OF_NAMES, 3))
    )
    prices = [tuple(np.array(each) for each in column) for column in (opens, closes)]
    return Watched(tokens, moment_of, times, owner, bar_of, values, places, spans, *prices)


Watching = Callable[[Sequence[Moment], tuple[Asset, ...]], Watched]


def looks_ahead(
    moments: Sequence[Moment], tokens: tuple[Asset, ...], whole: Watched, watching: Watching
) -> str:
    """Whether a feature depends on what comes after it: a sentence, or nothing.

    What is seen of a recording that ends early must be what is seen of the whole up to there.  It ends at
    three moments, for whatever looks one bar ahead shows in the last rows alone.
    """
    for part in (2, 3, 4) if len(whole.moment) else ():
        cut = int(whole.moment[len(whole.moment) * part // 5]) + 1
        if sentence := _difference(watching(moments[:cut], tokens), whole, cut):
            return sentence
    return ""


def _difference(part: Watched, whole: Watched, cut: int) -> str:
    rows = int(np.searchsorted(whole.moment, cut))
    if len(part.moment) != rows:
        return f"{rows} rows are seen of the whole and {len(part.moment)} of a part: a feature looks ahead"
    for what, mine, other in (("", part.values, whole.values), ("place of ", part.ranks, whole.ranks)):
        wrong = np.argwhere(mine != other[:rows])
        if len(wrong):
            row, column = wrong[0]
            moment = np.datetime64(int(whole.at_ns[row]), "ns").astype("datetime64[s]")
            return (
                f"the {what}{NAMES[column]} of {whole.tokens[whole.token[row]]} at {moment} depends on what "
                f"comes after it: the feature looks ahead; compute it from bars that have ended"
            )
    return ""


def samples_in(
    ticks: Iterable[Tick], tokens: tuple[Asset, ...], timeframe_ns: int, horizon: int, least_tokens: int
) -> "Samples":
    """What there is to learn.  SampleError if that is nothing, or if a feature looks ahead."""
    moments = moments_of(ticks, timeframe_ns)
    watched = watch(moments, tokens)
    if sentence := looks_ahead(moments, tokens, watched, watch):
        raise SampleError(sentence)
    return samples_of(watched, horizon, least_tokens)


class Samples(Struct, frozen=True):
    """The rows of a `Watched` whose horizon has passed, in the order of moments."""

    moment: Integers
    at_ns: Integers
    token: Integers
    known: Integers  # The moment at which what came after is known.
    ranks: Floats
    spans: Floats
    came: Floats  # The return over the horizon.
    place: Floats  # Of that among the tokens of the moment.
    moved: Floats  # The volatility over the horizon, a bar's.


def samples_of(watched: Watched, horizon: int, least_tokens: int) -> Samples:
    """SampleError if there are none."""
    came, moved = (np.full(len(watched.moment), np.nan) for _ in range(2))
    known = np.full(len(watched.moment), -1, np.int64)
    for number in range(len(watched.tokens)):
        mine = np.flatnonzero(watched.token == number)
        _after(watched, number, mine, horizon, came, moved, known)
    kept = np.flatnonzero(known >= 0)
    counts = np.bincount(watched.moment[kept]) if len(kept) else np.zeros(1, np.int64)
    kept = kept[counts[watched.moment[kept]] >= least_tokens]
    if not len(kept):
        raise SampleError(
            f"no moment has {least_tokens} tokens with enough history before it and {horizon} bars after it; "
            f"use longer recordings of more tokens, or a shorter --timeframe or --horizon"
        )
    moment, returns = watched.moment[kept], came[kept]
    return Samples(
        moment, watched.at_ns[kept], watched.token[kept], known[kept], watched.ranks[kept],
        watched.spans[kept], returns, _places(moment, returns), moved[kept],
    )  # fmt: skip


def _after(
    watched: Watched, number: int, mine: Integers, horizon: int, came: Floats, moved: Floats, known: Integers
) -> None:
    opens, closes = watched.opens[number], watched.closes[number]
    if not len(mine):
        return
    changes = np.concatenate([[0.0], (closes[1:] / closes[:-1] - 1.0) ** 2])
    sums = np.concatenate([[0.0], np.cumsum(changes)])
    bars = watched.bar[mine]
    fits = bars + 1 + horizon < len(opens)
    rows, bars = mine[fits], bars[fits]
    came[rows] = opens[bars + 1 + horizon] / opens[bars + 1] - 1.0
    moved[rows] = np.sqrt((sums[bars + 1 + horizon] - sums[bars + 1]) / horizon)
    at_bar = dict(zip(watched.bar[mine].tolist(), watched.moment[mine].tolist(), strict=True))
    last = int(watched.moment[-1])
    known[rows] = [at_bar.get(int(bar) + 1 + horizon, last) for bar in bars]


def _places(moment: Integers, values: Floats) -> Floats:
    found = np.zeros(len(values))
    for rows in groups(moment):
        own = values[rows]
        below = (own[None, :] < own[:, None]).sum(1) + ((own[None, :] == own[:, None]).sum(1) - 1) / 2.0
        found[rows] = below / max(1, len(own) - 1)
    return found


def groups(moment: Integers) -> Iterator[slice]:
    """The rows of each moment, which stand together."""
    edges = np.flatnonzero(np.diff(moment)) + 1
    for first, last in zip([0, *edges], [*edges, len(moment)], strict=True):
        yield slice(int(first), int(last))
