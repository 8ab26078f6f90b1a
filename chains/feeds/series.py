"""One file of a recording as a series of bars: candles of any source, or a Uniswap V3 pool by the minute.

Prices of candles pass through float64, for that is what such files hold; those of a pool come from its ticks,
exactly.  Bars are made when they are read, so a file costs little memory.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Units
from chains.amounts import to_units
from chains.feeds.kept import KeptBars, is_kept
from chains.feeds.names import PoolName, decimals_of, pool_name, token_name
from chains.feeds.tables import (
    INTEGER,
    NUMBER,
    TIME,
    Column,
    Floats,
    Integers,
    RecordingError,
    Times,
    cell_error,
    header,
    load,
)  # fmt: skip
from chains.pool import price_at_tick, reserves_in_range, reserves_of_depth
from chains.tickmath import MAX_TICK
from storage.config import Paper, Recording

TIME_NAMES = ("date", "timestamp", "ts")
CANDLE_NAMES = ("open", "high", "low", "close")
POOL_NAMES = (
    "openTick", "closeTick", "lowestTick", "highestTick", "currentLiquidity",
    "netAmount0", "netAmount1", "inAmount0", "inAmount1",
)  # fmt: skip


class Series(Protocol):
    """Bars of one instrument, in the order of time."""

    @property
    def path(self) -> Path: ...

    @property
    def instrument(self) -> Instrument: ...

    @property
    def bar_ns(self) -> int: ...

    @property
    def ends(self) -> Times:
        """When each bar ends; rising."""

    def bar(self, row: int) -> Bar: ...


class Clock(Struct, frozen=True):
    bar_ns: int
    ends: Times


def open_series(path: Path, paper: Paper, recording: Recording) -> Series:
    """RecordingError unless the file is one of our own, a V3 minute file or an OHLCV file, and sound."""
    names = header(path)
    if is_kept(names):
        return KeptBars(path, paper)
    time = next((name for name in TIME_NAMES if name in names), None)
    if time and all(name in names for name in POOL_NAMES):
        return PoolMinutes(path, time, paper)
    if time and all(name in names for name in CANDLE_NAMES):
        return Candles(path, time, names, paper, recording)
    found = f"columns {', '.join(names)}" if names else "no columns"
    raise RecordingError(
        f"{path.name} has {found}; it needs date, timestamp or ts with open, high, low, close "
        f"(and volume), or the columns of a Uniswap V3 minute file"
    )


class Candles:
    """open, high, low, close in whole quote tokens; volume in tokens, or vol_usd in quote tokens."""

    def __init__(
        self, path: Path, time: str, names: tuple[str, ...], paper: Paper, recording: Recording
    ) -> None:
        self.path = path
        volume = next((name for name in ("vol_usd", "volume") if name in names), None)
        self._pool = pool_name(path.name) if {"tick", "liquidity"} <= set(names) else None
        kinds = {time: TIME, **dict.fromkeys(CANDLE_NAMES, NUMBER)}
        kinds |= {volume: NUMBER} if volume else {}
        kinds |= {"tick": INTEGER, "liquidity": NUMBER} if self._pool else {}
        columns = load(path, kinds)
        self.instrument = _instrument(path, paper, recording.fee_pips)
        clock = _clock(path, time, _times(columns[time]))
        self.bar_ns, self.ends = clock.bar_ns, clock.ends
        self._prices = [_floats(columns[name]) for name in CANDLE_NAMES]
        self._volume = _floats(columns[volume]) if volume else np.zeros(len(self.ends))
        self._per_token = volume == "volume"
        _check_candles(path, self._prices, self._volume, volume or "")
        if self._pool:
            self._ticks, self._liquidity = _integers(columns["tick"]), _floats(columns["liquidity"])
            _check_ticks(path, "tick", self._ticks)
            _check_liquidity(path, "liquidity", self._liquidity.tolist())
        self._depth = to_units(recording.pool_depth, paper.quote_decimals, "recording.pool_depth")
        self._scale = float(10**paper.quote_decimals)

    def whole(self) -> tuple[list[Floats], Floats]:
        """Prices (open, high, low, close) and what was traded, in quote units as `bar` has them, uncut.

        A price is yet to be multiplied by PRICE_SCALE.
        """
        traded = self._volume * self._prices[3] if self._per_token else self._volume
        return [column * self._scale for column in self._prices], traded * self._scale

    @property
    def depth(self) -> int | None:
        """Of the quote in the pool, where the file does not say it; else None."""
        return None if self._pool else self._depth

    def bar(self, row: int) -> Bar:
        open, high, low, close = (self._price(column[row]) for column in self._prices)
        traded = float(self._volume[row]) * (float(self._prices[3][row]) if self._per_token else 1.0)
        volume = Units(int(traded * self._scale))
        return Bar(self.instrument.token, open, high, low, close, volume, *self._reserves(row, close))

    def _price(self, whole: float) -> Price:
        return Price(max(1, int(float(whole) * self._scale * PRICE_SCALE)))

    def _reserves(self, row: int, close: Price) -> tuple[Units, Units]:
        if self._pool is None:
            return reserves_of_depth(self._depth, close, self.instrument.token_decimals)
        return _virtual(self._pool, self._ticks[row], int(self._liquidity[row]))


class PoolMinutes:
    """Swaps of a Uniswap V3 pool added up by the minute, amounts in base units, prices as ticks."""

    def __init__(self, path: Path, time: str, paper: Paper) -> None:
        self.path = path
        pool = pool_name(path.name)
        if pool is None:
            raise RecordingError(
                f"{path.name} does not say what it holds; name it "
                f"univ3_<chain>_<token0>_<token1>_<fee>_minute, such as univ3_polygon_usdc_weth_005_minute"
            )
        if decimals_of(pool.quote) != paper.quote_decimals:
            raise RecordingError(
                f"{path.name} counts {pool.quote} with {decimals_of(pool.quote)} decimals; "
                f"set paper.quote_decimals to {decimals_of(pool.quote)}, not {paper.quote_decimals}"
            )
        self._pool = pool
        self.instrument = _instrument(path, paper, pool.fee_pips)
        side = 0 if pool.quote_is_token0 else 1
        taken, net = f"inAmount{side}", f"netAmount{side}"
        ticks = ("openTick", "lowestTick", "highestTick", "closeTick")
        columns = load(path, {time: TIME, **dict.fromkeys((*ticks, "currentLiquidity", taken, net), INTEGER)})
        clock = _clock(path, time, _times(columns[time]))
        self.bar_ns, self.ends = clock.bar_ns, clock.ends
        self._ticks = [np.array(_checked_ticks(path, name, columns[name]), np.int32) for name in ticks]
        _check_order(path, self._ticks)
        self._liquidity = _integers(columns["currentLiquidity"])
        _check_liquidity(path, "currentLiquidity", self._liquidity)
        # What came in, and what went out: the net amount is their difference.
        flows = zip(_integers(columns[taken]), _integers(columns[net]), strict=True)
        self._volume = [2 * came_in - net for came_in, net in flows]

    def bar(self, row: int) -> Bar:
        open_tick, lowest, highest, close_tick = (int(column[row]) for column in self._ticks)
        flipped, decimals = self._pool.quote_is_token0, self.instrument.token_decimals
        low_tick, high_tick = (highest, lowest) if flipped else (lowest, highest)
        reserve_quote, reserve_token = _virtual(self._pool, close_tick, self._liquidity[row])
        return Bar(
            self.instrument.token,
            price_at_tick(open_tick, flipped, decimals),
            price_at_tick(high_tick, flipped, decimals),
            price_at_tick(low_tick, flipped, decimals),
            price_at_tick(close_tick, flipped, decimals),
            Units(self._volume[row]),
            reserve_quote,
            reserve_token,
        )


def _instrument(path: Path, paper: Paper, fee_pips: int) -> Instrument:
    pool = pool_name(path.name)
    symbol = token_name(path.name)
    return Instrument(
        Asset(f"paper:{symbol}"), Asset(f"paper:{paper.quote}"), decimals_of(symbol), paper.quote_decimals,
        pool.fee_pips if pool else fee_pips,
    )  # fmt: skip


def _virtual(pool: PoolName, tick: int, liquidity: int) -> tuple[Units, Units]:
    reserve0, reserve1 = reserves_in_range(tick, liquidity)
    quote, token = (reserve0, reserve1) if pool.quote_is_token0 else (reserve1, reserve0)
    return Units(quote), Units(token)


# -- checks: whole columns at once, and a sentence about the first row that fails ------------------------
def _clock(path: Path, column: str, starts: Times) -> Clock:
    """A row says when its bar starts; how long it is follows from the usual step."""
    if len(starts) < 2:
        raise RecordingError(f"{path.name} holds one row; a recording needs at least two")
    steps = np.diff(starts)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        moment = str(np.datetime64(int(starts[row]), "ns"))
        what = "is there twice" if steps[row - 1] == 0 else "is earlier than the row before"
        raise cell_error(path, row + 1, column, moment, f"{what}; sort the rows and keep one of each time")
    bar_ns = int(np.sort(steps)[(len(steps) - 1) // 2])  # The median, and a step that really occurs.
    return Clock(bar_ns, starts + bar_ns)


def _refuse_first(path: Path, column: str, wrong: np.ndarray, values: Floats, fix: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise cell_error(path, row + 1, column, float(values[row]), fix)


def _check_candles(path: Path, prices: list[Floats], volume: Floats, volume_name: str) -> None:
    for name, column in zip(CANDLE_NAMES, prices, strict=True):
        fix = "is no price; repair or remove the row"
        _refuse_first(path, name, ~(np.isfinite(column) & (column > 0)), column, fix)
    _, high, low, _ = prices
    _refuse_first(path, "high", high < low, high, "is below the low of its row; repair or remove the row")
    fix = "is no volume; write 0 or remove the row"
    _refuse_first(path, volume_name, ~(np.isfinite(volume) & (volume >= 0)), volume, fix)


def _checked_ticks(path: Path, name: str, column: Column) -> Integers:
    ticks = _integers(column)
    _check_ticks(path, name, ticks)
    return ticks


def _check_ticks(path: Path, name: str, ticks: Integers) -> None:
    for row, tick in enumerate(ticks, 1):
        if abs(tick) > MAX_TICK:
            raise cell_error(path, row, name, tick, f"is no tick (+-{MAX_TICK}); repair or remove the row")


def _check_order(path: Path, ticks: list[np.ndarray]) -> None:
    _, lowest, highest, _ = ticks
    fix = "is below the lowest tick of its row; repair or remove the row"
    wrong = highest < lowest
    if wrong.any():
        row = int(np.argmax(wrong))
        raise cell_error(path, row + 1, "highestTick", int(highest[row]), fix)


def _check_liquidity(path: Path, name: str, liquidity: Sequence[float]) -> None:
    for row, amount in enumerate(liquidity, 1):
        if not 0 < amount < 2**128:
            raise cell_error(path, row, name, amount, "is no liquidity; repair or remove the row")


def _times(column: Column) -> Times:
    return np.asarray(column, np.int64)


def _floats(column: Column) -> Floats:
    return np.asarray(column, np.float64)


def _integers(column: Column) -> Integers:
    assert isinstance(column, list)
    return column
