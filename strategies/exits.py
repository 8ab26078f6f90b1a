"""When a position is sold whatever its strategy thinks: stop, trailing stop, take profit, time.

Every rule looks at the close of a bar.  A pool holds no resting orders: what we sell is sold after the bar,
near its close, and a low that one swap (or a sandwich) made and undid was never ours to sell at.
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import BPS, PRICE_SCALE, Asset, Bar, CloseReason, Id, Price, Units
from storage.config import Exits

MINUTE_NS = 60 * 10**9


class Watch(Struct, frozen=True):
    """What the exit rules must know of a position."""

    token: Asset
    position: Id
    entry_price: Price  # What was really paid a token, fees of the pool included.
    quantity: Units
    high_price: Price  # The highest close since the entry, and at least the entry.
    opened_at_ns: int
    last_tick_ns: int
    taken_profit: bool = False


def watch_of(token: Asset, position: Id, cost: int, quantity: int, token_decimals: int, at_ns: int) -> Watch:
    """A new position's watch: from what the fill really cost, never from a quote."""
    assert quantity > 0, f"position {position} holds nothing"
    paid = Price(cost * 10**token_decimals * PRICE_SCALE // quantity)
    return Watch(token, position, paid, Units(quantity), paid, at_ns, at_ns)


def after_bar(watch: Watch, bar: Bar, at_ns: int, exits: Exits) -> tuple[Watch, CloseReason | None, int]:
    """The watch after a bar, why to sell (if at all), and which portion in basis points.

    A bar that is not newer than the last one changes nothing, so no stop fires on a price from before the
    entry.  A reason to sell is given anew with every bar until the position is gone, except the take profit,
    which is given once.
    """
    if at_ns <= watch.last_tick_ns:
        return watch, None, 0
    high = Price(max(watch.high_price, bar.close))
    watch = replace(watch, high_price=high, last_tick_ns=at_ns)
    reason = _reason(watch, bar.close, at_ns, exits)
    if reason is CloseReason.TAKE_PROFIT:
        return replace(watch, taken_profit=True), reason, exits.take_profit_portion_bps
    return watch, reason, BPS if reason else 0


def _reason(watch: Watch, close: int, at_ns: int, exits: Exits) -> CloseReason | None:
    """In order of precedence: the first that applies."""
    if exits.stop_bps and close * BPS <= watch.entry_price * (BPS - exits.stop_bps):
        return CloseReason.STOP
    if exits.trailing_bps and _is_armed(watch, exits) and _fell(watch, close, exits):
        return CloseReason.TRAILING
    wanted = exits.take_profit_bps and exits.take_profit_portion_bps and not watch.taken_profit
    if wanted and close * BPS >= watch.entry_price * (BPS + exits.take_profit_bps):
        return CloseReason.TAKE_PROFIT
    if exits.max_hold_minutes and at_ns - watch.opened_at_ns >= exits.max_hold_minutes * MINUTE_NS:
        return CloseReason.TIME
    return None


def _is_armed(watch: Watch, exits: Exits) -> bool:
    """Only a position that was once ahead by as much has something to protect."""
    return watch.high_price * BPS >= watch.entry_price * (BPS + exits.trailing_bps)


def _fell(watch: Watch, close: int, exits: Exits) -> bool:
    return close * BPS <= watch.high_price * (BPS - exits.trailing_bps)
