"""`run.py train`: a model of the ai strategy out of recordings, and its card."""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from actors.commands.options import CONFIG, Config
from actors.commands.refused import CannotRunError
from actors.commands.seen import digest
from actors.messages import Tick
from chains.feeds.recordings import RecordedFeed, open_recordings
from storage import models
from storage.config import Settings, load

if TYPE_CHECKING:
    from strategies.ai_samples import Samples
    from strategies.recorded import Recorded

MINUTE_NS = 60 * 10**9
CHUNK = 2_000  # Ticks between two steps of the progress bar.


def train(  # noqa: PLR0913, PLR0917  An option each.
    recording: Annotated[list[str], typer.Option(help="Files of bars of three tokens or more.")],
    out: Annotated[Path, typer.Option(help="The model's folder; it must not be there yet.")],
    horizon: Annotated[int, typer.Option(min=1, max=500, help="Bars that are looked ahead.")] = 24,
    timeframe: Annotated[
        int | None,
        typer.Option(min=1, max=10_080, help="Minutes of a bar.", show_default="ai.timeframe_minutes"),
    ] = None,
    top: Annotated[float, typer.Option(min=0.0, max=1.0, help="The gate looks at ranks from here.")] = 0.7,
    folds: Annotated[int, typer.Option(min=2, max=50, help="Steps of the walk forward.")] = 5,
    embargo: Annotated[int, typer.Option(min=0, max=10_000, help="Bars between lessons and trial.")] = 24,
    seed: Annotated[int, typer.Option(min=0, max=10**9, help="The same seed gives the same model.")] = 1,
    config: Config = CONFIG,
) -> None:
    """Train a model for the ai strategy; its card says what it could do on what it had not seen."""
    # What reads Markdown is for those that show a card, the compiler and lightgbm for those that compute.
    from rich.markdown import Markdown  # noqa: PLC0415

    from strategies.ai_training import Rules  # noqa: PLC0415

    settings = load(config, {"ai.timeframe_minutes": timeframe} if timeframe else {})
    rules = Rules(horizon=horizon, top=top, folds=folds, embargo=embargo, seed=seed)
    try:
        models.refuse_taken(out)
        page = trained(recording, out, settings, rules)
    except ValueError as error:
        raise CannotRunError(str(error)) from error
    console = Console()
    console.print(Markdown(page))
    console.print(f"Written: {out}", highlight=False, soft_wrap=True)


def trained(paths: list[str], out: Path, settings: Settings, rules: Any) -> str:
    """Writes the model's folder; its card as a page.  ValueError, one sentence, if nothing can be learned."""
    from strategies import recorded  # noqa: PLC0415
    from strategies.ai_card import data_hash, files_of  # noqa: PLC0415
    from strategies.ai_model import Source  # noqa: PLC0415
    from strategies.ai_training import learned  # noqa: PLC0415

    tape, minutes = recorded.load(paths, settings), settings.ai.timeframe_minutes
    feed = open_recordings(paths, settings.paper, settings.recording)
    tokens = tuple(sorted(each.token for each in feed.instruments))
    _check(tape, minutes)
    with Progress(console=Console(file=sys.stderr), transient=True) as bars:
        samples = samples_in(feed, minutes, rules.horizon, bars)
        task = bars.add_task("learning")

        def progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=f"learning: {what}", completed=done, total=total)

        model = learned(samples, rules, progress)
    data = tuple(Source(each.path.name, digest(each.path), len(each.ends)) for each in feed.in_order().series)
    key = data_hash(data)
    tried = sum(key in line for line in models.trials(out)) + 1
    files, card = files_of(
        model, rules, minutes=minutes, tokens=tokens, data=data, samples=len(samples.moment), trials=tried,
        libraries={name: version(name) for name in ("lightgbm", "numpy")},
    )  # fmt: skip
    note = {"data": key, "out": out.name, "rules": rules, "minutes": minutes, "ic": card.out_of_sample.ic}
    models.note_trial(out, msgspec.json.encode(note).decode())
    models.write(out, files)
    return files["CARD.md"]


def _check(tape: "Recorded", minutes: int) -> None:
    from strategies.ai_model import LEAST_TOKENS  # noqa: PLC0415
    from strategies.recorded import check_volume  # noqa: PLC0415

    if len(tape.instruments) < LEAST_TOKENS:
        raise CannotRunError(
            f"a ranker needs {LEAST_TOKENS} tokens at least, these recordings hold {len(tape.instruments)}; "
            f"name more of them with --recording"
        )
    if tape.bar_ns > minutes * MINUTE_NS or minutes * MINUTE_NS % tape.bar_ns:
        raise CannotRunError(
            f"bars of {tape.bar_ns / MINUTE_NS:g} minutes do not fit into {minutes}; "
            f"name a multiple of them with --timeframe"
        )
    check_volume(tape, "ai")


def samples_in(feed: RecordedFeed, minutes: int, horizon: int, bars: Progress) -> "Samples":
    """What there is to learn; a feature that looks ahead is refused."""
    from strategies import ai_samples  # noqa: PLC0415
    from strategies.ai_model import LEAST_TOKENS  # noqa: PLC0415

    tokens = tuple(sorted(each.token for each in feed.instruments))
    return ai_samples.samples_in(_ticks(feed, bars), tokens, minutes * MINUTE_NS, horizon, LEAST_TOKENS)


def _ticks(feed: RecordedFeed, bars: Progress) -> Iterator[Tick]:
    task = bars.add_task("reading", total=feed.total)
    read = feed.read(None, CHUNK)
    while read:
        yield from read
        bars.advance(task, len(read))
        read = feed.read(read[-1].at_ns, CHUNK)
