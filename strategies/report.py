"""A backtest as one HTML page that fetches nothing: what it came to, how much is luck, what it cost.  Pure.

Every text that comes from outside (names of files, tokens, settings) is escaped.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from actors.messages import PRICE_SCALE, Side
from storage.amounts import shown
from strategies.backtest import Fill, Result
from strategies.deflated import deflated, luckiest, moments_of
from strategies.kernel.digits import Integers
from strategies.metrics import Deals, Floats, daily, drawdowns, returns_of
from strategies.report_charts import Line, Mark, chart
from strategies.results import Figures, evenly, held, holding

STYLE = """
:root{color-scheme:light dark;--own:#1668dc;--hold:#b8860b;--price:#777;--buy:#188038;--sell:#c5221f}
body{font:15px/1.45 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:.6em 0}th,td{padding:.15em .7em;text-align:right;
border-bottom:1px solid #8884}th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}
figure{margin:1em 0}svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}
polyline{fill:none;stroke-width:1.2}.grid{stroke:#8884}span.own{color:var(--own)}
span.hold{color:var(--hold)}span.price{color:var(--price)}polyline.own{stroke:var(--own)}
polyline.hold{stroke:var(--hold)}polyline.price{stroke:var(--price)}
polygon.buy{fill:var(--buy)}polygon.sell{fill:var(--sell)}.minus{color:var(--sell)}
"""


class Trials(Struct, frozen=True):
    """How often parameters were tried before these were shown."""

    count: int = 1
    spread: float = 0.0  # The variance of their daily Sharpe ratios.
    source: str = ""  # Where that is known from; "": nobody said that there were others.


class Share(Struct, frozen=True):
    """What a strategy, or another group, did to the capital; amounts in quote units."""

    realised: int  # Sales less what was sold had cost, and less gas, of orders that came to nothing too.
    open: float  # Positions at their last close, less what they cost.

    @property
    def whole(self) -> float:
        return self.realised + self.open


def page(result: Result, figures: Figures, trials: Trials, files: Mapping[str, str]) -> str:
    """`files`: fingerprints of what was read, by name."""
    title = f"Backtest of {', '.join(result.strategies)}"
    body = [
        f"<h1>{escape(title)}</h1><p>{escape(figures.recording)}</p>",
        *_summary(result, figures, trials), *_curves(result), *_prices(result),
        "<h2>Month by month</h2>", *_months(result), "<h2>What each strategy did</h2>",
        *_contributions(result, figures), "<h2>Parameters</h2>", *_parameters(result),
        "<h2>Data</h2>", table(["file", "SHA-256"], files.items()),
    ]  # fmt: skip
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _cell(value: object) -> str:
    text = escape(str(value))
    return f'<td class="minus">{text}</td>' if text.startswith("-") and len(text) > 1 else f"<td>{text}</td>"


def percent(value: float) -> str:
    return f"{value:.2%}" if math.isfinite(value) else "-"


def number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.2f}"


# -- what it came to --
def certainty(result: Result, trials: Trials) -> float:
    """The deflated Sharpe ratio; NaN where there is no ratio."""
    equity = evenly(result.equity, result.recorded.tape.moments, result.recorded.bar_ns)
    return deflated(
        moments_of(returns_of(daily(equity, result.recorded.bar_ns))), trials.count, trials.spread
    )


def _summary(result: Result, figures: Figures, trials: Trials) -> Iterator[str]:
    own, hold, deals = figures.curve, figures.hold, figures.all
    scale = 10.0**result.settings.paper.quote_decimals
    rows = [
        ("return", percent(own.total_return), percent(hold.total_return)),
        ("a year (CAGR)", percent(own.cagr), percent(hold.cagr)),
        ("volatility a year", percent(own.volatility), percent(hold.volatility)),
        ("Sharpe", number(own.sharpe), number(hold.sharpe)),
        ("Sortino", number(own.sortino), number(hold.sortino)),
        ("Calmar", number(own.calmar), number(hold.calmar)),
        ("max drawdown", percent(own.max_drawdown), percent(hold.max_drawdown)),
        ("longest drawdown, days", number(own.drawdown_days), number(hold.drawdown_days)),
        ("CVaR 95 % a day", percent(own.cvar_95), percent(hold.cvar_95)),
        ("mean exposure", percent(own.exposure), "100.00%"),
        ("trades", deals.count, ""), ("won", percent(deals.win_rate), ""),
        ("profit factor", number(deals.profit_factor), ""),
        ("gas", number((deals.fees + figures.stray_fees) / scale), ""),
        ("cost share of what was made", percent(deals.cost_share), ""),
        ("turnover a year", number(deals.turnover), ""),
        ("deflated Sharpe ratio", percent(certainty(result, trials)), ""),
    ]  # fmt: skip
    yield table(["", "backtest", "buy and hold"], rows)
    yield f"<p>{escape(_luck(trials))}</p>"


def _luck(trials: Trials) -> str:
    source = f" (from {trials.source})" if trials.source else ", as nobody named a sweep"
    return (
        f"The deflated Sharpe ratio counts {trials.count} trials{source}: how likely it is that the true "
        f"ratio is above the {luckiest(trials.count, trials.spread):.3f} a day that the luckiest of so many "
        f"worthless ones is expected to show (Bailey and Lopez de Prado, 2014).  Below 95 % call it luck."
    )


# -- curves --
def _curves(result: Result) -> Iterator[str]:
    moments, scale = result.recorded.tape.moments, 10.0**result.settings.paper.quote_decimals
    own, hold = result.equity / scale, holding(result) / scale
    yield chart(
        f"Equity, {result.settings.paper.quote}", moments,
        [Line("buy and hold", hold, "hold"), Line("backtest", own, "own")],
    )  # fmt: skip
    below = [Line(name, drawdowns(values) * -100.0, css) for name, values, css in
             (("buy and hold", hold, "hold"), ("backtest", own, "own"))]  # fmt: skip
    yield chart("Drawdown, %", moments, below)
    bar_ns = result.recorded.bar_ns
    grid = np.arange(moments[0], moments[-1] + 1, bar_ns)
    share = held(result) / evenly(result.equity, moments, bar_ns) * 100.0
    yield chart("Exposure, % of the equity at cost", grid, [Line("in positions", share, "own")])


def _prices(result: Result) -> Iterator[str]:
    tape = result.recorded.tape
    moment_of = np.repeat(tape.moments, np.diff(tape.firsts))
    for index, instrument in enumerate(result.recorded.instruments):
        own = tape.bars.token == index
        scale = PRICE_SCALE * 10.0**result.settings.paper.quote_decimals
        closes = tape.bars.close[own] / scale
        fills = [fill for fill in result.fills if fill.token == instrument.token]
        marks = [_mark(fill, result, instrument.token_decimals) for fill in fills if fill.outcome == "landed"]
        line = Line("close", closes, "price")
        yield chart(
            f"{instrument.token} in {result.settings.paper.quote}, and trades", moment_of[own], [line], marks
        )


def _mark(fill: Fill, result: Result, decimals: int) -> Mark:
    quote, buys = result.settings.paper.quote_decimals, fill.side is Side.BUY
    paid, got = (fill.amount_in, fill.amount_out) if buys else (fill.amount_out, fill.amount_in)
    price = (paid / 10.0**quote) / (got / 10.0**decimals)
    words = f"{fill.strategy}: {fill.side.value}, {fill.reason}, {shown(paid, quote)} at {price:,.6g}"
    return Mark(fill.done_ns, price, buys, words)


# -- months --
def monthly(values: Floats, moments: Integers) -> dict[str, float]:
    """The return of each calendar month (UTC), from the last value of the month before it."""
    months = moments.view("datetime64[ns]").astype("datetime64[M]")
    last = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    before = np.concatenate([values[:1], values[last[:-1]]])
    made = values[last] / before - 1.0
    return dict(zip(months[last].astype(str).tolist(), made.tolist(), strict=True))


def _months(result: Result) -> Iterator[str]:
    moments = result.recorded.tape.moments
    own, hold = monthly(result.equity, moments), monthly(holding(result), moments)
    yield table(["month", "backtest", "buy and hold"], [(m, percent(own[m]), percent(hold[m])) for m in own])


# -- contributions --
def shares(result: Result) -> dict[str, Share]:
    """By strategy; together they are what the equity has grown by."""
    return {name: _share(result, name) for name in result.strategies}


def _share(result: Result, strategy: str) -> Share:
    fills = [fill for fill in result.fills if fill.strategy == strategy]
    landed = [fill for fill in fills if fill.outcome == "landed"]
    sold = sum(fill.amount_out - fill.cost for fill in landed if fill.side is Side.SELL)
    cost = quantity_value = 0.0
    last = last_closes(result)
    for fill in landed:
        buys = fill.side is Side.BUY
        cost += fill.amount_in if buys else -fill.cost
        quantity_value += (fill.amount_out if buys else -fill.amount_in) * last[fill.token]
    return Share(sold - sum(fill.fee for fill in fills), quantity_value - cost)


def last_closes(result: Result) -> dict[str, float]:
    """Quote units for one base unit of each token."""
    bars, found = result.recorded.tape.bars, dict[str, float]()
    for index, instrument in enumerate(result.recorded.instruments):
        close = float(bars.close[bars.token == index][-1])
        found[instrument.token] = close / (PRICE_SCALE * 10.0**instrument.token_decimals)
    return found


def _contributions(result: Result, figures: Figures) -> Iterator[str]:
    capital, scale = result.account["deposits"], 10.0**result.settings.paper.quote_decimals
    rows = []
    for name, share in shares(result).items():
        deals: Deals | None = figures.groups["strategy"].get(name)
        rows.append((
            name, percent(share.whole / capital), number(share.realised / scale), number(share.open / scale),
            *((deals.count, percent(deals.win_rate), percent(deals.cost_share)) if deals else (0, "-", "-")),
        ))  # fmt: skip
    head = ["strategy", "of the capital", "realised", "open", "trades", "won", "cost share"]
    yield table(head, rows)


# -- parameters --
def _parameters(result: Result) -> Iterator[str]:
    for name in (*result.strategies, "exits", "limits", "paper", "recording"):
        settings: dict[str, Any] = msgspec.to_builtins(getattr(result.settings, name))
        yield table([f"[{name}]", ""], settings.items())
