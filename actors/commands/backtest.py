"""`run.py backtest`: strategies over recordings, through the same limits, pools and fees as a paper run."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.commands.refused import DONE, CannotRunError
from actors.commands.seen import seen_before
from storage.amounts import shown
from storage.config import Settings, load


def backtest(config: Path, given: dict[str, object], strategies: list[str], out: Path, ahead: bool) -> int:
    """ConfigError, RecordingError or CannotRunError, with nothing written, for what makes no sense."""
    from strategies import results  # noqa: PLC0415  As in `played`.

    settings = load(config, given)
    result = played(settings, strategies, ahead)
    figures = results.figures_of(result)
    console = Console()
    for table in tables(figures, settings):
        console.print(table)
    if sentence := seen_before(settings, result.strategies):
        console.print(sentence, highlight=False, soft_wrap=True, style="bold")
    console.print(written(out, result, figures, results), highlight=False, soft_wrap=True)
    return DONE


def played(settings: Settings, strategies: list[str], ahead: bool) -> Any:
    """A strategies.backtest.Result; `ahead`: refuse what depends on what comes later."""
    # The compiler is for those that compute.
    from strategies import backtest as engine  # noqa: PLC0415
    from strategies import recorded  # noqa: PLC0415

    names = strategies or active(settings)
    try:
        engine.check_settings(settings, names)
        recording = recorded.load(settings.run.recordings, settings)
        result = engine.run(recording, settings, names)
    except ValueError as error:
        raise CannotRunError(str(error)) from error
    if ahead and (sentence := engine.looks_ahead(recording, settings, names)):
        raise CannotRunError(sentence)
    return result


def active(settings: Settings) -> list[str]:
    """The strategies that config.toml switches on."""
    switched = {"scalping": settings.scalping.enabled, "ai": settings.ai.enabled}
    return ["momentum", *(name for name, on in switched.items() if on)]


def written(out: Path, result: Any, figures: Any, results: Any) -> str:
    """The files beside the table; the sentence that names them."""
    first = Path(result.settings.run.recordings[0]).name.split(".")[0]
    more = len(result.settings.run.recordings) - 1
    name = f"{first}{f'+{more}' if more else ''}-{'-'.join(result.strategies)}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_bytes(results.as_json(figures, result.settings))
        (out / f"{name}-orders.csv").write_text(results.fills_as_csv(result))
        (out / f"{name}-equity.csv").write_text(results.equity_as_csv(result))
    except OSError as error:
        raise CannotRunError(
            f"{out} can not be written to ({error}): name another folder with --out."
        ) from error
    return f"Written: {out / name}.json, -orders.csv, -equity.csv"


# -- tables --
def tables(figures: Any, settings: Settings) -> Iterator[Table]:
    yield _curves(figures)
    yield _deals(figures, settings)
    for name in ("token", "chain"):
        if len(figures.groups[name]) > 1:
            yield _each(name, figures.groups[name], settings)


def _curves(figures: Any) -> Table:
    table = Table("", *("backtest", "buy and hold"), title=figures.recording)
    rows: dict[str, tuple[str, Callable[[float], str]]] = {
        "return": ("total_return", percent), "a year (CAGR)": ("cagr", percent),
        "volatility a year": ("volatility", percent), "Sharpe": ("sharpe", number),
        "Sortino": ("sortino", number), "Calmar": ("calmar", number),
        "max drawdown": ("max_drawdown", percent), "longest drawdown, days": ("drawdown_days", number),
        "VaR 95 % a day": ("var_95", percent), "CVaR 95 % a day": ("cvar_95", percent),
        "exposure": ("exposure", percent),
    }  # fmt: skip
    for title, (name, show) in rows.items():
        table.add_row(title, *(show(getattr(curve, name)) for curve in (figures.curve, figures.hold)))
    return table


def _deals(figures: Any, settings: Settings) -> Table:
    """A column for all, and for each strategy where there are several."""
    scale = 10.0**settings.paper.quote_decimals
    groups = {"all": figures.all}
    groups |= figures.groups["strategy"] if len(figures.strategies) > 1 else {}
    table = Table("trades", *groups)
    rows: dict[str, Callable[[Any], str]] = {
        "closed": lambda deals: str(deals.count),
        "won": lambda deals: percent(deals.win_rate),
        "profit factor": lambda deals: number(deals.profit_factor),
        f"mean result, {settings.paper.quote}": lambda deals: number(deals.expectancy / scale),
        "mean win": lambda deals: number(deals.mean_win / scale),
        "mean loss": lambda deals: number(deals.mean_loss / scale),
        "most wins, losses in a row": lambda deals: f"{deals.most_wins}, {deals.most_losses}",
        "result": lambda deals: number(deals.result / scale),
        "gas": lambda deals: number(deals.fees / scale),
        "cost share": lambda deals: percent(deals.cost_share),
        "turnover a year": lambda deals: number(deals.turnover),
        "mean hours held": lambda deals: number(deals.mean_hours),
    }
    for title, show in rows.items():
        table.add_row(title, *map(show, groups.values()))
    refused = sum(sum(row.values()) for row in figures.refused.values())
    outcomes = ", ".join(f"{count} {name}" for name, count in figures.outcomes.items()) or "none"
    table.caption = f"orders: {outcomes}; {refused} wishes refused; {figures.open_positions} positions open"
    if figures.rebalances:
        table.caption += f"; {budgets(figures.rebalances)}"
    return table


def budgets(rebalances: Any) -> str:
    last = ", ".join(f"{name} {shown(share, 2)} %" for name, share in rebalances[-1].budgets.items())
    return f"rebalanced {len(rebalances)} times, budgets at last: {last}"


def _each(name: str, groups: dict[str, Any], settings: Settings) -> Table:
    """A row for each token, or chain."""
    table = Table(name, "closed", "won", "profit factor", "result")
    for each, deals in groups.items():
        result = f"{shown(deals.result, settings.paper.quote_decimals)} {settings.paper.quote}"
        table.add_row(each, str(deals.count), percent(deals.win_rate), number(deals.profit_factor), result)
    return table


def percent(value: float) -> str:
    return f"{value:.2%}" if math.isfinite(value) else "-"


def number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
