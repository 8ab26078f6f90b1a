"""Recordings: every format that we read, every fault that we name, and what reading costs."""

import gzip
import time
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from actors.messages import PRICE_SCALE, Asset
from chains.feeds.recordings import RecordingError, open_recordings
from chains.feeds.tables import nanoseconds
from chains.pool import price_of
from storage.config import Paper, Recording

MINUTE = 60 * 10**9
POOL = "dex/univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22.csv.gz"
POOL_BARS = "dex/univ3_polygon_usdc_weth_005_1m_bars.parquet"
PERPETUALS = ["BTC", "ETH", "SOL"]
CSV = """date,open,high,low,close,volume
2024-01-01 00:00:00,10.0,12.0,9.0,11.0,5
2024-01-01 00:01:00,11.0,11.5,10.5,11.25,0
2024-01-01 00:03:00,11.25,11.25,11.25,11.25,7.5
"""
V3_COLUMNS = (
    "timestamp,netAmount0,netAmount1,closeTick,openTick,lowestTick,highestTick,"
    "inAmount0,inAmount1,currentLiquidity"
)
V3 = (
    f"{V3_COLUMNS}\n"
    "2022-07-19 00:00:00,-30361565484,19253165598944715626,202693,202656,202649,202697,"
    "23814930590,34314688834673185254,422680516552367239\n"
    "2022-07-19 00:01:00,-65715965681,41904775239614695519,202770,202696,202689,202786,"
    "42197939610,68803243902877561394,536831100101048247\n"
)


def open_(*paths, paper=None, recording=None):
    return open_recordings(paths, paper or Paper(), recording or Recording())


@pytest.fixture
def write(tmp_path):
    """Writes a recording and gives its path; .gz is packed."""

    def write_(text: str, name: str = "ABCUSDT_1m.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_


def dollars(amount: float) -> int:
    return int(amount * 10**6) * PRICE_SCALE


# -- what is read ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["ABCUSDT_1m.csv", "ABCUSDT_1m.csv.gz"])
def test_a_candle_ends_one_bar_after_its_row_begins(write, name):
    feed = open_(write(CSV, name))
    first, _, third = feed.read(None, 10)
    assert first.at_ns == nanoseconds("2024-01-01T00:01:00Z")
    assert third.at_ns == nanoseconds("2024-01-01T00:04:00Z")
    bar = first.bars[0]
    assert bar.token == Asset("paper:ABC")
    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(dollars, (10, 12, 9, 11)))
    assert bar.volume == 55 * 10**6  # Five tokens at the close.
    assert bar.reserve_quote == 2_000_000 * 10**6  # recording.pool_depth
    assert price_of(bar.reserve_quote, bar.reserve_token, 18) == pytest.approx(dollars(11), rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1704067200", "1704067260"),
        ("1704067200000", "1704067260000"),
        ("1704067200000000", "1704067260000000"),
        ("1704067200000000000", "1704067260000000000"),
        ("1704067200.0", "1704067260.0"),
        ("2024-01-01T00:00:00Z", "2024-01-01T01:01:00+01:00"),
    ],
)
def test_time_may_be_in_any_usual_unit(write, first, second):
    rows = f"ts,open,high,low,close\n{first},1,1,1,1\n{second},1,1,1,1\n"
    feed = open_(write(rows))
    assert feed.bar_ns == MINUTE
    assert feed.read(None, 1)[0].at_ns == 1_704_067_260 * 10**9


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_parquet_may_hold_times_of_any_unit(tmp_path, unit, zone):
    times = pa.array([1_704_067_200, 1_704_067_260], pa.int64()).cast(pa.timestamp("s", zone))
    columns = {"date": times.cast(pa.timestamp(unit, zone))}
    columns |= {name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")}
    parquet.write_table(pa.table(columns), tmp_path / "X.parquet")
    assert open_(tmp_path / "X.parquet").read(None, 1)[0].at_ns == 1_704_067_260 * 10**9


@pytest.mark.parametrize("second", [2**60, -(2**60)])
def test_a_time_that_nanoseconds_can_not_count_is_refused_with_its_row(tmp_path, second):
    columns = {"date": pa.array([1_704_067_200_000, second], pa.int64()).cast(pa.timestamp("ms"))}
    columns |= {name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")}
    parquet.write_table(pa.table(columns), tmp_path / "X.parquet")
    with pytest.raises(RecordingError, match=r'X.parquet, row 2, column "date": .*2262'):
        open_(tmp_path / "X.parquet")


def test_in_a_v3_file_the_highest_price_is_the_lowest_tick(write):
    feed = open_(write(V3, "univ3_polygon_usdc_weth_005_minute.csv"))
    assert feed.instruments[0].fee_pips == 500
    bar = feed.read(None, 1)[0].bars[0]
    assert bar.token == Asset("paper:WETH")
    for price, tick in ((bar.open, 202656), (bar.high, 202649), (bar.low, 202697), (bar.close, 202693)):
        assert price == pytest.approx(1e12 / 1.0001**tick * 10**18, rel=1e-9)
    assert bar.volume == 2 * 23814930590 + 30361565484  # What came in of USDC, and what went out.
    assert price_of(bar.reserve_quote, bar.reserve_token, 18) == pytest.approx(bar.close, rel=1e-9)
    assert bar.reserve_quote * bar.reserve_token == pytest.approx(422680516552367239**2, rel=1e-6)


def test_a_v3_file_with_the_quote_second_is_read_the_other_way_round(write):
    rows = [line.split(",") for line in V3.splitlines()[1:]]
    turned = [
        [at, net1, net0, f"-{close}", f"-{open}", f"-{highest}", f"-{lowest}", in1, in0, liquidity]
        for at, net0, net1, close, open, lowest, highest, in0, in1, liquidity in rows
    ]
    other = "\n".join([V3_COLUMNS, *map(",".join, turned)])
    first = open_(write(V3, "univ3_polygon_usdc_weth_005.csv")).read(None, 1)[0].bars[0]
    second = open_(write(other, "univ3_polygon_weth_usdc_005.csv")).read(None, 1)[0].bars[0]
    for one, two in zip(_figures(first), _figures(second), strict=True):
        assert one == pytest.approx(two, rel=1e-9)


def _figures(bar):
    return (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.reserve_quote, bar.reserve_token)


def test_files_of_several_tokens_merge_by_time_wherever_they_begin(write):
    later = (
        CSV.replace("00:03:00", "00:04:00").replace("00:01:00", "00:03:00").replace("00:00:00", "00:02:00")
    )
    feed = open_(write(CSV, "AAAUSDT.csv"), write(later, "BBBUSDT.csv"))
    tokens = [[bar.token[-3:] for bar in tick.bars] for tick in feed.read(None, 10)]
    assert tokens == [["AAA"], ["AAA"], ["BBB"], ["AAA", "BBB"], ["BBB"]]
    assert all(earlier.at_ns < later.at_ns for earlier, later in pairwise(feed.read(None, 10)))


def test_files_of_one_token_follow_each_other(write):
    feed = open_(write(CSV, "ABCUSDT_1.csv"), write(CSV.replace("2024", "2025"), "ABCUSDT_2.csv"))
    assert feed.total == 6
    assert len(feed.instruments) == 1


# -- reading -----------------------------------------------------------------------------------------
def test_reading_goes_on_wherever_it_stopped(write):
    feed = open_(write(CSV))
    assert feed.bar_ns == MINUTE  # Though one step is two minutes long.
    everything = feed.read(None, 100)
    assert [feed.position(tick.at_ns) for tick in everything] == [1, 2, 3]
    one_by_one, after = [], None
    while ticks := feed.read(after, 1):
        one_by_one += ticks
        after = ticks[-1].at_ns
    assert tuple(one_by_one) == everything
    assert feed.read(everything[0].at_ns + 1, 1) == everything[1:2]
    assert [feed.ended(tick.at_ns) for tick in everything] == [False, False, True]
    assert feed.position(0) == 0


def test_the_name_tells_the_operator_what_it_is(recorded):
    assert open_(recorded(POOL)).name == (
        "recording univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22, 50,390 bars, "
        "2022-07-19 to 2022-08-23"
    )


def test_the_real_pool_and_the_bars_derived_from_it_agree(recorded):
    pool, bars = open_(recorded(POOL)), open_(recorded(POOL_BARS))
    assert pool.total == bars.total == 50_390
    assert pool.instruments == bars.instruments
    for one, two in zip(pool.read(None, 300), bars.read(None, 300), strict=True):
        assert one.at_ns == two.at_ns
        for mine, theirs in zip(_figures(one.bars[0]), _figures(two.bars[0]), strict=True):
            assert mine == pytest.approx(theirs, rel=0.01)
        assert one.bars[0].close == pytest.approx(two.bars[0].close, rel=1e-9)


def test_a_month_of_a_real_pool_is_read_fast_enough(recorded):
    feed = open_(recorded(POOL))
    started = time.process_time()
    assert len(feed.read(None, 10**6)) == 50_390
    assert 50_390 / (time.process_time() - started) > 30_000  # Bars a second; measured: 250,000.


def test_perpetuals_of_several_tokens_share_their_ticks(recorded):
    feed = open_(*(recorded(f"cex_1m/{token}USDT-PERP_1m_2025-05.parquet") for token in PERPETUALS))
    assert [instrument.token for instrument in feed.instruments] == ["paper:BTC", "paper:ETH", "paper:SOL"]
    assert len(feed.read(None, 1)[0].bars) == 3


# -- what is refused ---------------------------------------------------------------------------------
FAULTS = [
    ("no price", CSV.replace("11.25,0", "nan,0"), r'row 2, column "close": nan is no price'),
    ("infinite", CSV.replace("11.25,0", "inf,0"), r'row 2, column "close": inf is no price'),
    ("zero", CSV.replace("10.5,", "0,"), r'row 2, column "low": 0\.0 is no price'),
    ("negative", CSV.replace("10.0,", "-10.0,"), r'row 1, column "open": -10\.0 is no price'),
    ("letters", CSV.replace("10.0,", "ten,"), r"row 1, column \"open\": 'ten' is no number; repair"),
    ("empty cell", CSV.replace("10.0,", ","), r"row 1, column \"open\": '' is no number"),
    ("high below low", CSV.replace("11.5,", "10.0,"), r'row 2, column "high": 10\.0 is below the low'),
    ("negative volume", CSV.replace("7.5", "-7.5"), r'row 3, column "volume": -7\.5 is no volume'),
    ("duplicate", CSV.replace("00:01:00", "00:00:00"), r'row 2, column "date": .* is there twice'),
    ("unsorted", CSV.replace("00:01:00", "00:09:00"), r'row 3, column "date": .* is earlier'),
    ("no time", CSV.replace("2024-01-01 00:01:00", "soon"), r"row 2, column \"date\": 'soon' is no time"),
    ("short row", CSV[:-8], r"row 3 has \d columns instead of 6"),
    (
        "no columns",
        CSV.replace("close", "last"),
        r"has columns date, open, high, low, last, volume; it needs",
    ),
    ("no rows", CSV.splitlines()[0] + "\n", r"holds no rows"),
    ("one row", "\n".join(CSV.splitlines()[:2]) + "\n", r"holds one row"),
    ("nothing", "", r"has no columns; it needs date"),
]


@pytest.mark.parametrize(("text", "sentence"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_is_named_with_file_row_column_and_value(write, text, sentence):
    with pytest.raises(RecordingError, match=sentence) as refused:
        open_(write(text))
    assert str(refused.value).startswith("ABCUSDT_1m.csv")
    assert "\n" not in str(refused.value)


V3_FAULTS = [
    (V3.replace("202656", "x"), r"row 1, column \"openTick\": 'x' is no whole number"),
    (V3.replace("202656", "900000"), r'row 1, column "openTick": 900000 is no tick'),
    (V3.replace("202786", "1"), r'row 2, column "highestTick": 1 is below the lowest tick'),
    (V3.replace("422680516552367239", "0"), r'row 1, column "currentLiquidity": 0 is no liquidity'),
]


@pytest.mark.parametrize(("text", "sentence"), V3_FAULTS)
def test_a_fault_in_a_v3_file_is_named(write, text, sentence):
    with pytest.raises(RecordingError, match=sentence):
        open_(write(text, "univ3_polygon_usdc_weth_005_minute.csv"))


def test_a_v3_file_must_say_what_it_holds(write):
    with pytest.raises(RecordingError, match=r"^pool\.csv does not say what it holds; name it univ3_"):
        open_(write(V3, "pool.csv"))


def test_a_v3_file_whose_quote_has_other_decimals_is_refused(write):
    path = write(V3, "univ3_polygon_usdc_weth_005.csv")
    with pytest.raises(RecordingError, match=r"set paper\.quote_decimals to 6, not 18"):
        open_(path, paper=Paper(quote_decimals=18))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"nowhere\.csv is not there; check the path"):
        open_(tmp_path / "nowhere.csv")
    with pytest.raises(RecordingError, match="no recording is named"):
        open_()


def test_a_truncated_gzip_is_damaged_whatever_its_first_rows_say(write):
    path = write(
        CSV + "".join(f"{n},1,1,1,1,1\n" for n in range(2_000_000_000, 2_000_030_000, 60)), "A.csv.gz"
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RecordingError, match=r"A\.csv\.gz is cut off or damaged .*; fetch it again"):
        open_(path)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_parquet_is_damaged(recorded, tmp_path, keep):
    whole = recorded(POOL_BARS).read_bytes()
    path = tmp_path / "A.parquet"
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(
        RecordingError, match=r"A\.parquet is cut off or damaged .*; fetch it again"
    ) as refused:
        open_(path)
    assert "\n" not in str(refused.value)


def test_a_parquet_with_a_hole_in_it_is_refused(tmp_path):
    columns = {name: [1.0, None, 2.0] for name in ("open", "high", "low", "close")}
    parquet.write_table(pa.table({"ts": [60, 120, 180], **columns}), tmp_path / "A.parquet")
    with pytest.raises(RecordingError, match=r'A\.parquet, row 2, column "open": None is missing'):
        open_(tmp_path / "A.parquet")


def test_bars_of_different_length_are_not_mixed(write):
    hourly = CSV.replace("00:01:00", "01:00:00").replace("00:03:00", "02:00:00")
    with pytest.raises(RecordingError, match=r"has bars of 60 s and BBB\.csv of 3600 s"):
        open_(write(CSV, "AAA.csv"), write(hourly, "BBB.csv"))


def test_two_files_may_not_both_price_a_token_at_one_moment(write):
    with pytest.raises(
        RecordingError, match=r"ABCUSDT_1\.csv and ABCUSDT_2\.csv both have a bar that ends at"
    ):
        open_(write(CSV, "ABCUSDT_1.csv"), write(CSV, "ABCUSDT_2.csv"))


@pytest.mark.parametrize("value", [-1, 10**20, "1e5", "yesterday", None, float("nan")])
def test_what_is_no_time_is_no_time(value):
    with pytest.raises((ValueError, TypeError)):
        nanoseconds(value)


def test_the_columns_of_a_file_cost_little_memory(recorded):
    feed = open_(recorded("cex_5m/ETHUSDT_5m_2023.parquet"))
    series = feed._series[0]
    arrays = [series.ends, series._volume, *series._prices, feed._row, feed._moments]
    assert sum(np.asarray(array).nbytes for array in arrays) < 100 * 104_816
