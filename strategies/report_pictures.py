"""The pictures of a report: equity, drawdown, exposure, contributions, budgets, trades on prices.  Pure."""

from collections.abc import Iterator, Sequence

import numpy as np

from actors.messages import BPS, PRICE_SCALE, Side
from storage.amounts import shown
from strategies.backtest import Fill, Result
from strategies.metrics import drawdowns, grid_of
from strategies.report_charts import Leg, Line, Look, Mark, chart
from strategies.report_html import percent
from strategies.report_shares import grown
from strategies.results import Figures, evenly, held, holding, trips_of


def scale_of(result: Result) -> float:
    return float(10.0**result.settings.paper.quote_decimals)


def curves(result: Result, figures: Figures) -> Iterator[str]:
    moments, quote = result.recorded.tape.moments, result.settings.paper.quote
    own, hold = result.equity / scale_of(result), holding(result) / scale_of(result)
    made, kept = (percent(each.total_return) for each in (figures.curve, figures.hold))
    lines = [Line(f"buy and hold {kept}", hold, "hold"), Line(f"backtest {made}", own, "own")]
    yield chart(f"Equity, {quote}", moments, lines)
    falls = [drawdowns(each) * -100.0 for each in (hold, own)]
    names = (f"{name}, at worst {percent(float(each.min()) / 100.0)}"
             for name, each in zip(("buy and hold", "backtest"), falls, strict=True))  # fmt: skip
    below = [Line(name, each, css, area=True)
             for name, each, css in zip(names, falls, ("hold", "own"), strict=True)]  # fmt: skip
    yield chart("Drawdown below the highest value so far", moments, below,
                Look(height=180, unit="%", high=0.0, low=-1.0))  # fmt: skip


def exposure(result: Result) -> str:
    moments, bar_ns = result.recorded.tape.moments, result.recorded.bar_ns
    share = held(result) / evenly(result.equity, moments, bar_ns)
    line = Line(f"in positions, {percent(float(share.mean()))} on average", share * 100.0, "own", area=True)
    return chart("Exposure, at cost, of the equity", grid_of(moments, bar_ns), [line],
                 Look(height=140, unit="%", low=0.0, high=10.0))  # fmt: skip


def contributions(result: Result) -> str:
    lines = [
        Line(name, grown(result, name) / scale_of(result), f"s{number}")
        for number, name in enumerate(result.strategies)
    ]
    title = f"What each strategy has added, {result.settings.paper.quote}"
    return chart(title, result.recorded.tape.moments, lines, Look(height=200))


def budgets(result: Result) -> str:
    """As steps: a budget holds until the next one."""
    moments, mix = result.recorded.tape.moments, result.settings.mix
    at = [int(moments[0]), *(each.at_ns for each in result.rebalances), int(moments[-1])]
    lines = []
    for number, name in enumerate(result.strategies):
        shares = [mix.start()[name], *(each.budgets[name] for each in result.rebalances)]
        values = np.repeat(np.array(shares) / BPS * 100.0, 2)
        lines.append(Line(f"{name}, at last {percent(shares[-1] / BPS)}", values, f"s{number}"))
    steps = np.repeat(np.array(at), 2)[1:-1]
    return chart("Budgets, of the deposits", steps, lines, Look(height=160, unit="%", low=0.0))


# -- trades --
def prices(result: Result) -> Iterator[str]:
    tape, legs = result.recorded.tape, legs_of(result)
    moment_of, scale = np.repeat(tape.moments, np.diff(tape.firsts)), PRICE_SCALE * scale_of(result)
    span = (int(tape.moments[0]), int(tape.moments[-1]))
    for number, instrument in enumerate(result.recorded.instruments):
        own = tape.bars.token == number
        fills = [fill for fill in result.fills if fill.token == instrument.token and fill.outcome == "landed"]
        marks = [_mark(fill, result, instrument.token_decimals) for fill in fills]
        look = Look(height=220, marks=marks, legs=legs.get(instrument.token, ()), span=span)
        title = f"{instrument.token} in {result.settings.paper.quote}, {_count(fills)}"
        yield chart(title, moment_of[own], [Line("close", tape.bars.close[own] / scale, "price")], look)


def _count(fills: Sequence[Fill]) -> str:
    buys = sum(fill.side is Side.BUY for fill in fills)
    return f"{buys} bought, {len(fills) - buys} sold" if fills else "not traded"


def legs_of(result: Result) -> dict[str, list[Leg]]:
    """A line for each position that was closed, by its token."""
    entries = {fill.entry: fill for fill in result.fills if fill.side is Side.BUY}
    exits = {fill.entry: fill for fill in result.fills if fill.side is Side.SELL and fill.outcome == "landed"}
    won = {(trip.token, trip.opened_ns): trip.result > 0 for trip in trips_of(result.fills)}
    decimals = {each.token: each.token_decimals for each in result.recorded.instruments}
    found: dict[str, list[Leg]] = {}
    for entry, last in exits.items():
        first = entries[entry]
        key = (first.token, first.done_ns)
        if key in won:
            bought, sold = (price_of(fill, result, decimals[fill.token]) for fill in (first, last))
            leg = Leg(first.done_ns, last.done_ns, bought, sold, won[key])
            found.setdefault(first.token, []).append(leg)
    return found


def price_of(fill: Fill, result: Result, decimals: int) -> float:
    buys = fill.side is Side.BUY
    paid, got = (fill.amount_in, fill.amount_out) if buys else (fill.amount_out, fill.amount_in)
    return (paid / scale_of(result)) / (got / 10.0**decimals)


def _mark(fill: Fill, result: Result, decimals: int) -> Mark:
    price, buys = price_of(fill, result, decimals), fill.side is Side.BUY
    paid = shown(fill.amount_in if buys else fill.amount_out, result.settings.paper.quote_decimals)
    at = str(np.datetime64(fill.done_ns, "ns").astype("datetime64[m]")).replace("T", " ")
    words = f"{at} {fill.strategy}: {fill.side.value}, {fill.reason}, {paid} at {price:,.6g}"
    return Mark(fill.done_ns, price, buys, words)
