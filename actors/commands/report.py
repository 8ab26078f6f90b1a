"""`run.py report`: a backtest to look at and to hand on: HTML without a network, CSV and JSON beside it."""

from pathlib import Path

import msgspec
from rich.console import Console

from actors.commands.backtest import percent, played, written
from actors.commands.refused import DONE, CannotRunError
from actors.commands.seen import seen_before
from actors.commands.sweep_files import fingerprint, fingerprints
from storage.config import load
from storage.models import FILES
from strategies import backtest, results
from strategies.deflated import spread_of
from strategies.report import Trials, certainty, page
from strategies.sweep import Row, field_of, key_of, on, ratios


def report(
    config: Path, given: dict[str, object], strategies: list[str], sweep: Path | None, out: Path
) -> int:
    """As `backtest`; RecordingError, ConfigError or CannotRunError, with nothing written."""
    settings = load(config, given)
    result = played(settings, strategies, ahead=True)
    trials = Trials() if sweep is None else trials_of(sweep, result)
    figures = results.figures_of(result)
    seen, files = seen_before(settings, result.strategies), fingerprints(settings.run.recordings)
    if "ai" in result.strategies:
        files |= fingerprints([Path(settings.ai.model) / name for name in FILES])
    html = page(result, figures, trials, files, seen)
    sentence = written(out, result, figures, results)
    name = Path(sentence.removeprefix("Written: ").partition(".json")[0])
    name.with_suffix(".html").write_text(html, encoding="utf-8")
    console = Console()
    console.print(f"{sentence}, .html", highlight=False, soft_wrap=True)
    some = "1 trial" if trials.count == 1 else f"{trials.count} trials"
    console.print(f"Deflated Sharpe ratio, {some}: {percent(certainty(result, trials))}.")
    if seen:
        console.print(seen, highlight=False, soft_wrap=True, style="bold")
    return DONE


def trials_of(path: Path, result: backtest.Result) -> Trials:
    """The sets of a sweep file; it must be one that played what is reported, or its luck is another's."""
    try:
        lines = path.read_bytes().splitlines()
        rows = [msgspec.json.decode(line, type=Row) for line in lines]
    except (OSError, msgspec.DecodeError) as error:
        raise CannotRunError(
            f"--sweep {path}: no file of a sweep ({error}); name what --keep named."
        ) from error
    field = field_of(
        result.recorded, result.settings, result.strategies, fingerprint(result.settings.run.recordings)
    )
    rows = [row for row in rows if row.on == on(field)]
    if key_of(field, {}) not in {row.key for row in rows}:
        raise CannotRunError(
            f"--sweep {path}: none of its sets are these parameters on these recordings; "
            f"write the chosen ones into config.toml, or leave --sweep out."
        )
    tried = list(ratios(rows))
    return Trials(len(tried), spread_of(tried), path.name)
