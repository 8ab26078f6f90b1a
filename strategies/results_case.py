"""The recordings of RESULTS.md, read and cut in the middle of their time, and how its figures are written."""

import gzip
from functools import lru_cache
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from storage.config import Recording, Settings
from strategies.recorded import Recorded, load
from strategies.walk_forward import Window

BEGIN = 1_464_739_200  # 2016-06-01: in the days before it whole nights of ETH are missing.
# Of one side: the fee of the pool, and how deep it is, so that $2,000 (a position) move it by the rest.
COSTS = {
    7: Recording(fee_pips=500, pool_depth="10000000"),
    35: Recording(fee_pips=3_000, pool_depth="4000000"),
}


class Case(Struct, frozen=True):
    title: str
    files: tuple[str, ...]
    timeframe_minutes: int = 60


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


@lru_cache(maxsize=2)
def loaded(data: Path, files: tuple[str, ...], cost: int) -> Recorded:
    settings = Settings(recording=COSTS[cost])
    with TemporaryDirectory() as folder:
        paths = [readable(data / name, Path(folder)) for name in files]
        recorded = load(paths, settings)
    fee = COSTS[cost].fee_pips
    return replace(
        recorded, instruments=tuple(replace(each, fee_pips=fee) for each in recorded.instruments)
    )  # fmt: skip


def readable(path: Path, folder: Path) -> Path:
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


def halves(recorded: Recorded) -> Window:
    first, last = int(recorded.tape.moments[0]) - recorded.bar_ns, int(recorded.tape.moments[-1])
    middle = first + (last - first) // 2 // recorded.bar_ns * recorded.bar_ns
    return Window((first, middle), (middle, last))


def bold(value: float) -> str:
    return f"**{percent(value)}**" if value < 0 else percent(value)


def percent(value: float) -> str:
    return f"{value:+.1%}"


def part(value: float) -> str:
    return f"{value:.0%}" if isfinite(value) else "-"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
