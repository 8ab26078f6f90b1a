"""When a position is sold: a table per rule, and the order among them."""

import pytest
from msgspec.structs import replace

from actors.messages import BPS, PRICE_SCALE, Asset, Bar, CloseReason, Id, Price, Units
from storage.config import Exits
from strategies.exits import MINUTE_NS, Watch, after_bar, watch_of

TOKEN = Asset("paper:WETH")
OPENED = 1_000 * MINUTE_NS
WATCH = Watch(TOKEN, Id("p1"), Price(10_000), Units(5), Price(10_000), OPENED, OPENED)
OFF = Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0, max_hold_minutes=0)
STOP, TRAIL, PROFIT, TIME = (
    CloseReason.STOP, CloseReason.TRAILING, CloseReason.TAKE_PROFIT, CloseReason.TIME,
)  # fmt: skip


def bar(close: int, low: int | None = None, high: int | None = None) -> Bar:
    figures = (close, high or close, low or close, close)
    return Bar(TOKEN, *map(Price, figures), Units(0), Units(1), Units(1))


def after(closes: list[int], exits: Exits, watch: Watch = WATCH):
    """What each of the closes, a minute apart, brings."""
    out = []
    for minute, close in enumerate(closes, 1):
        watch, reason, portion = after_bar(watch, bar(close), OPENED + minute * MINUTE_NS, exits)
        out.append((reason, portion) if reason else None)
    return out


S = replace(OFF, stop_bps=1_000)
T = replace(OFF, trailing_bps=600)
P = replace(OFF, take_profit_bps=2_400, take_profit_portion_bps=5_000)
H = replace(OFF, max_hold_minutes=3)
TABLE = {
    "no rule, no sale": (OFF, [1, 10**6, 5], [None, None, None]),
    "above the stop": (S, [9_001], [None]),
    "at the stop": (S, [9_000], [(STOP, BPS)]),
    "a stop is said until it is done": (S, [9_000, 9_500, 8_000], [(STOP, BPS), None, (STOP, BPS)]),
    "a trail that was never ahead": (T, [10_599, 9_000], [None, None]),
    "a trail is armed when once ahead": (T, [10_600, 9_965, 9_964], [None, None, (TRAIL, BPS)]),
    "a trail follows the highest close": (T, [11_000, 12_000, 11_281, 11_280], [None] * 3 + [(TRAIL, BPS)]),
    "below the profit": (P, [12_399], [None]),
    "at the profit, once": (P, [12_400, 13_000, 12_400], [(PROFIT, 5_000), None, None]),
    "a profit of no portion": (replace(P, take_profit_portion_bps=0), [20_000], [None]),
    "before its time": (H, [10_000, 10_000], [None, None]),
    "when its time is up": (H, [10_000, 10_000, 10_000, 10_000], [None, None, (TIME, BPS), (TIME, BPS)]),
}


@pytest.mark.parametrize(("exits", "closes", "wanted"), TABLE.values(), ids=TABLE)
def test_the_rules(exits, closes, wanted):
    assert after(closes, exits) == wanted


def test_the_stop_goes_before_the_trail_the_trail_before_the_profit_and_the_profit_before_the_time():
    high = replace(WATCH, high_price=Price(20_000))
    everything = Exits(stop_bps=1_000, trailing_bps=600, take_profit_bps=2_400, max_hold_minutes=1)
    assert after([8_000], everything, high) == [(STOP, BPS)]
    assert after([18_000], everything, high) == [(TRAIL, BPS)]
    assert after([20_000], everything, high) == [(PROFIT, 5_000)]
    assert after([20_000], everything, replace(high, taken_profit=True)) == [(TIME, BPS)]


def test_a_low_that_did_not_last_stops_nothing_and_a_high_that_did_not_last_arms_nothing():
    watch, reason, _ = after_bar(WATCH, bar(10_000, low=1, high=20_000), OPENED + 1, S)
    assert reason is None
    assert watch.high_price == 10_000
    assert after_bar(watch, bar(9_300), OPENED + 2, T)[1] is None


@pytest.mark.parametrize("at_ns", [OPENED - MINUTE_NS, OPENED])
def test_a_price_from_before_the_entry_or_of_its_own_tick_changes_nothing(at_ns):
    assert after_bar(WATCH, bar(1), at_ns, S) == (WATCH, None, 0)


def test_a_bar_that_comes_twice_counts_once():
    watch, reason, _ = after_bar(WATCH, bar(9_000), OPENED + MINUTE_NS, S)
    assert reason is STOP
    assert after_bar(watch, bar(9_000), OPENED + MINUTE_NS, S) == (watch, None, 0)


def test_the_entry_price_is_what_was_paid_for_a_whole_token():
    watch = watch_of(TOKEN, Id("p1"), 1_000 * 10**6, 5 * 10**17, 18, OPENED)
    assert watch.entry_price == watch.high_price == 2_000 * 10**6 * PRICE_SCALE
    assert (watch.opened_at_ns, watch.last_tick_ns, watch.taken_profit) == (OPENED, OPENED, False)
    with pytest.raises(AssertionError, match="position p1 holds nothing"):
        watch_of(TOKEN, Id("p1"), 1, 0, 18, OPENED)
