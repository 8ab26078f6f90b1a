"""The tables of a report: what it came to, months, drawdowns, costs, trades, parameters.  Pure."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from strategies.backtest import Result
from strategies.kernel.tables import Integers
from strategies.metrics import DAY_NS, Deals, Floats, Trip, drawdowns
from strategies.report_html import (
    NONE,
    Cell,
    Value,
    cards,
    day,
    gain,
    gained,
    number,
    percent,
    shade,
    table,
)
from strategies.report_luck import Trials, certainty, told
from strategies.report_pictures import scale_of
from strategies.report_shares import Costs, costs_of, shares
from strategies.results import Figures, holding, trips_of

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FEW = 5  # Drawdowns; and trades, of the best and of the worst.


# -- what it came to --
def in_short(result: Result, figures: Figures, trials: Trials) -> Iterator[str]:
    own, hold, deals = figures.curve, figures.hold, figures.all
    luck = certainty(result, trials)
    yield cards([
        ("return", gain(own.total_return), f"buy and hold {percent(hold.total_return)}"),
        ("max drawdown", percent(own.max_drawdown), f"buy and hold {percent(hold.max_drawdown)}"),
        ("Sharpe", number(own.sharpe), f"buy and hold {number(hold.sharpe)}"),
        ("trades", deals.count, f"{percent(deals.win_rate, 0)} won"),
        ("cost share", percent(deals.cost_share, 0), "of what was made before costs"),
        ("deflated Sharpe ratio", percent(luck, 0), f"{trials.count} tried; below 95 % call it luck"),
    ])  # fmt: skip


def summary(result: Result, figures: Figures) -> Iterator[str]:
    own, hold, deals = figures.curve, figures.hold, figures.all
    scale = scale_of(result)
    rows: list[tuple[Value, ...]] = [
        ("return", gain(own.total_return), gain(hold.total_return)),
        ("a year (CAGR)", gain(own.cagr), gain(hold.cagr)),
        ("volatility a year", percent(own.volatility), percent(hold.volatility)),
        ("Sharpe", number(own.sharpe), number(hold.sharpe)),
        ("Sortino", number(own.sortino), number(hold.sortino)),
        ("Calmar", number(own.calmar), number(hold.calmar)),
        ("max drawdown", percent(own.max_drawdown), percent(hold.max_drawdown)),
        ("longest drawdown, days", number(own.drawdown_days), number(hold.drawdown_days)),
        ("VaR 95 % a day", percent(own.var_95), percent(hold.var_95)),
        ("CVaR 95 % a day", percent(own.cvar_95), percent(hold.cvar_95)),
        ("mean exposure", percent(own.exposure), percent(1.0)),
    ]
    yield f'<div class="beside">{table(["", "backtest", "buy and hold"], rows)}'
    yield table(["trades", ""], [
        ("closed", deals.count), ("still open", figures.open_positions), ("won", percent(deals.win_rate)),
        ("profit factor", number(deals.profit_factor)),
        ("mean result", gained(number(deals.expectancy / scale), deals.expectancy)),
        ("mean win", number(deals.mean_win / scale)), ("mean loss", number(deals.mean_loss / scale)),
        ("most wins in a row", deals.most_wins), ("most losses in a row", deals.most_losses),
        ("mean hours held", number(deals.mean_hours)), ("turnover a year", number(deals.turnover)),
        ("orders", Cell(_outcomes(figures), "wrap")),
        ("wishes refused", sum(sum(row.values()) for row in figures.refused.values())),
    ])  # fmt: skip
    yield "</div>"


def _outcomes(figures: Figures) -> str:
    return ", ".join(f"{count} {name}" for name, count in figures.outcomes.items()) or NONE


def luck(trials: Trials) -> str:
    return f"<p>{escape(told(trials))}</p>"


# -- months --
def monthly(values: Floats, moments: Integers) -> dict[str, float]:
    """The return of each calendar month (UTC), from the last value of the month before it."""
    months = moments.view("datetime64[ns]").astype("datetime64[M]")
    last = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    before = np.concatenate([values[:1], values[last[:-1]]])
    made = values[last] / before - 1.0
    return dict(zip(months[last].astype(str).tolist(), made.tolist(), strict=True))


def months(result: Result) -> str:
    """A row a month; of more than a year, a row a year."""
    moments = result.recorded.tape.moments
    own, hold = monthly(result.equity, moments), monthly(holding(result), moments)
    if len(own) <= len(MONTHS):
        rows = [(month, shade(own[month]), shade(hold[month])) for month in own]
        return table(["month", "backtest", "buy and hold"], rows, "months")
    rows_of_years = [row for year in sorted({month[:4] for month in own})
                     for row in (_year(year, year, own), _year(f"{year}, held", year, hold))]  # fmt: skip
    return table(["", *MONTHS, "year"], rows_of_years, "months")


def _year(title: str, year: str, made: Mapping[str, float]) -> tuple[Value, ...]:
    found = [made.get(f"{year}-{number:02}") for number in range(1, 13)]
    whole = float(np.prod([1.0 + each for each in found if each is not None])) - 1.0
    return (title, *("" if each is None else shade(each, 1) for each in found), shade(whole, 1))


# -- drawdowns --
def falls(result: Result) -> str:
    """The deepest: from a peak to where it was reached again."""
    moments, below = result.recorded.tape.moments, drawdowns(result.equity)
    at_peak = np.flatnonzero(below <= 0.0)
    edges = np.append(at_peak, len(below))
    stretches = [(int(first), int(after)) for first, after in pairwise(edges)
                 if after > first + 1]  # fmt: skip
    deepest = sorted(stretches, key=lambda each: -float(below[each[0] : each[1]].max()))[:FEW]
    rows = []
    for first, after in deepest:
        bottom = first + int(below[first:after].argmax())
        last = min(after, len(moments) - 1)
        until = day(_at(moments[after])) if after < len(moments) else "not yet"
        days = float(moments[last] - moments[first]) / DAY_NS
        rows.append((day(_at(moments[first])), day(_at(moments[bottom])), until, number(days),
                     Cell(percent(-float(below[bottom])), "loss")))  # fmt: skip
    return table(["from", "deepest", "reached again", "days", "drawdown"], rows)


def _at(at_ns: int) -> str:
    return str(np.datetime64(int(at_ns), "ns").astype("datetime64[s]"))


# -- contributions and costs --
def contributions(result: Result, figures: Figures) -> str:
    capital, scale = result.account["deposits"], scale_of(result)
    rows: list[tuple[Value, ...]] = []
    for name, share in shares(result).items():
        deals = figures.groups["strategy"].get(name)
        rows.append((
            name, gain(share.whole / capital), gained(number(share.realised / scale), share.realised),
            gained(number(share.open / scale), share.open), *_deals(deals),
            sum(figures.refused.get(name, {}).values()),
        ))  # fmt: skip
    head = ["strategy", "of the capital", "realised", "open", *DEALS, "refused"]
    return table(head, rows)


DEALS = ("trades", "won", "profit factor", "turnover a year", "cost share")


def _deals(deals: Deals | None) -> tuple[Value, ...]:
    if deals is None:
        return (0, *[NONE] * (len(DEALS) - 1))
    return (
        deals.count, percent(deals.win_rate), number(deals.profit_factor), number(deals.turnover),
        percent(deals.cost_share),
    )  # fmt: skip


def groups(result: Result, figures: Figures) -> Iterator[str]:
    """By token, and by chain where there are several."""
    scale = scale_of(result)
    for name in ("token", "chain"):
        found = figures.groups[name]
        if found and (name == "token" or len(found) > 1):
            rows = [(each, gained(number(deals.result / scale), deals.result), *_deals(deals))
                    for each, deals in found.items()]  # fmt: skip
            yield table([name, "result", *DEALS], rows)


def costs(result: Result, figures: Figures) -> Iterator[str]:
    scale, trips = scale_of(result), list(trips_of(result.fills))
    named = {name: [trip for trip in trips if trip.strategy == name] for name in result.strategies}
    whole = {"all": trips, **(named if len(named) > 1 else {})}
    found = {name: costs_of(each) for name, each in whole.items() if each}
    if not found:
        yield "<p>No position was closed, so nothing can be said of costs.</p>"
        return
    rows = [_cost(name, each, scale) for name, each in found.items()]
    yield table(
        ["", "made before costs", "swaps", "gas", "left", "cost share", "bp of what was swapped"], rows
    )
    yield _bar(found["all"])
    stray = number(figures.stray_fees / scale)
    yield (
        '<p class="quiet">Swaps: what fills gave less than the price at the decision: pool fee, impact, and '
        f"the move until the fill.  Gas of buys that came to nothing, in no trade: {stray}.</p>"
    )


def _cost(name: str, costs: Costs, scale: float) -> tuple[Value, ...]:
    spent = costs.slipped + costs.gas
    share = percent(spent / costs.before, 1) if costs.before > 0 else NONE
    return (
        name, gained(number(costs.before / scale), costs.before), number(costs.slipped / scale),
        number(costs.gas / scale), gained(number(costs.left / scale), costs.left), share,
        number(spent / costs.swapped * 10_000),
    )  # fmt: skip


def _bar(costs: Costs) -> str:
    """Of what was made before costs, what they took; nothing where nothing was made."""
    if costs.before <= 0 or costs.slipped < 0:
        return ""
    parts = [("s2", costs.slipped, "swaps"), ("hold", float(costs.gas), "gas"), ("gain", costs.left, "left")]
    whole = max(costs.before, costs.slipped + costs.gas)
    spans = "".join(f'<span class="{css}" style="width:{max(0.0, part) / whole:.2%}"></span>'
                    for css, part, _ in parts)  # fmt: skip
    keys = "".join(f'<span class="key {css}">{name}</span>' for css, part, name in parts if part > 0)
    return f'<figure><div class="bar">{spans}</div><figcaption>{keys}</figcaption></figure>'


# -- trades --
def trades(result: Result) -> Iterator[str]:
    ordered = sorted(trips_of(result.fills), key=lambda trip: trip.result)
    reasons = {(str(fill.token), fill.done_ns): fill.reason for fill in result.fills if fill.side == "sell"}
    worst = [trip for trip in ordered if trip.result <= 0][:FEW]
    best = [trip for trip in ordered[::-1] if trip.result > 0][:FEW]
    for title, some in (("The best", best), ("The worst", worst)):
        if some:
            yield f"<h3>{title}</h3>" + table(
                ["token", "strategy", "bought", "hours", "sold for", "result", "of its cost"],
                [_trade(trip, reasons, scale_of(result)) for trip in some],
            )


def _trade(trip: Trip, reasons: Mapping[tuple[str, int], str], scale: float) -> tuple[Value, ...]:
    return (
        trip.token, trip.strategy, day(_at(trip.opened_ns)),
        number((trip.closed_ns - trip.opened_ns) / 3.6e12), reasons[trip.token, trip.closed_ns],
        gained(number(trip.result / scale), trip.result), gain(trip.result / trip.cost),
    )  # fmt: skip


# -- parameters --
def parameters(result: Result) -> Iterator[str]:
    settings = result.settings
    names: Sequence[str] = (*result.strategies, "exits", "limits", "paper", "recording")
    yield '<p class="quiet">Bold: not the default.</p><div class="settings">'
    for name in (*names, "mix") if settings.mix.enabled else names:
        own = getattr(settings, name)
        usual: dict[str, Any] = msgspec.to_builtins(type(own)())
        rows = [(key, Cell(_setting(value), "" if value == usual[key] else "changed"))
                for key, value in msgspec.to_builtins(own).items()]  # fmt: skip
        yield f"<div>{table([f'[{name}]', ''], rows)}</div>"
    yield "</div>"


def _setting(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NONE
    return str(value).lower() if isinstance(value, bool) else str(value) or NONE
