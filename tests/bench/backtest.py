"""The backtest against other engines, and as a whole portfolio, on real bars.

    .venv/bin/python -m tests.bench.backtest [--quick] [--json PATH]

The same 60,191 minutes of ETH and the same crossing of two averages, all in and out again, at a
fee of 0.1 %, for vectorbt's bare kernel, backtesting.py, nautilus_trader and ours, which counts every unit,
swaps in a pool and asks the limits.  Who is not installed is left out, by name.  Speeds are of CPU time, the
best of several runs, in which each of them takes turns with ours, for the machine may be shared.  Then a
sweep of 2,500 sets over the same minutes; and ten tokens, three strategies and 43,200 minutes each.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec.structs import replace

from actors.commands.sweep import processors
from actors.commands.sweep_files import Crew, Kept
from storage.config import Exits, Limits, Momentum, Paper, Recording, Scalping, Settings
from storage.config_strategies import Mix
from strategies import backtest, desks
from strategies.kernel.loop import play
from strategies.kernel.tables import Desk, Tape
from strategies.recorded import Recorded, load
from strategies.sweep import field_of
from tests.bench.parts.backtest_peers import FEE_PIPS, PEERS, best
from tests.bench.parts.crossing import cross
from tests.bench.parts.wanted import verdict

CHUNK = 50  # Sets of a sweep, between two looks at the loop alone.
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/cex_1m"
WANTED = {
    "ours / vectorbt kernel": (">=", 3.0),
    "ours / backtesting.py": (">=", 500.0),
    "ours / nautilus_trader": (">=", 500.0),
    # Twice the 2.92 s in which two threads of a bare prototype played 150 M bars, where the kernel of
    # vectorbt played 15.4 M of them a second; and their CPU time over that of the loop alone, 1.35.
    "sweep / vectorbt kernel": ("<=", 0.6),
    "sweep, CPU over the loop's": ("<=", 2.7),
    "portfolio of 10 x 3 x 43,200, s": ("<=", 2.0),
    "10 x 2 x 43,200 with a mix, s": ("<=", 2.0),
    "whole over half the bars": ("<=", 2.5),
    "warm start of run.py backtest, s": ("<=", 1.5),
}
ALL_IN = Settings(
    paper=Paper(gas="0", latency_seconds=0),
    recording=Recording(fee_pips=FEE_PIPS, pool_depth="200000000000"),
    exits=Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0),
    limits=Limits(
        position_bps=10_000, total_exposure_bps=10_000, chain_exposure_bps=10_000, strategy_budget_bps=10_000,
        daily_loss_bps=10_000, loss_streak=10**6, cooldown_minutes=0, slippage_bps=9_999,
    ),
    momentum=Momentum(timeframe_minutes=1),
)  # fmt: skip


def ours(recorded: Recorded) -> float:
    """CPU seconds of the best of some runs."""
    return best(lambda desk: cross(recorded.tape, desk), lambda: desk_of(recorded, ALL_IN), times=3)


def trades(recorded: Recorded) -> int:
    """That were closed."""
    desk = desk_of(recorded, ALL_IN)
    cross(recorded.tape, desk)
    return int(desk.books[0].closed)


def swept(recorded: Recorded, sets: int) -> dict[str, float]:
    """A grid over one setting; the loop is what its sets cost in compiled code alone, played in between."""
    settings = Settings(exits=Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0))
    field = field_of(recorded, settings, ["momentum"], "bench")
    chosen = [{"momentum.trail_atr": 2.0 + number / sets} for number in range(sets)]
    best(lambda made: play(recorded.tape, made), lambda: desk_of(recorded, settings), times=3)
    wall = cpu = loop = 0.0
    with (
        TemporaryDirectory() as folder,
        Kept(Path(folder) / "sweep.jsonl") as kept,
        Crew(kept, processors(), abs) as crew,  # Nobody looks on.
    ):
        for first in range(0, sets, CHUNK):
            loop += spent(recorded, settings, min(CHUNK, sets - first))
            begun, used = time.perf_counter(), time.process_time()
            crew.rows(field, chosen[first : first + CHUNK])
            wall, cpu = wall + time.perf_counter() - begun, cpu + time.process_time() - used
    return {
        f"sweep of {sets:,} sets, s": wall,
        "sweep, bars/s": sets * len(recorded.tape.bars) / wall,
        "sweep, CPU over the loop's": cpu / loop,
    }


def desk_of(recorded: Recorded, settings: Settings) -> Desk:
    return desks.desk_of(recorded, settings, ["momentum"], len(recorded.tape.moments), 4_096)


def spent(recorded: Recorded, settings: Settings, times: int) -> float:
    """Seconds of CPU in the loop: all of them, as those of the sweep are, and not the best."""
    made = [desk_of(recorded, settings) for _ in range(times)]
    used = time.process_time()
    for desk in made:
        play(recorded.tape, desk)
    return time.process_time() - used


def portfolio(paths: list[Path]) -> dict[str, float]:
    """Ten tokens (some twice, under another name) and three strategies through all limits."""
    settings = Settings(
        momentum=Momentum(timeframe_minutes=5), scalping=Scalping(timeframe_minutes=1, vwap_bars=240)
    )
    recorded = ten_of(load(paths, settings))
    names = ["momentum", "scalping"]
    third = replace(settings, momentum=Momentum(form="tsmom", timeframe_minutes=5))

    def desk(of: Recorded):
        first = desks.desk_of(of, settings, names, len(of.tape.moments), 100_000)
        other = desks.desk_of(of, third, ["momentum"], 0, 0)
        other.minds.strategy = 2
        return joined(first, other)

    half = backtest.cut_off(recorded, len(recorded.tape.moments) // 2)
    whole_s = best(lambda made: play(recorded.tape, made), lambda: desk(recorded), times=3)
    half_s = best(lambda made: play(half.tape, made), lambda: desk(half), times=3)
    mixed = replace(settings, mix=Mix(enabled=True))
    mixed_s = best(lambda: backtest.played(recorded, mixed, names), times=3)
    return {
        "10 x 2 x 43,200 with a mix, s": mixed_s,
        "portfolio of 10 x 3 x 43,200, s": whole_s,
        "portfolio, strategy bars/s": 3 * len(recorded.tape.bars) / whole_s,
        "whole over half the bars": whole_s / half_s,
    }


def joined(first, other):
    """Both desks' minds at one desk."""
    width = max(first.states.shape[1], other.states.shape[1])
    wide = max(first.params.shape[1], other.params.shape[1])

    def padded(one, two, to):
        return np.concatenate([np.pad(each, ((0, 0), (0, to - each.shape[1]))) for each in (one, two)])

    return first._replace(
        minds=np.concatenate([first.minds, other.minds]).view(np.recarray),
        params=padded(first.params, other.params, wide), states=padded(first.states, other.states, width),
        refused=np.concatenate([first.refused, other.refused]),
    )  # fmt: skip


def ten_of(recorded: Recorded) -> Recorded:
    """Ten tokens of 43,200 minutes out of those there are."""
    bars, count = recorded.tape.bars, len(recorded.instruments)
    tokens, instruments = [], []
    for number in range(10):
        own = bars[bars.token == number % count][:43_200].copy()
        own.token = number
        tokens.append(own)
        instruments.append(replace(recorded.instruments[number % count], token=f"paper:T{number}"))
    order = np.argsort(np.concatenate([np.arange(len(own)) for own in tokens]), kind="stable")
    merged = np.concatenate(tokens)[order].view(np.recarray)
    longest = max(map(len, tokens))
    counts = np.bincount(np.concatenate([np.arange(len(own)) for own in tokens]), minlength=longest)
    moments = recorded.tape.moments[0] + np.arange(longest) * recorded.bar_ns
    tape = Tape(moments, np.concatenate([[0], np.cumsum(counts)]), merged)
    return replace(recorded, tape=tape, instruments=tuple(instruments))


def warm_start(recording: Path) -> dict[str, float]:
    """Of the whole command, with all code compiled, Python's too; beside one that only loads the compiler."""
    with TemporaryDirectory() as out:
        kept = {**os.environ, "PYTHONPYCACHEPREFIX": f"{out}/bytecode", "PYTHONDONTWRITEBYTECODE": ""}
        kept.pop("PYTHONPATH", None)  # It has the packages of the other engines.
        told = {"--recording": str(recording), "--strategy": "momentum", "--out": out}
        command = ["run.py", "backtest", *chain.from_iterable(told.items())]
        whole, bare = (
            min(passed(words, kept) for _ in range(5)) for words in (command, ["-c", "import numba"])
        )
    return {"warm start of run.py backtest, s": whole, "warm start / import numba": whole / bare}


def passed(words: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def measured(sets: int) -> dict[str, float]:
    paths = sorted(DATA.glob("*.parquet"))
    if not paths:
        print(f"nothing is measured: recorded data is not here: {DATA}")
        return {}
    eth = load([DATA / "ETHUSDT-PERP_1m_2025-05.parquet"], ALL_IN)
    bars = len(eth.tape.bars)
    found = {"ours, bars/s": bars / ours(eth), "ours, trades": float(trades(eth))}
    for name, package, call in PEERS:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} is not installed, and is left out")
            continue
        print(f"{package} {version}")
        taken = call(eth, lambda: ours(eth))
        found[f"{name}, bars/s"] = bars / taken.theirs
        found[f"ours / {name}"] = taken.theirs / taken.ours
    found |= swept(eth, sets)
    if "vectorbt kernel, bars/s" in found:
        found["sweep / vectorbt kernel"] = found["vectorbt kernel, bars/s"] / found["sweep, bars/s"]
    return found | portfolio(paths) | warm_start(DATA / "ETHUSDT-PERP_1m_2025-05.parquet")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A tenth of the sweep.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"numba {importlib.metadata.version('numba')}, numpy {np.__version__}")
    found = measured(250 if options.quick else 2_500)
    judged = {row: verdict(WANTED, row, value) for row, value in found.items()}
    for row, value in found.items():
        print(f"{row:34}{value:16,.3f}  {judged[row]}")
    if options.json:
        rows = {row: {"ours": value, "verdict": judged[row]} for row, value in found.items()}
        options.json.write_text(json.dumps(rows, indent=2))
    return int(any(each.startswith("NOT") for each in judged.values()))


if __name__ == "__main__":
    sys.exit(main())
