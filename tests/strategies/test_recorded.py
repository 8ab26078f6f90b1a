"""What a backtest refuses, and what it then says to do: recordings and settings that tell nothing."""

import re

import pytest
from msgspec.structs import replace

from actors.messages import PRICE_SCALE
from chains import pool
from chains.feeds.recordings import open_recordings
from chains.feeds.tables import RecordingError
from storage.config import Momentum, Recording, Scalping
from strategies import backtest
from strategies.kernel.swaps import reserves_at, tokens_of_depth
from strategies.kernel.wide import number_of, wide
from strategies.recorded import load
from tests.strategies.test_backtest import BUSY, CALM, START, market, recorded_of


def test_too_little_history_is_refused(tmp_path):
    tape = recorded_of(market(tmp_path, 1, 30, 1), BUSY)
    with pytest.raises(
        RecordingError, match="scalping needs 22 bars of 1 minutes before it can trade, and there"
    ):
        backtest.run(backtest.cut_off(tape, 15), BUSY, ["scalping"])


def test_bars_that_do_not_fit_into_the_strategy_s_are_refused(tmp_path):
    path = tmp_path / "AX-USDC.csv"
    path.write_text(candles([(START + 240 * row, 1 + row % 3) for row in range(50)]))
    with pytest.raises(
        RecordingError, match="bars of 4 minutes do not fit into momentum's of 2; set momentum"
    ):
        backtest.run(load([path], BUSY), BUSY, ["momentum"])


def candles(rows, volume="5"):
    lines = [f"{at},{price},{price},{price},{price},{volume}" for at, price in rows]
    return "\n".join(["timestamp,open,high,low,close,volume", *lines])


MINUTES = [(START + 60 * row, 1 + row % 3) for row in range(3_000)]
REFUSED = {
    "a long gap": ([*MINUTES, (MINUTES[-1][0] + 90_000, 1)], "has a gap of 25.0 h after 2023-11-17T00:1"),
    "many gaps": ([each for row, each in enumerate(MINUTES) if row % 50], "lacks 2.0% of its bars"),
    "constant prices": ([(at, 7) for at, _ in MINUTES], "does not move over 2,999 bars"),
    "a price that dies": (
        [(at, price if row < 500 else 2) for row, (at, price) in enumerate(MINUTES)],
        "does not move over 2,500 bars",
    ),
    "not sorted": ([MINUTES[1], MINUTES[0]], "is earlier than the row before"),
    "there twice": ([MINUTES[0], MINUTES[0]], "is there twice"),
    "no number": ([*MINUTES[:9], (MINUTES[9][0], "nan")], "is no price"),
    "a price without end": ([*MINUTES[:9], (MINUTES[9][0], 10**15)], "is too large for a backtest"),
}


@pytest.mark.parametrize(("rows", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_recording_that_tells_nothing_is_refused(tmp_path, rows, sentence):
    path = tmp_path / "AX-USDC.csv"
    path.write_text(candles(rows))
    with pytest.raises(RecordingError, match=re.escape(sentence)) as refusal:
        load([path], BUSY)
    assert "AX-USDC.csv" in str(refusal.value)


def test_a_recording_without_volume_is_refused_by_who_weighs_by_it(tmp_path):
    path = tmp_path / "AX-USDC.csv"
    path.write_text(candles(MINUTES, volume="0"))
    tape = load([path], BUSY)
    backtest.run(tape, BUSY, ["momentum"])
    with pytest.raises(RecordingError, match="most bars of paper:AX have none"):
        backtest.run(tape, BUSY, ["scalping"])


@pytest.mark.parametrize(
    ("settings", "names", "sentence"),
    [
        (replace(BUSY, momentum=Momentum(entry_bars=5, exit_bars=9)), ["momentum"], "momentum.exit_bars = 9"),
        (replace(BUSY, momentum=Momentum(entry_bars=0)), ["momentum"], "momentum.entry_bars"),
        (replace(BUSY, scalping=Scalping(edge_multiple=0.5)), ["scalping"], "scalping.edge_multiple"),
        (replace(BUSY, paper=replace(CALM, capital="1000000000000")), ["momentum"], "too large; lower it"),
        (BUSY, [], "name at least one strategy"),
        (BUSY, ["momentum", "momentum"], "none of them twice"),
        (BUSY, ["luck"], "there is no strategy luck; write one of momentum, scalping"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, names, sentence):
    path = tmp_path / "AX-USDC.csv"
    path.write_text(candles(MINUTES))
    with pytest.raises(ValueError, match=re.escape(sentence)):
        backtest.run(load([path], BUSY), settings, names)


def falling(folder, times):
    """A market that opens one bar at so many times its close, in the deepest pool that there may be."""
    path = folder / "AX-USDC.csv"
    rows = [f"{at},{price},{price},{price},{price},5" for at, price in MINUTES]
    at, price = MINUTES[1_000]
    rows[1_000] = f"{at},{price * times},{price * times},{price},{price},5"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]))
    return path


DEEPEST = replace(BUSY, recording=Recording(pool_depth="288000000000"))  # 2 ** 58 is 288,230,376,151.


def test_a_pool_that_held_more_of_the_quote_at_an_open_than_can_be_counted_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"AX-USDC\.csv: a reserve of the quote at the open of a bar"):
        load([falling(tmp_path, 17)], DEEPEST)


def test_a_pool_that_just_fits_at_an_open_has_the_reserves_that_python_counts(tmp_path):
    path = falling(tmp_path, 16)
    bar, series = load([path], DEEPEST).tape.bars[1_000], market_of(path)
    depth, price, unit = int(bar.reserve_quote), tuple(bar.exact_close), wide(10**18 * PRICE_SCALE)
    tokens = tokens_of_depth(depth, price, unit)
    quote, after = reserves_at(tuple(bar.exact_open), depth, tokens, unit)
    wanted = pool.reserves_at(series.open, series.reserve_quote, series.reserve_token, 18)
    assert (quote, number_of(after)) == wanted
    assert quote > 2**59


def market_of(path):
    return open_recordings([path], DEEPEST.paper, DEEPEST.recording).in_order().series[0].bar(1_000)


def test_a_pool_of_more_tokens_than_can_be_counted_is_refused(tmp_path):
    path = tmp_path / "AX-USDC.csv"
    path.write_text(candles([(at, f"0.{'0' * 14}{price}") for at, price in MINUTES]))
    with pytest.raises(RecordingError, match=r"AX-USDC\.csv: a reserve of the token of .* is too large"):
        load([path], BUSY)
