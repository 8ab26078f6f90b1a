"""RESULTS.md: what each strategy earned on every recording at hand, where it was chosen and afterwards.

A recording is cut in the middle of its time.  All sets of a small grid are played on the first half; the one
with the highest Sharpe ratio is played, unchanged, on the second, having seen the first.  Nothing is left
out: what loses stands beside what wins.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from storage.config import Settings
from strategies import results_ai
from strategies.deflated import deflated, spread_of
from strategies.metrics import drawdowns
from strategies.results_case import CASES, COSTS, Case, bold, halves, loaded, number, part, percent
from strategies.sweep import (
    Field,
    Parameters,
    Row,
    Score,
    axis_of,
    best,
    equity_of,
    field_of,
    grid,
    ratios,
    row_of,
    score_of,
    with_values,
)
from strategies.walk_forward import hold_of, inside_of, outside_of

GOAL = "sharpe"
HEAD = (
    "recording", "strategy", "bp", "sets", "won inside", "won outside", "chosen", "inside: return", "Sharpe",
    "by luck", "outside: return", "Sharpe", "max drawdown", "trades", "median set", "holding: return",
    "max drawdown",
)  # fmt: skip


class Idea(Struct, frozen=True):
    """A strategy, its form, and its grid."""

    name: str
    strategy: str
    fixed: dict[str, int | float | str]
    over: tuple[str, ...]


IDEAS = (
    Idea("momentum, donchian", "momentum", {"momentum.form": "donchian"},
         ("momentum.entry_bars=24,48,96,120", "momentum.exit_bars=12,24,60", "momentum.trail_atr=3,5")),
    Idea("momentum, tsmom", "momentum", {"momentum.form": "tsmom"},
         ("momentum.long_bars=72,168,336", "momentum.short_bars=24,72", "momentum.look_bars=6,24")),
    Idea("scalping", "scalping", {},
         ("scalping.entry_deviations=2,3,4", "scalping.edge_multiple=1,2,4", "scalping.stop_bps=400,800")),
)  # fmt: skip

PROSE = """# Results

Made by `make results` from recordings; a test makes a part of it anew and compares every digit.  $10,000,
20 % of it in a position, all limits, exits and pools as in `config.toml`; only what is named varies.

- **bp**: costs of one side, without the $0.02 of gas: 7 is a fee of 5 and an impact of 2 on $2,000 in a pool
  of $10 million, 35 is a fee of 30 and an impact of 5 in one of $4 million.  Of the real pool only the fee is
  replaced; it has its own depth.
- **inside** is the first half of the time, in which the set with the highest Sharpe ratio is chosen out of
  **sets**; **outside** is the second half, in which that one is played, and nothing was chosen.
- **won inside, outside**: the share of all sets that earned anything; **median set**: the return outside
  of the one in the middle.
- **by luck**: one less the deflated Sharpe ratio of the chosen set: how likely it is that the best of so many
  worthless sets looks as good.
- `-`: nothing that could be measured: no trade, or not one set that fits the recording.

What to read out of it.  What is best inside says next to nothing about outside: most of the chosen sets lose
there, and the figure by luck had mostly said so.  Over nine years momentum earned outside, at either cost, a
fraction of what holding earned, with less than half of its drawdown; over weeks it mostly lost a little.
Costs of 35 turn most of what costs of 7 leave into losses.  Scalping lost outside on every recording
but that of ETH in 2023, which is why it is off.  Of ai no model was fit to trade; it has a table of its own
below.  No row is a promise.
"""


def page(data: Path) -> str:
    """RecordingError or OSError if a recording is not there."""
    lines = [PROSE, f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for case in CASES:
        lines += rows_of(case, data)
    lines += ["", *results_ai.lines_of(CASES, data)]
    lines += ["", "Data, by the start of its SHA-256:", ""]
    lines += [f"- `{name}`: `{_digest(data / name)}`" for case in CASES for name in case.files]
    return "\n".join(lines) + "\n"


def rows_of(case: Case, data: Path) -> Iterator[str]:
    """The lines of one recording."""
    for idea in IDEAS:
        if idea.strategy == "scalping" and case.timeframe_minutes > 60:
            continue  # An average of the day has six bars there.
        for cost in COSTS:
            field = _field(case, idea, cost, data)
            yield f"| {' | '.join(_cells(case, idea, cost, field))} |"


def _field(case: Case, idea: Idea, cost: int, data: Path) -> Field:
    settings = with_values(Settings(recording=COSTS[cost]), idea.fixed)
    if idea.strategy == "momentum":
        settings = with_values(settings, {"momentum.timeframe_minutes": case.timeframe_minutes})
    recorded = loaded(data, case.files, cost)
    return field_of(recorded, settings, (idea.strategy,), case.title)


def _cells(case: Case, idea: Idea, cost: int, field: Field) -> Iterator[str]:
    window = halves(field.recorded)
    inside, outside = inside_of(field, window), outside_of(field, window)
    sets = grid([axis_of(text) for text in idea.over])
    rows = [row for each in sets if not (row := row_of(inside, "", each)).refused]
    later = [_played(outside, row.parameters) for row in rows]
    chosen = best([replace(row, key=str(number)) for number, row in enumerate(rows)], GOAL)
    hold = hold_of(outside)
    yield from (case.title, idea.name, str(cost), str(len(rows)))
    yield from (_won([row.score for row in rows if row.score]), _won(later))
    yield from _chosen(chosen, rows, later)
    yield percent(median(each.total_return for each in later)) if later else "-"
    yield from (percent(float(hold[-1]) - 1.0), part(float(drawdowns(hold).max())))


def _chosen(chosen: Row | None, rows: Sequence[Row], later: Sequence[Score]) -> Iterator[str]:
    if chosen is None or chosen.score is None:
        yield from ["-"] * 8
        return
    tried = list(ratios(rows))
    luck = 1.0 - deflated(chosen.score.moments, len(tried), spread_of(tried))
    score = later[int(chosen.key)]
    yield ", ".join(f"{key.partition('.')[2]} {value}" for key, value in chosen.parameters.items())
    yield from (percent(chosen.score.total_return), number(chosen.score.sharpe), part(luck))
    yield from (bold(score.total_return), number(score.sharpe), part(score.max_drawdown))
    yield str(score.trades)


def _played(field: Field, parameters: Parameters) -> Score:
    return score_of(field, equity_of(field, with_values(field.settings, parameters)))


def _won(scores: Sequence[Score]) -> str:
    return f"{sum(each.total_return > 0 for each in scores) / len(scores):.0%}" if scores else "-"


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]
