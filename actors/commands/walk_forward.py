"""`run.py walk-forward`: parameters are chosen on the past alone; what they earn afterwards is added up."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from actors.commands.backtest import number, percent
from actors.commands.refused import DONE, CannotRunError
from actors.commands.seen import seen_before
from actors.commands.sweep import Plan, begun, combinations, progress, written
from actors.commands.sweep_files import Crew, Kept
from strategies.deflated import deflated, moments_of, spread_of
from strategies.metrics import Curve, curve_of, daily, returns_of
from strategies.sweep import Field, Row, field_of, ratios
from strategies.walk_forward import Days, Stretch, chained, held, inside_of, stretch_of, windows

__all__ = ["Days", "walk_forward"]


def walk_forward(plan: Plan, days: Days, out: Path) -> int:
    """As `sweep`; the sets of each window are kept in the same way."""
    found = begun(plan)
    whole = field_of(found.recording, found.settings, found.names, found.data)
    sets, console = combinations(found.axes), Console()
    rows: list[Row] = []
    stretches: list[Stretch] = []
    try:
        spans = windows(found.recording, days)
        bar_of = progress(console, len(sets) * len(spans))
        with Kept(plan.keep) as kept, bar_of as bar, Crew(kept, plan.workers, bar) as crew:
            for span in spans:
                made = crew.rows(inside_of(whole, span), sets)
                rows += made
                stretches.append(stretch_of(whole, span, made, plan.by))
    except ValueError as error:
        raise CannotRunError(str(error)) from error
    step_ns = found.recording.bar_ns
    own = curve_of(chained([each.growth for each in stretches]), step_ns)
    hold = curve_of(held(whole, stretches), step_ns)
    sure = certainty(stretches, rows, step_ns)
    for line in told(stretches, own, hold, sure, plan):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if sentence := seen_before(found.settings, found.names):
        console.print(sentence, highlight=False, soft_wrap=True, style="bold")
    name = files(out, whole, stretches, {"curve": own, "hold": hold, "deflated_sharpe": sure, "days": days})
    console.print(f"Written: {name}.json, {name}.csv", highlight=False, soft_wrap=True)
    return DONE


def certainty(stretches: Sequence[Stretch], rows: Sequence[Row], step_ns: int) -> float:
    """Of the chained returns, with as many trials as a window has sets, and their ratios' variance."""
    returns = returns_of(daily(chained([each.growth for each in stretches]), step_ns))
    return deflated(moments_of(returns), stretches[0].tried, spread_of(list(ratios(rows))))


def told(
    stretches: Sequence[Stretch], own: Curve, hold: Curve, sure: float, plan: Plan
) -> Iterator[Table | str]:
    keys = list(stretches[0].chosen.parameters)
    names = (key.replace(".", ".\n") for key in keys)
    table = Table("outside from", *names, f"{plan.by}\ninside", f"{plan.by}\noutside", "return", "trades")
    for each in stretches:
        inside = getattr(each.chosen.score, plan.by)
        outside = getattr(each.outside, plan.by)
        table.add_row(
            day(each.window.outside_ns[0]),
            *(written(each.chosen.parameters[key]) for key in keys),
            *(number(float("nan") if figure is None else figure) for figure in (inside, outside)),
            percent(each.outside.total_return), str(each.outside.trades),
        )  # fmt: skip
    yield table
    both = Table("", "outside, chained", "buy and hold")
    for name in ("total_return", "max_drawdown"):
        both.add_row(name.replace("_", " "), *(percent(getattr(curve, name)) for curve in (own, hold)))
    for name in ("sharpe", "sortino", "calmar"):
        both.add_row(name.capitalize(), *(number(getattr(curve, name)) for curve in (own, hold)))
    yield both
    yield f"Deflated Sharpe ratio outside, for {stretches[0].tried} sets a window: {percent(sure)}."


def files(out: Path, whole: Field, stretches: Sequence[Stretch], more: dict[str, Any]) -> Path:
    first = whole.recorded.name.removeprefix("recording ").partition(",")[0]
    name = out / f"{first}-{'-'.join(whole.strategies)}-walk-forward"
    told = {
        **more, "data": whole.data, "strategies": whole.strategies, "settings": whole.settings,
        "windows": [
            {"window": each.window, "tried": each.tried, "chosen": each.chosen, "outside": each.outside}
            for each in stretches
        ],
    }  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
        body = msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(told)), indent=2)
        name.with_suffix(".json").write_bytes(body)
        with name.with_suffix(".csv").open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["outside_from", "inside_sharpe", "outside_sharpe", "outside_return", "trades"])
            for each in stretches:
                inside = each.chosen.score.sharpe if each.chosen.score else None
                rows.writerow([
                    day(each.window.outside_ns[0]), inside, each.outside.sharpe, each.outside.total_return,
                    each.outside.trades,
                ])  # fmt: skip
    except OSError as error:
        raise CannotRunError(
            f"{out} can not be written to ({error}): name another folder with --out."
        ) from error
    return name


def day(at_ns: int) -> str:
    return str(np.datetime64(at_ns, "ns").astype("datetime64[m]"))
