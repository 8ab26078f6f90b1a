"""The momentum rule, bar by bar, and the promises that let it live in an actor and in a backtest alike."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest

from actors.messages import Asset, Bar, Instrument, Price, Units
from chains.feeds.simulated import SimulatedFeed
from storage.config import Momentum, Paper, Settings, Simulated
from strategies import momentum as rule
from strategies.layout import COUNT, HELD, MARK, floats_of
from strategies.momentum import RANGE, new_state, step
from strategies.steps import hold

RULES = Momentum(
    timeframe_minutes=60, entry_bars=3, exit_bars=2, atr_bars=4, trail_atr=2.0, target_volatility=0.0
)
NONE = None
POOL = Instrument(Asset("t"), Asset("q"), 18, 6, 500)


def params_of(momentum: Momentum):
    return rule.params_of(Settings(momentum=momentum), POOL)


def flat(price: float, width: float = 1.0):
    price = float(price)
    return (price, price + width, price - width, price, 0.0, 0.0)


def returns(*closes):
    return [flat(close) for close in closes]


SPANS = Momentum(form="tsmom", long_bars=4, short_bars=2, look_bars=1, target_volatility=0.0)
TSMOM = {
    "it only watches until it has seen long_bars": (returns(1, 2, 3, 4), [NONE] * 4),
    "above both spans is an entry": (returns(10, 10, 10, 10, 11), [NONE] * 4 + [1.0]),
    "above the long span alone is none": (returns(10, 10, 12, 12, 11), [NONE] * 5),
    "above the short span alone is none": (returns(12, 10, 10, 10, 11), [NONE] * 5),
    "not above the long span is an exit": (
        returns(10, 10, 10, 10, 11, 10.5, 10.1, 10.0),
        [NONE] * 4 + [1.0, NONE, NONE, 0.0],
    ),
    "below the short span alone is no exit": (
        returns(10, 10, 10, 10, 13, 12, 11),
        [NONE] * 4 + [1.0, NONE, NONE],
    ),
}


@pytest.mark.parametrize(("bars", "wanted"), TSMOM.values(), ids=TSMOM)
def test_the_return_over_two_spans(bars, wanted):
    assert targets(bars, SPANS) == wanted


def test_between_two_looks_nothing_is_wished_for():
    rules = Momentum(**{**_fields(SPANS), "look_bars": 3})
    assert targets(returns(10, 10, 10, 10, 11, 12, 13), rules) == [NONE] * 6 + [1.0]


@pytest.mark.parametrize("form", ["donchian", "tsmom"])
def test_each_form_says_how_many_bars_it_needs(form):
    rules = Momentum(**{**_fields(SPANS), "form": form, "entry_bars": 5, "exit_bars": 3})
    needed = rule.bars_before_the_first_wish(params_of(rules))
    rising = returns(*(1.5**bar for bar in range(1, 12)))
    assert [target is NONE for target in targets(rising, rules)].index(False) == needed


def targets(bars, momentum: Momentum = RULES):
    params = params_of(momentum)
    state = new_state(params)
    answers = [step(state, params, bar) for bar in bars]
    return [NONE if math.isnan(answer) else answer for answer in answers]


TABLE = {
    "it only watches until it has seen entry_bars": (
        [flat(100), flat(110), flat(120)],
        [NONE, NONE, NONE],
    ),
    "a close above the highest high of the bars before is an entry": (
        [flat(100), flat(100), flat(100), flat(101.01)],
        [NONE, NONE, NONE, 1.0],
    ),
    "a close at the highest high is none": (
        [flat(100), flat(100), flat(100), flat(101.0)],
        [NONE, NONE, NONE, NONE],
    ),
    "a high above is none either, the close counts": (
        [flat(100), flat(100), flat(100), (100.0, 150.0, 99.0, 100.5, 0.0, 0.0)],
        [NONE, NONE, NONE, NONE],
    ),
    "only the last entry_bars count": (
        [flat(200), flat(100), flat(100), flat(100), flat(102)],
        [NONE, NONE, NONE, NONE, 1.0],
    ),
    "a close below the lowest low of exit_bars is an exit": (
        [flat(100), flat(100), flat(100), flat(102), flat(102), flat(100.9)],
        [NONE, NONE, NONE, 1.0, NONE, 0.0],
    ),
    "a close at the lowest low is none": (
        [flat(100), flat(100), flat(100), flat(102), flat(102), flat(101)],
        [NONE, NONE, NONE, 1.0, NONE, NONE],
    ),
    "after an exit it may enter again": (
        [flat(100), flat(100), flat(100), flat(102), flat(102), flat(100.9), flat(104)],
        [NONE, NONE, NONE, 1.0, NONE, 0.0, 1.0],
    ),
}


@pytest.mark.parametrize(("bars", "wanted"), TABLE.values(), ids=TABLE)
def test_the_rule(bars, wanted):
    assert targets(bars) == wanted


def test_it_leaves_more_than_trail_atr_average_ranges_below_the_highest_close():
    wide = Momentum(**{**_fields(RULES), "exit_bars": 50, "entry_bars": 3})
    params = params_of(wide)
    state = new_state(params)
    for bar in [flat(100)] * 50 + [flat(102), flat(130, 0.1)]:
        step(state, params, bar)
    assert state[HELD] == 1.0
    assert state[MARK] == 130
    # The range of a bar that closes at x, from 130: its true range is 130 - (x - 0.1), weighed a quarter.
    kept = state.copy()
    floor = None
    for tenth in range(1300, 900, -1):
        state[:] = kept
        if step(state, params, flat(tenth / 10, 0.1)) == 0.0:
            floor = tenth / 10
            break
    state[:] = kept
    average = kept[RANGE] + 0.25 * (130 - (floor - 0.1) - kept[RANGE])
    assert floor < 130 - 2 * average
    assert floor + 0.1 >= 130 - 2 * (kept[RANGE] + 0.25 * (130 - floor - kept[RANGE]))


def _fields(momentum: Momentum) -> dict[str, object]:
    return {name: getattr(momentum, name) for name in momentum.__struct_fields__}


def test_the_size_is_the_target_volatility_over_the_one_that_was_and_never_more_than_all():
    rules = Momentum(**{**_fields(RULES), "target_volatility": 0.6})
    wild = [flat(100), flat(112), flat(100), flat(112), flat(100), flat(120)]
    (size,) = [target for target in targets(wild, rules) if target]
    changes = [math.log(b[3] / a[3]) for a, b in pairwise(wild)]
    variance = 0.0
    for change in changes:
        variance += 2 / 4 * (change**2 - variance)
    assert size == pytest.approx(0.6 / math.sqrt(8_760) / math.sqrt(variance), rel=1e-12)
    assert size < 0.1
    calm = [flat(100)] * 5 + [flat(101.001)]
    assert targets(calm, Momentum(**{**_fields(RULES), "target_volatility": 50.0}))[-1] == 1.0


def test_a_snapshot_taken_anywhere_goes_on_to_the_same_bits():
    bars, params = simulated_bars(3_000), params_of(Momentum())
    whole, broken = new_state(params), new_state(params)
    for bar in bars:
        first, second = step(whole, params, bar), step(broken, params, bar)
        assert first == second or (math.isnan(first) and math.isnan(second))
        broken = np.frombuffer(broken.tobytes()).copy()
    assert whole.tobytes() == broken.tobytes()


def test_what_is_really_held_overrules_what_was_asked_for():
    params = params_of(RULES)
    state = new_state(params)
    for bar in [flat(100)] * 3 + [flat(102)]:
        step(state, params, bar)
    hold(state, False)  # The wish was refused.
    assert step(state, params, flat(110)) == 1.0  # A new breakout is a new wish.
    hold(state, True)  # No news.
    assert state[MARK] == 110
    hold(state, False)
    step(state, params, flat(50))
    hold(state, True)
    assert (state[HELD], state[MARK]) == (1.0, 50)


def test_it_trades_both_ways_and_in_turns_on_a_long_market():
    made = [target for target in targets(simulated_bars(5_000), Momentum()) if target is not NONE]
    assert len(made) > 20
    assert all((one > 0) != (two > 0) for one, two in pairwise(made))
    assert all(0 <= target <= 1 for target in made)


def test_the_rule_does_not_look_ahead():
    bars = simulated_bars(600)
    for cut in (100, 333, 599):
        assert targets(bars[:cut], Momentum()) == targets(bars, Momentum())[:cut]


def test_a_scale_of_prices_changes_nothing():
    bars = simulated_bars(1_000)
    scaled = [tuple(figure * 1024.0 for figure in bar) for bar in bars]
    assert targets(bars, Momentum()) == targets(scaled, Momentum())


def test_a_bar_of_the_market_is_read_as_floats():
    bar = Bar(Asset("t"), Price(10**21), Price(3), Price(1), Price(2), Units(7), Units(9), Units(1))
    assert floats_of(bar) == (1e21, 3.0, 1.0, 2.0, 7.0, 9.0)


def test_a_step_costs_less_than_40_microseconds():
    bars, params = simulated_bars(5_000), params_of(Momentum())
    state = new_state(params)
    started = time.process_time()
    for bar in bars:
        step(state, params, bar)
    assert (time.process_time() - started) / len(bars) < 40e-6  # Measured: 3.
    assert state[COUNT] == 5_000
    assert state.dtype == np.float64


def simulated_bars(count: int):
    market = SimulatedFeed(Simulated(tokens=("ALFA",), bar_seconds=3_600), Paper(), 1, "2000000", 500)
    return [floats_of(tick.bars[0]) for tick in market.read(None, count)]
