"""`run.py sweep`: many sets of parameters over the same recordings, and how much of the best one is luck."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from actors.commands.backtest import active, number, percent
from actors.commands.refused import DONE, CannotRunError
from actors.commands.seen import seen_before
from actors.commands.sweep_files import Crew, Kept, Report, fingerprint
from storage.config import Settings, load
from strategies import ai_model, backtest, recorded
from strategies.deflated import deflated, spread_of
from strategies.mix import shadowed
from strategies.sweep import (
    GOALS,
    Axis,
    Field,
    Parameters,
    Row,
    Value,
    axis_of,
    best,
    check_effect,
    field_of,
    goal_of,
    grid,
    ranked,
    ratios,
)


class Plan(Struct, frozen=True):
    """What is asked for on the command line, beside the recordings."""

    config: Path
    given: dict[str, object]
    strategies: tuple[str, ...]
    over: tuple[str, ...]
    by: str
    keep: Path
    workers: int
    search: str = "grid"
    trials: int = 0
    seed: int = 1
    top: int = 10


class Begun(Struct, frozen=True):
    """A plan that makes sense."""

    settings: Settings
    names: tuple[str, ...]
    axes: tuple[Axis, ...]
    recording: recorded.Recorded
    data: str


def sweep(plan: Plan) -> int:
    """ConfigError, RecordingError or CannotRunError, with nothing computed, for what makes no sense."""
    found = begun(plan)
    field = field_of(found.recording, found.settings, found.names, found.data)
    console = Console()
    with Kept(plan.keep) as kept:
        before = len(kept.rows)
        if plan.search == "grid":
            sets = combinations(found.axes)
            with progress(console, len(sets)) as bar, Crew(kept, plan.workers, bar) as crew:
                rows, computed = crew.rows(field, sets), crew.computed
        else:
            with progress(console, plan.trials) as bar, Crew(kept, plan.workers, bar) as crew:
                rows, computed = searched(plan, found.axes, crew, field), crew.computed
    for line in told(rows, plan):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if sentence := seen_before(found.settings, found.names):
        console.print(sentence, highlight=False, soft_wrap=True, style="bold")
    there = len({row.key for row in rows}) - computed
    console.print(f"{there} were there already, of {before} in {plan.keep}.", soft_wrap=True)
    if best(rows, plan.by) is None:
        raise CannotRunError(none_makes_sense(rows))
    return DONE


def begun(plan: Plan) -> Begun:
    settings = load(plan.config, plan.given)
    names = plan.strategies or tuple(active(settings))
    if plan.by not in GOALS:
        raise CannotRunError(f"--by {plan.by}: write one of {', '.join(GOALS)}.")
    try:
        backtest.check_settings(settings, names)
        axes = tuple(axis_of(text) for text in plan.over)
        check_effect(axes, settings, names)
        recording = recorded.load(settings.run.recordings, settings)
        check_sound(recording, settings, names)
    except ValueError as error:
        raise CannotRunError(str(error)) from error
    return Begun(settings, names, axes, recording, fingerprint(settings.run.recordings))


def check_sound(recording: recorded.Recorded, settings: Settings, names: Sequence[str]) -> None:
    """ValueError for what no set of parameters makes better: a model that may not trade, a look ahead."""
    playing = shadowed(settings.mix, names) if settings.mix.enabled else names
    if "ai" in playing and (refused := ai_model.refusal(settings, len(recording.instruments))):
        raise ValueError(refused)
    if sentence := backtest.looks_ahead(recording, settings, names):
        raise ValueError(sentence)


def combinations(axes: Sequence[Axis]) -> tuple[Parameters, ...]:
    try:
        return grid(axes)
    except ValueError as error:
        raise CannotRunError(str(error)) from error


def searched(plan: Plan, axes: Sequence[Axis], crew: Crew, field: Field) -> tuple[Row, ...]:
    """Round by round; what an earlier run has kept is told again instead of computed."""
    # It takes a second to load, and a grid does not need it.
    from strategies.sweep_search import ROUND, Bayes  # noqa: PLC0415

    try:
        search = Bayes(axes, plan.seed)
    except ValueError as error:
        raise CannotRunError(str(error)) from error
    rows: tuple[Row, ...] = ()
    while len(rows) < plan.trials:
        made = crew.rows(field, search.ask(min(ROUND, plan.trials - len(rows))))
        goals = [goal_of(row, plan.by) for row in made]
        search.tell([goal if goal > float("-inf") else None for goal in goals])
        rows += made
    return rows


@contextmanager
def progress(console: Console, total: int) -> Iterator[Report]:
    """A bar with the time that is left, where somebody can see it."""
    columns = (
        TextColumn("sets"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("sets", total=total)
        yield lambda done: shown.advance(task, done)


def told(rows: Sequence[Row], plan: Plan) -> Iterator[Table | str]:
    once = ranked(rows, plan.by)
    if best(once, plan.by) is None:
        return
    keys = list(once[0].parameters)
    table = Table(
        *(key.replace(".", ".\n") for key in keys),
        "return",
        "Sharpe",
        "Sortino",
        "Calmar",
        "max drawdown",
        "trades",
    )
    table.title = f"the best {min(plan.top, len(once))} of {len(once)} sets by {plan.by}"
    for row in once[: plan.top]:
        values = [written(row.parameters[key]) for key in keys]
        table.add_row(*values, *(figures(row) if row.score else ["refused"]))
    yield table
    yield luck(once, plan.by)
    if refused := [row for row in once if row.refused]:
        yield f"{len(refused)} sets make no sense; the first: {refused[0].refused}"


def written(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def figures(row: Row) -> list[str]:
    score = row.score
    assert score is not None
    ratio = [
        number(float("nan") if each is None else each) for each in (score.sharpe, score.sortino, score.calmar)
    ]
    return [percent(score.total_return), *ratio, percent(score.max_drawdown), str(score.trades)]


def luck(rows: Sequence[Row], by: str) -> str:
    first = best(rows, by)
    assert first is not None
    assert first.score is not None
    tried = list(ratios(rows))
    sure = deflated(first.score.moments, len(tried), spread_of(tried))
    return (
        f"Deflated Sharpe ratio of the best of {len(tried)} trials: {percent(sure)}: "
        f"how likely it is that it is better than nothing.  Below 95 % call it luck."
    )


def none_makes_sense(rows: Sequence[Row]) -> str:
    refused = [row.refused for row in rows if row.refused]
    return refused[0] if refused else "no set made a single trade: name other values, or a longer recording."


def processors() -> int:
    return len(os.sched_getaffinity(0))
