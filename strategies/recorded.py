"""Recordings as a tape for the backtest, and what is refused before anything is computed.

Feeds refuse what no market can be read from: rows that are not sorted or there twice, NaN, no price.  Here is
refused what would run, and tell nothing: too little history, gaps, prices that do not move, no volume.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from actors.messages import PRICE_SCALE, Bar, Instrument
from chains.feeds.recordings import InOrder, RecordedFeed, open_recordings
from chains.feeds.series import Candles, Series
from chains.feeds.tables import RecordingError
from storage.config import Settings
from strategies.kernel.product import HALF, HALF_MASK
from strategies.kernel.tables import BAR, Floats, Integers, Table, Tape, table

DAY_NS = 86_400 * 10**9
MOST_MISSING = 0.01  # Of the bars between the first and the last.
LONGEST_GAP_NS = DAY_NS
PRICE_BITS, TOKEN_BITS, QUOTE_BITS, VOLUME_BITS = 90, 118, 58, 53
QUOTE_BITS_AT_OPEN, TOKEN_BITS_AT_OPEN = 60, 119  # The reserves of a bar are those at its close.


class Recorded(Struct, frozen=True):
    """A tape, and what its numbers stand for."""

    tape: Tape
    instruments: tuple[Instrument, ...]  # By the number of the token.
    bar_ns: int
    name: str


def load(paths: Sequence[str | Path], settings: Settings) -> Recorded:
    """RecordingError, one sentence with the fix, if nothing can be learned from these files."""
    feed = open_recordings(paths, settings.paper, settings.recording)
    order = feed.in_order()
    for series in order.series:
        _check_gaps(series)
    return recorded(feed, order)


def recorded(feed: RecordedFeed, order: InOrder) -> Recorded:
    numbers = {each.token: number for number, each in enumerate(feed.instruments)}
    tables = [bars_of(series, numbers[series.instrument.token]) for series in order.series]
    for series, bars in zip(order.series, tables, strict=True):
        _check_prices(series, bars)
    starts = np.cumsum([0, *map(len, tables)])[:-1]
    bars = np.concatenate(tables)[starts[order.owner] + order.row].view(np.recarray)
    return Recorded(Tape(order.moments, order.firsts, bars), feed.instruments, feed.bar_ns, feed.name)


def bars_of(series: Series, token: int) -> Table:
    """Candles are turned into whole numbers a column at a time; other series a bar at a time."""
    bars = table(BAR, len(series.ends))
    bars.token = token
    if isinstance(series, Candles) and series.depth is not None:
        _of_candles(bars, series, series.depth)
    else:
        _of_bars(bars, series, [series.bar(row) for row in range(len(bars))])
    return bars


def _of_candles(bars: Table, series: Candles, depth: int) -> None:
    """The same numbers as `series.bar`; the reserve of the token follows from the depth when it is needed."""
    columns, traded = series.whole()
    prices = [np.maximum(1.0, np.trunc(column * PRICE_SCALE)) for column in columns]
    _check_size(series.path.name, "price", float(max(column.max() for column in prices)), PRICE_BITS)
    _check_size(series.path.name, "volume", float(traded.max()), VOLUME_BITS)
    _check_size(series.path.name, "pool_depth", depth, QUOTE_BITS)
    tokens = depth * (10.0**series.instrument.token_decimals * PRICE_SCALE) / prices[3]
    _check_reserves(series.path.name, np.full(len(tokens), float(depth)), tokens, prices[0] / prices[3])
    bars.open, bars.high, bars.low, bars.close = prices
    bars.volume, bars.reserve_quote = traded.astype(np.int64), depth
    bars.exact_open, bars.exact_close = _split(prices[0]), _split(prices[3])


def _of_bars(bars: Table, series: Series, read: list[Bar]) -> None:
    check_bars(series.path.name, read)
    filled(bars, read)


def check_bars(name: str, read: Sequence[Bar]) -> None:
    """RecordingError if they hold a number that compiled code has no room for."""
    _check_size(name, "price", max(bar.high for bar in read), PRICE_BITS)
    _check_size(name, "volume", max(bar.volume for bar in read), VOLUME_BITS)
    _check_size(name, "reserve of the quote", max(bar.reserve_quote for bar in read), QUOTE_BITS)
    quotes = np.array([float(bar.reserve_quote) for bar in read])
    tokens = np.array([float(bar.reserve_token) for bar in read])
    _check_reserves(name, quotes, tokens, np.array([bar.open / bar.close for bar in read]))


def _check_reserves(name: str, quotes: Floats, tokens: Floats, rises: Floats) -> None:
    """Those at the close, and those of the same pool at the open, in which orders land."""
    _check_size(name, "reserve of the token", float(tokens.max()), TOKEN_BITS)
    roots = np.sqrt(rises)
    most = float((quotes * roots).max()) * (1.0 + 2.0**-40)  # More than floats may be off by.
    _check_size(name, "reserve of the quote at the open of a bar", most, QUOTE_BITS_AT_OPEN)
    most = float((tokens / roots).max())
    _check_size(name, "reserve of the token at the open of a bar", most, TOKEN_BITS_AT_OPEN)


def filled(bars: Table, read: Sequence[Bar]) -> Table:
    """The numbers of these bars, but for their token's."""
    for name in ("open", "high", "low", "close"):
        bars[name] = [float(getattr(bar, name)) for bar in read]
    bars.volume, bars.reserve_quote = [bar.volume for bar in read], [bar.reserve_quote for bar in read]
    bars.exact_open, bars.exact_close = wides([bar.open for bar in read]), wides([bar.close for bar in read])
    bars.reserve_token = wides([bar.reserve_token for bar in read])
    return bars


def _split(column: Floats) -> Integers:
    """Whole floats as wide numbers; nothing is lost, for 2 ** 60 is a power of two."""
    high = np.floor(column / 2.0**HALF)
    return np.column_stack([high, column - high * 2.0**HALF]).astype(np.int64)


def wides(numbers: Sequence[int]) -> Integers:
    return np.array([(number >> HALF, number & HALF_MASK) for number in numbers], np.int64)


# -- what is refused ---------------------------------------------------------------------------------
def _check_size(name: str, what: str, most: float, bits: int) -> None:
    if most >= 2**bits:
        raise RecordingError(
            f"{name}: a {what} of {most:.3g} is too large for a backtest (2 ** {bits}); "
            f"lower paper.quote_decimals, or repair the file"
        )


def _check_gaps(series: Series) -> None:
    ends, bar_ns = series.ends, series.bar_ns
    steps = np.diff(ends)
    longest = int(np.argmax(steps))
    missing = 1.0 - (len(ends) - 1) * bar_ns / (ends[-1] - ends[0])
    moment = np.datetime64(int(ends[longest]), "ns").astype("datetime64[s]")
    if steps[longest] > max(LONGEST_GAP_NS, bar_ns):
        raise RecordingError(
            f"{series.path.name} has a gap of {steps[longest] / 3.6e12:.1f} h after {moment}, and nobody "
            f"could have traded; fetch what is missing, or cut the file there"
        )
    if missing > MOST_MISSING:
        raise RecordingError(
            f"{series.path.name} lacks {missing:.1%} of its bars, the most after {moment}; "
            f"fetch them: at most {MOST_MISSING:.0%} may be missing"
        )


def _check_prices(series: Series, bars: Table) -> None:
    """Prices that stand still for longer than a day are those of a feed that has died."""
    high, low = bars.high, bars.low
    moved = np.flatnonzero((high != low) | (np.diff(high, prepend=high[0]) != 0.0))
    edges = np.concatenate([[0], moved, [len(high) - 1]])
    still = int(np.diff(edges).max()) if len(edges) > 1 else len(high)
    if not len(moved) or still * series.bar_ns > max(DAY_NS, 50 * series.bar_ns):
        raise RecordingError(
            f"{series.path.name}: its price does not move over {still:,} bars, so nothing can be learned; "
            f"fetch it again, or cut these bars out"
        )


def check_volume(recorded: Recorded, strategy: str) -> None:
    """A strategy that weighs by volume needs some in more than half of the bars."""
    bars = recorded.tape.bars
    for number, instrument in enumerate(recorded.instruments):
        volume = bars.volume[bars.token == number]
        if np.count_nonzero(volume) * 2 <= len(volume):
            raise RecordingError(
                f"{strategy} weighs prices by volume, and most bars of {instrument.token} have none; "
                f"use a recording with volumes, or another strategy"
            )
