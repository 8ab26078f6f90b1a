"""A backtest's fills and equity as figures, and as what can be written beside: JSON and CSV.  Pure."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from actors.messages import Rebalanced, Side
from storage.amounts import shown
from strategies.backtest import Fill, Result
from strategies.kernel.tables import Integers
from strategies.metrics import Curve, Deals, Floats, Trip, curve_of, deals_of, grid_of, grouped

GROUPS: dict[str, Callable[[Trip], str]] = {
    "strategy": lambda trip: trip.strategy,
    "token": lambda trip: trip.token,
    "chain": lambda trip: trip.chain,
}


class Figures(Struct, frozen=True):
    """All that a backtest came to; amounts are in quote units."""

    recording: str
    strategies: tuple[str, ...]
    orders: int
    outcomes: dict[str, int]
    open_positions: int  # At the end: in the equity at the last close, and not among the trades.
    stray_fees: int  # Gas of buys that came to nothing: no trade has them.
    account: dict[str, int]
    refused: dict[str, dict[str, int]]
    curve: Curve
    hold: Curve  # The same money in equal parts in all tokens from the first close on, without costs.
    all: Deals
    groups: dict[str, dict[str, Deals]]
    rebalances: tuple[Rebalanced, ...] = ()  # Of a mix.


def figures_of(result: Result) -> Figures:
    trips, capital = trips_of(result.fills), result.account["deposits"]
    moments, bar_ns = result.recorded.tape.moments, result.recorded.bar_ns
    span_ns = int(moments[-1] - moments[0])
    landed = {fill.entry for fill in result.fills if fill.side is Side.BUY and fill.outcome == "landed"}
    return Figures(
        recording=result.recorded.name, strategies=result.strategies, orders=len(result.fills),
        outcomes=_counted(fill.outcome for fill in result.fills),
        open_positions=len(landed) - len(trips),
        stray_fees=sum(fill.fee for fill in result.fills if fill.entry not in landed),
        account=result.account, refused=result.refused,
        curve=curve_of(evenly(result.equity, moments, bar_ns), bar_ns, held(result)),
        hold=curve_of(evenly(holding(result), moments, bar_ns), bar_ns),
        all=deals_of(trips, capital, span_ns),
        groups={name: grouped(trips, by, capital, span_ns) for name, by in GROUPS.items()},
        rebalances=result.rebalances,
    )  # fmt: skip


def _counted(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


# -- trades --
def trips_of(fills: Iterable[Fill]) -> tuple[Trip, ...]:
    """Positions that were sold to the last unit, in the order of their buys."""
    groups: dict[int, list[Fill]] = {}
    for fill in fills:
        groups.setdefault(fill.entry, []).append(fill)
    return tuple(trip for members in groups.values() if (trip := _trip(members)))


def _trip(members: list[Fill]) -> Trip | None:
    """The buy comes first; what follows are sells of the same position."""
    buy, sells = members[0], [fill for fill in members[1:] if fill.outcome == "landed"]
    if buy.outcome != "landed" or sum(fill.amount_in for fill in sells) != buy.amount_out:
        return None
    return Trip(
        strategy=buy.strategy, token=buy.token, chain=buy.token.partition(":")[0], opened_ns=buy.done_ns,
        closed_ns=sells[-1].done_ns, cost=buy.amount_in, proceeds=sum(fill.amount_out for fill in sells),
        fees=sum(fill.fee for fill in members), slipped=sum(map(slipped, [buy, *sells])),
    )  # fmt: skip


def slipped(fill: Fill) -> float:
    """Quote units that a fill gave less than the close at its decision would have; 0 if there was none."""
    if math.isnan(fill.expected):
        return 0.0
    less = fill.expected - fill.amount_out
    return less / fill.expected * fill.amount_in if fill.side is Side.BUY else less


# -- curves --
def evenly(values: Floats, moments: Integers, bar_ns: int) -> Floats:
    """At every bar from the first to the last: where there is none, the last value that there was."""
    at: Floats = values[np.searchsorted(moments, grid_of(moments, bar_ns), side="right") - 1]
    return at


def closes_of(result: Result) -> Iterator[Floats]:
    """Of each token at each moment; before its first bar, that bar's."""
    tape = result.recorded.tape
    moment_of = np.repeat(np.arange(len(tape.moments)), np.diff(tape.firsts))
    for number in range(len(result.recorded.instruments)):
        own = tape.bars.token == number
        places = np.searchsorted(moment_of[own], np.arange(len(tape.moments)), side="right") - 1
        yield tape.bars.close[own][np.maximum(places, 0)]


def holding(result: Result) -> Floats:
    parts = [closes / closes[0] for closes in closes_of(result)]
    return np.asarray(np.mean(parts, axis=0) * result.account["deposits"])


def held(result: Result) -> Floats:
    """What is in positions at every bar, at cost."""
    moments, bar_ns = result.recorded.tape.moments, result.recorded.bar_ns
    changes = np.zeros(len(moments))
    for fill in result.fills:
        if fill.outcome == "landed":
            place = int(np.searchsorted(moments, fill.done_ns))
            changes[place] += fill.amount_in if fill.side is Side.BUY else -fill.cost
    return evenly(np.cumsum(changes), moments, bar_ns)


# -- to write --
def as_json(figures: Figures, settings: Any) -> bytes:
    """Infinite figures, and those that do not exist, become null."""
    written = {"figures": figures, "settings": settings}
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(written)), indent=2)


def fills_as_csv(result: Result) -> str:
    """One order a row; amounts as exact decimals."""
    decimals = {each.token: each.token_decimals for each in result.recorded.instruments}
    quote = result.settings.paper.quote_decimals
    names = "number at strategy token side reason amount_in outcome done amount_out fee"
    rows = [names.split()]
    for fill in result.fills:
        ins, outs = (quote, decimals[fill.token]) if fill.side is Side.BUY else (decimals[fill.token], quote)
        rows.append([
            str(fill.number), _time(fill.at_ns), fill.strategy, fill.token, fill.side.value, fill.reason,
            shown(fill.amount_in, ins), fill.outcome, _time(fill.done_ns) if fill.done_ns else "",
            shown(fill.amount_out, outs), shown(fill.fee, quote),
        ])  # fmt: skip
    return _csv(rows)


def equity_as_csv(result: Result) -> str:
    """At every moment, in whole quote tokens."""
    scale = 10.0**result.settings.paper.quote_decimals
    at = np.datetime_as_string(result.recorded.tape.moments.view("datetime64[ns]"), "s").tolist()
    series = zip(at, (result.equity / scale).tolist(), (holding(result) / scale).tolist(), strict=True)
    rows = [f"{moment}Z,{own!r},{other!r}" for moment, own, other in series]
    return "\n".join(["at,equity,buy_and_hold", *rows, ""])


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _time(at_ns: int) -> str:
    return str(np.datetime64(int(at_ns), "ns").astype("datetime64[s]")) + "Z"
