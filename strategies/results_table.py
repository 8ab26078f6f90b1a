"""RESULTS.md: what each strategy earned on every recording at hand, where it was chosen and afterwards.

A recording is cut in the middle of its time.  All sets of a small grid are played on the first half; the one
with the highest Sharpe ratio is played, unchanged, on the second, having seen the first.  Nothing is left
out: what loses stands beside what wins.
"""

import gzip
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from storage.config import Recording, Settings
from strategies.deflated import deflated, spread_of
from strategies.metrics import drawdowns
from strategies.recorded import Recorded, load
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
from strategies.walk_forward import Window, hold_of, inside_of, outside_of

GOAL = "sharpe"
BEGIN = 1_464_739_200  # 2016-06-01: in the days before it whole nights of ETH are missing.
# Of one side: the fee of the pool, and how deep it is, so that $2,000 (a position) move it by the rest.
COSTS = {
    7: Recording(fee_pips=500, pool_depth="10000000"),
    35: Recording(fee_pips=3_000, pool_depth="4000000"),
}
HEAD = (
    "recording", "strategy", "bp", "sets", "won inside", "won outside", "chosen", "inside: return", "Sharpe",
    "by luck", "outside: return", "Sharpe", "max drawdown", "trades", "median set", "holding: return",
    "max drawdown",
)  # fmt: skip


class Case(Struct, frozen=True):
    title: str
    files: tuple[str, ...]
    timeframe_minutes: int = 60


class Idea(Struct, frozen=True):
    """A strategy, its form, and its grid."""

    name: str
    strategy: str
    fixed: dict[str, int | float | str]
    over: tuple[str, ...]


CASES = (
    Case("USDC/WETH, a real Uniswap V3 pool, July and August 2022, 1 min",
         ("dex/univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22.csv.gz",)),
    Case("BTC and ETH, June 2016 to October 2025, 4 h",
         ("long/coinbase_BTCUSD_4h_2016_2025.json.gz", "long/coinbase_ETHUSD_4h_2016_2025.json.gz"), 240),
    Case("ETH, 2023, 5 min", ("cex_5m/ETHUSDT_5m_2023.parquet",)),
    Case("5 perpetuals, March and April 2025, 5 min",
         tuple(f"cex_5m/{token}USDT-PERP_5m_2025-03.parquet"
               for token in ("ETH", "SOL", "SUI", "LINK", "XRP"))),
    Case("7 perpetuals, May and June 2025, 1 min",
         tuple(f"cex_1m/{token}USDT-PERP_1m_2025-05.parquet"
               for token in ("BTC", "ETH", "SOL", "SUI", "LINK", "AVAX", "BNB"))),
)  # fmt: skip
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
but that of ETH in 2023, which is why it is off.  No row is a promise.
"""


def page(data: Path) -> str:
    """RecordingError or OSError if a recording is not there."""
    lines = [PROSE, f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for case in CASES:
        lines += rows_of(case, data)
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
    recorded = _loaded(data, case.files, cost)
    return field_of(recorded, settings, (idea.strategy,), case.title)


@lru_cache(maxsize=2)
def _loaded(data: Path, files: tuple[str, ...], cost: int) -> Recorded:
    settings = Settings(recording=COSTS[cost])
    with TemporaryDirectory() as folder:
        paths = [_readable(data / name, Path(folder)) for name in files]
        recorded = load(paths, settings)
    fee = COSTS[cost].fee_pips
    return replace(
        recorded, instruments=tuple(replace(each, fee_pips=fee) for each in recorded.instruments)
    )  # fmt: skip


def _readable(path: Path, folder: Path) -> Path:
    """Candles as a broker's JSON gives them, as CSV; anything else as it is."""
    if not path.name.endswith(".json.gz"):
        return path
    candles = msgspec.json.decode(gzip.decompress(path.read_bytes()))["candles"]
    names = ("start", "open", "high", "low", "close", "volume")
    rows = [",".join(each[name] for name in names) for each in candles if int(each["start"]) >= BEGIN]
    token = path.name.partition("_")[2].partition("USD")[0]
    made = folder / f"{token}-USD_4h.csv"
    made.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    return made


def _cells(case: Case, idea: Idea, cost: int, field: Field) -> Iterator[str]:
    window = _halves(field.recorded)
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
    yield from (_bold(score.total_return), number(score.sharpe), part(score.max_drawdown))
    yield str(score.trades)


def _played(field: Field, parameters: Parameters) -> Score:
    return score_of(field, equity_of(field, with_values(field.settings, parameters)))


def _halves(recorded: Recorded) -> Window:
    first, last = int(recorded.tape.moments[0]) - recorded.bar_ns, int(recorded.tape.moments[-1])
    middle = first + (last - first) // 2 // recorded.bar_ns * recorded.bar_ns
    return Window((first, middle), (middle, last))


def _won(scores: Sequence[Score]) -> str:
    return f"{sum(each.total_return > 0 for each in scores) / len(scores):.0%}" if scores else "-"


def _bold(value: float) -> str:
    return f"**{percent(value)}**" if value < 0 else percent(value)


def percent(value: float) -> str:
    return f"{value:+.1%}"


def part(value: float) -> str:
    return f"{value:.0%}" if isfinite(value) else "-"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:16]
