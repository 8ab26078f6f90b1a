"""What the strategies see and wish for: bars grow as in strategies/bars.py."""

from actors.messages import BPS
from strategies.compiled import inlined
from strategies.kernel.tables import Row, Table
from strategies.layout import FloatBar


@inlined
def ends_late(mind: Row, at_ns: int) -> bool:
    """A bar whose last minutes are missing has ended before this tick."""
    late: bool = mind.end_ns != 0 and mind.end_ns < at_ns
    return late


@inlined
def grow(mind: Row, number: int, bars: Table, at_ns: int) -> bool:
    """Whether a bar of the strategy's timeframe ends at this tick."""
    if number < 0 and mind.end_ns == 0:
        return False
    if number >= 0:
        bar = bars[number]
        if mind.end_ns == 0:
            mind.end_ns = end_of_frame(mind, at_ns)
            mind.open, mind.high, mind.low, mind.volume = bar.open, bar.high, bar.low, bar.volume
        else:
            mind.high, mind.low = max(mind.high, bar.high), min(mind.low, bar.low)
            mind.volume += bar.volume
        mind.close, mind.reserve = bar.close, float(bar.reserve_quote)
    ends: bool = mind.end_ns == at_ns
    return ends


@inlined
def end_of_frame(mind: Row, at_ns: int) -> int:
    """Mostly the one after the last; a division costs as much as all else that is done to a bar."""
    end_ns: int = mind.frame_end_ns + mind.frame_ns
    if not mind.frame_end_ns < at_ns <= end_ns:
        end_ns = (at_ns + mind.frame_ns - 1) // mind.frame_ns * mind.frame_ns
    mind.frame_end_ns = end_ns
    return end_ns


@inlined
def alone_in_frame(mind: Row, at_ns: int) -> bool:
    """Whether a bar at this tick is all of a bar of the strategy's timeframe."""
    alone: bool = mind.end_ns == 0 and end_of_frame(mind, at_ns) == at_ns
    return alone


@inlined
def whole(bar: Row) -> FloatBar:
    """A bar that is all of one of the strategy's timeframe."""
    return bar.open, bar.high, bar.low, bar.close, float(bar.volume), float(bar.reserve_quote)


@inlined
def ended(mind: Row) -> FloatBar:
    mind.end_ns = 0
    return mind.open, mind.high, mind.low, mind.close, float(mind.volume), mind.reserve


@inlined
def wish(mind: Row, target: float) -> bool:
    if target <= 0.0:
        mind.sell = 1
        return True
    if target > 0.0:
        mind.buy_bps = max(1, int(target * BPS))
        return True
    return False  # NaN.
