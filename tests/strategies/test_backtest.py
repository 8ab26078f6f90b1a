"""The backtest makes the orders, fills and money of the bot itself: the same recording, played twice."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from chains.chance import below
from chains.feeds.recordings import open_recordings
from storage import log
from storage.config import Exits, Limits, Momentum, Paper, Recording, Scalping, Settings
from storage.layout import log_path
from strategies import backtest, desks
from strategies.kernel.swaps import tokens_of_depth
from strategies.kernel.wide import number_of
from strategies.layout import floats_of
from strategies.recorded import bars_of, load, recorded
from tests.crash import runs
from tests.strategies.peeking import looking
from tests.strategies.replay import Bot, fills_of, orders_of

ROOT = Path(__file__).parent.parent.parent
CALM = Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0)
BUSY = Settings(
    paper=CALM,
    momentum=Momentum(timeframe_minutes=2, entry_bars=6, exit_bars=4, atr_bars=3, trail_atr=2.0),
    scalping=Scalping(
        timeframe_minutes=1, vwap_bars=20, entry_deviations=1.0, edge_multiple=1.0, slippage_bps=0,
        max_hold_bars=15, rest_bars=2,
    ),
    exits=Exits(stop_bps=60, take_profit_bps=70, trailing_bps=50, max_hold_minutes=90),
    limits=Limits(cooldown_minutes=3, loss_streak=4, loss_streak_pause_minutes=30, max_positions=3),
)  # fmt: skip
START = 1_700_000_000 // 60 * 60


def market(folder: Path, seed: int, rows: int, tokens: int, wild: float = 0.004) -> list[Path]:
    """Files of candles that trend, jump and have holes; made of drawn numbers."""
    paths = []
    for number in range(tokens):
        lines, price = ["timestamp,open,high,low,close,volume"], 10.0 ** below(5, seed, number)
        for row in range(rows):
            drawn = [
                below(2_001, seed, number, row, name) / 1_000 - 1 for name in ("move", "gap", "up", "down")
            ]
            start = price * (1 + drawn[1] * wild / 3)
            price = start * (1 + drawn[0] * wild + (0.0004 if row // 200 % 2 else -0.0004))
            high = max(start, price) * (1 + abs(drawn[2]) * wild / 2)
            low = min(start, price) * (1 - abs(drawn[3]) * wild / 2)
            hole = below(40, seed, number, row, "hole") == 0 or below(9, seed, number, row // 9, "long") == 0
            if not hole or not row or row == rows - 1:
                cells = (START + 60 * row, start, high, low, price, below(9_000, seed, row) + 1)
                lines.append(",".join(map(str, cells)))
        paths.append(folder / f"{'ABCDEFGH'[number]}X-USDC_{seed}.csv")
        paths[-1].write_text("\n".join(lines))
    return paths


def recorded_of(paths, settings):
    """Holes and all."""
    feed = open_recordings(paths, settings.paper, settings.recording)
    return recorded(feed, feed.in_order())


def both(folder, paths, settings, names):
    feed = open_recordings(paths, settings.paper, settings.recording)
    bot = Bot(folder, settings, feed, names).play()
    return bot, backtest.run(recorded_of(paths, settings), settings, names)


def same(bot, result) -> None:
    theirs, ours = orders_of(bot.records), fills_of(result)
    for number, (their, our) in enumerate(itertools.zip_longest(theirs, ours)):
        assert their == our, f"order {number} of {len(theirs)} and {len(ours)}"
    account = bot.books.ledger.account("paper:USDC")
    assert result.account == {name: getattr(account, name) for name in result.account}
    refused = {(name, reason): count for name, row in result.refused.items() for reason, count in row.items()}
    assert refused == {(name, str(reason)): count for (name, reason), count in bot.refusals.items()}


VARIED = {
    "all": BUSY,
    "no exits": replace(BUSY, exits=Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0)),
    "no rest, little room": replace(
        BUSY,
        limits=Limits(
            cooldown_minutes=0,
            position_bps=4_000,
            strategy_budget_bps=4_500,
            total_exposure_bps=6_000,
            loss_streak=1_000,
            daily_loss_bps=10_000,
        ),
    ),
    "dear gas": replace(BUSY, paper=replace(CALM, gas="4", capital="700")),
    "a tight slippage": replace(BUSY, limits=replace(BUSY.limits, slippage_bps=3)),
    "a small pool": replace(BUSY, recording=Recording(fee_pips=3_000, pool_depth="40000")),
    "slow to land": replace(BUSY, paper=replace(CALM, latency_seconds=100)),
    "a small loss is enough": replace(BUSY, limits=replace(BUSY.limits, daily_loss_bps=20, loss_streak=2)),
    "no profit is left": replace(BUSY, exits=Exits(take_profit_portion_bps=10_000, take_profit_bps=40)),
    "out in time": replace(
        BUSY, exits=Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0, max_hold_minutes=15)
    ),
    "no time to sign": replace(
        BUSY,
        limits=Limits(
            deadline_seconds=59,
            loss_streak=1_000,
            daily_loss_bps=10_000,
            cooldown_minutes=0,
            position_bps=1_000,
            strategy_budget_bps=9_000,
            max_positions=9,
        ),
    ),
    "tsmom": replace(
        BUSY, momentum=Momentum(form="tsmom", timeframe_minutes=1, long_bars=20, short_bars=5, look_bars=3)
    ),
}


PLAYED_TWICE = list(zip(VARIED.values(), itertools.cycle((1, 2)), strict=False))


@pytest.mark.parametrize(("settings", "seed"), PLAYED_TWICE, ids=VARIED)
def test_the_backtest_is_the_bot_order_by_order_and_unit_by_unit(tmp_path, settings, seed):
    paths = market(tmp_path, seed, 1_200, 4)
    bot, result = both(tmp_path, paths, settings, ["momentum", "scalping"])
    same(bot, result)
    assert len(result.fills) > 10


def test_those_comparisons_have_met_every_outcome_reason_and_refusal(tmp_path):
    outcomes, reasons, refusals = set(), set(), set()
    for settings, seed in PLAYED_TWICE:
        tape = recorded_of(market(tmp_path, seed, 1_200, 4), settings)
        result = backtest.run(tape, settings, ["momentum", "scalping"])
        outcomes |= {fill.outcome for fill in result.fills}
        reasons |= {fill.reason for fill in result.fills}
        refusals |= {reason for row in result.refused.values() for reason in row}
    assert outcomes >= {"landed", "reverted", "dead", "rolled back"}
    assert reasons == {"entry", "stop", "take_profit", "trailing", "time", "signal"}
    assert refusals >= {
        "position_exists", "token_claimed", "cooldown", "daily_loss", "loss_streak", "max_positions",
        "total_exposure", "strategy_budget",
    }, refusals  # fmt: skip


# -- real recordings --
POOL = "dex/univ3_polygon_usdc_weth_005_1m_bars.parquet"
PERPS = ["cex_1m/SOLUSDT-PERP_1m_2025-05.parquet", "cex_1m/SUIUSDT-PERP_1m_2025-05.parquet"]


def test_on_a_real_pool_the_backtest_is_the_bot(tmp_path, shared_data):
    bot, result = both(tmp_path, [shared_data(POOL)], replace(BUSY, exits=Exits()), ["momentum"])
    same(bot, result)
    assert len(result.fills) > 100


def test_on_real_candles_of_two_tokens_the_backtest_is_the_bot(tmp_path, shared_data):
    bot, result = both(tmp_path, [shared_data(name) for name in PERPS], BUSY, ["momentum", "scalping"])
    same(bot, result)
    assert len(result.fills) > 100


PLAYED = """
import sys, json
from pathlib import Path
from msgspec import convert, to_builtins
from chains.feeds.recordings import open_recordings
from chains.feeds.tables import RecordingError
from storage import log
from storage.config import Settings
from strategies import backtest, desks
from strategies.recorded import recorded
from strategies.compiled import in_python
settings = convert(json.loads(sys.argv[1]), Settings)
feed = open_recordings(sys.argv[3:], settings.paper, settings.recording)
tape = backtest.cut_off(recorded(feed, feed.in_order()), int(sys.argv[2]))
result = backtest.run(tape, settings, ["momentum", "scalping"])
money = json.dumps(to_builtins([result.fills, result.account]))
print(int(in_python()), money, result.equity.tobytes().hex())
"""


def in_python(paths, settings, moments, jit_off="1"):
    words = [
        sys.executable,
        "-c",
        PLAYED,
        msgspec.json.encode(settings).decode(),
        str(moments),
        *map(str, paths),
    ]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": jit_off, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return ran.stdout.split(" ", 1)


def test_pure_python_makes_the_same_bits_as_machine_code(shared_data):
    paths = [shared_data(name) for name in PERPS]
    off, played = in_python(paths, BUSY, 3_000)
    result = backtest.run(backtest.cut_off(recorded_of(paths, BUSY), 3_000), BUSY, ["momentum", "scalping"])
    wanted = json.dumps(msgspec.to_builtins([result.fills, result.account]))
    assert off == "1"
    assert played.strip() == f"{wanted} {result.equity.tobytes().hex()}"
    assert len(result.fills) > 10


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_run_that_is_killed_in_the_middle_ends_as_the_backtest_does(tmp_path):
    """Real processes: the strategist is killed, then everything, and it is started again."""
    path, data_dir = runs.recording(tmp_path, 5_000), tmp_path / "data"
    settings = replace(BUSY, exits=Exits(stop_bps=100, take_profit_bps=80, trailing_bps=60))
    (path.parent / "busy.toml").write_text(toml_of(settings))
    run = runs.start(path, data_dir, "--speed", "30000")
    try:
        orders_in(data_dir, 4)
        strategist = runs.pid_of(data_dir, "strategist:momentum")
        assert strategist > 1
        os.kill(strategist, signal.SIGKILL)
        orders_in(data_dir, 8)
    finally:
        runs.kill_all(run)
    assert runs.to_the_end(path, data_dir)["state"] == "stopped"
    written = [record for _, record in log.records(log_path(data_dir))]
    result = backtest.run(recorded_of([path], settings), settings, ["momentum"])
    assert orders_of(written) == fills_of(result)
    assert len(result.fills) > 20


def orders_in(data_dir, count: int) -> None:
    for _ in range(1_200):
        with suppress(log.LogError):  # It is just being made.
            if log_path(data_dir).exists() and len(runs.trades(data_dir)) >= count:
                return
        time.sleep(0.05)
    raise AssertionError(
        f"there never were {count} orders: {data_dir.with_suffix('.out').read_text()[-1000:]}"
    )


def toml_of(settings) -> str:
    tables = msgspec.to_builtins(settings)
    wanted = ("paper", "limits", "exits", "momentum", "scalping")
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in tables[name].items())
        for name in wanted
    )


# -- what a tape is --
def pairs(field) -> tuple[int, int]:
    return int(field[0]), int(field[1])


@pytest.mark.parametrize("name", [*PERPS, POOL])
def test_a_bar_of_the_tape_is_the_bar_of_the_feed(shared_data, name):
    settings = Settings()
    feed = open_recordings([shared_data(name)], settings.paper, settings.recording)
    (series,) = feed.in_order().series
    bars, desk = (
        bars_of(series, 0),
        desks.desk_of(load([series.path], settings), settings, ["momentum"], 0, 0),
    )
    for row in range(0, len(bars), 7):
        bar, mine = series.bar(row), bars[row]
        assert floats_of(bar) == (mine.open, mine.high, mine.low, mine.close, mine.volume, mine.reserve_quote)
        assert (bar.open, bar.close) == (number_of(mine.exact_open), number_of(mine.exact_close))
        known = tuple(mine.reserve_token)
        if known == (0, 0):
            known = tokens_of_depth(mine.reserve_quote, tuple(mine.exact_close), tuple(desk.tokens[0].unit))
        assert bar.reserve_token == number_of(known)


# -- looking ahead --
def peeking(tape, desk):
    looking(tape, desk._replace(params=np.tile(tape.bars.close, (len(desk.minds), 1))))


def test_a_strategy_that_looks_ahead_is_found_out_and_ours_do_not(tmp_path):
    settings = replace(BUSY, momentum=replace(BUSY.momentum, timeframe_minutes=1))
    tape = recorded_of(market(tmp_path, 3, 900, 1), settings)
    found = backtest.looks_ahead(tape, settings, ["momentum"], play=peeking)
    assert found.startswith("what is decided at 2023-11-14T")
    assert found.endswith("depends on what comes after it: the strategy looks ahead")
    assert backtest.looks_ahead(tape, settings, ["momentum", "scalping"], cuts=30) == ""


def test_a_loop_of_orders_that_does_not_fit_is_played_again(tmp_path, monkeypatch):
    tape = recorded_of(market(tmp_path, 1, 900, 2), BUSY)
    whole = backtest.run(tape, BUSY, ["momentum"])
    monkeypatch.setattr(backtest, "ORDERS", 3)
    assert backtest.run(tape, BUSY, ["momentum"]).fills == whole.fills
