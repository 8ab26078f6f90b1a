"""A backtest as one HTML page that fetches nothing: what it came to, how much is luck, what it cost.  Pure.

Every text that comes from outside (names of files, tokens, settings) is escaped.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from html import escape

import numpy as np

from storage.amounts import shown
from strategies import report_pictures as pictures
from strategies import report_tables as tables
from strategies.backtest import Result
from strategies.report_html import percent, section, table
from strategies.report_luck import Trials, certainty
from strategies.report_style import STYLE
from strategies.results import Figures

__all__ = ["Trials", "certainty", "page"]


def page(result: Result, figures: Figures, trials: Trials, files: Mapping[str, str], seen: str = "") -> str:
    """`files`: fingerprints of what was read, by name; `seen`: what a model knew of them before."""
    title = f"Backtest of {', '.join(result.strategies)}"
    body = [
        *_head(result, title), *_warning(seen), *_sections(result, figures, trials, files),
    ]  # fmt: skip
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _head(result: Result, title: str) -> Iterator[str]:
    moments = result.recorded.tape.moments.view("datetime64[ns]").astype("datetime64[m]")
    first, last = (str(each).replace("T", " ") for each in (moments[0], moments[-1]))
    paper, tokens = result.settings.paper, len(result.recorded.instruments)
    days = float(result.recorded.tape.moments[-1] - result.recorded.tape.moments[0]) / 86_400e9
    capital = f"{Decimal(shown(result.account['deposits'], paper.quote_decimals)):,f} {paper.quote}"
    yield f"<h1>{escape(title)}</h1><p>{escape(result.recorded.name)}</p>"
    yield (
        f'<p class="quiet">{first} to {last} UTC, {days:,.1f} days; {tokens} '
        f"token{'s' if tokens > 1 else ''}; begun with {escape(capital)} of play money.</p>"
    )


def _warning(seen: str) -> Iterator[str]:
    if seen:
        yield f'<p class="loss"><strong>{escape(seen)}</strong></p>'


def _sections(result: Result, figures: Figures, trials: Trials, files: Mapping[str, str]) -> Iterator[str]:
    yield section("short", "In short", [
        f"<p>{escape(verdict(figures))}</p>", *tables.in_short(result, figures, trials), tables.luck(trials),
    ])  # fmt: skip
    yield section("curves", "Equity, drawdown, exposure", [
        *pictures.curves(result, figures), tables.falls(result), pictures.exposure(result),
    ])  # fmt: skip
    yield section("months", "Month by month", [tables.months(result)])
    yield section("figures", "All figures", tables.summary(result, figures))
    yield section("strategies", "What each strategy did", [
        pictures.contributions(result), tables.contributions(result, figures),
        *tables.groups(result, figures),
    ])  # fmt: skip
    if result.rebalances:
        yield section("budgets", "Budgets of the mix", [pictures.budgets(result)])
    yield section("costs", "What it cost", tables.costs(result, figures))
    yield section("trades", "Trades", [*pictures.prices(result), *tables.trades(result)])
    yield section("parameters", "Parameters", tables.parameters(result))
    yield section("data", "Data", [table(["file", "SHA-256"], list(files.items()), "files")])


def verdict(figures: Figures) -> str:
    own, hold, deals = figures.curve, figures.hold, figures.all
    if not deals.count and not figures.open_positions:
        return f"It traded nothing; holding came to {percent(hold.total_return)}."
    made = "made" if own.total_return > 0 else "lost"
    held = "made" if hold.total_return > 0 else "lost"
    words = (
        f"It {made} {percent(abs(own.total_return))}, and holding {held} {percent(abs(hold.total_return))}; "
        f"at worst it fell by {percent(own.max_drawdown)}, and holding by {percent(hold.max_drawdown)}."
    )
    if np.isfinite(deals.cost_share):
        return f"{words}  Costs took {percent(deals.cost_share, 0)} of what its trades made before them."
    return f"{words}  Its trades made nothing even before costs."
