"""The scalping rule, bar by bar: it asks for an extreme, and for what the way back pays in this very pool."""

import math
import statistics

import numpy as np
import pytest
from msgspec.structs import replace

from actors.messages import PRICE_SCALE, Asset, Instrument
from chains.chance import chance
from storage.config import Limits, Paper, Scalping, Settings
from strategies import scalping
from strategies.layout import AGE, HELD, MARK
from strategies.scalping import RENEWED, RESTING, SQUARES, TRADED, VALUE, VWAP_BARS, new_state, step
from strategies.steps import hold

POOL = Instrument(Asset("t"), Asset("q"), 18, 6, 500)
RULES = Scalping(vwap_bars=10, entry_deviations=2.0, edge_multiple=2.0, slippage_bps=5, stop_bps=300,
                 max_hold_bars=6, rest_bars=3)  # fmt: skip
SETTINGS = Settings(
    scalping=RULES, paper=Paper(gas="0.02", capital="10000"), limits=Limits(position_bps=2_000)
)
UNIT = 10.0**6 * PRICE_SCALE
DEEP = 2e12  # Two million dollars in units.
CALM = [100.0, 100.2, 99.8, 100.1, 99.9, 100.0, 100.2, 99.8, 100.1, 99.9]


def bars(closes, reserve=DEEP, volume=1e9):
    return [(close * UNIT, close * UNIT, close * UNIT, close * UNIT, volume, reserve) for close in closes]


def params_of(rules=RULES, pool=POOL):
    return scalping.params_of(replace(SETTINGS, scalping=rules), pool)


def targets(read, params=None):
    params = params_of() if params is None else params
    state = new_state(params)
    answers = [step(state, params, bar) for bar in read]
    return [None if math.isnan(answer) else answer for answer in answers], state


def test_far_below_the_average_it_buys_and_back_at_it_it_sells():
    answers, _ = targets(bars([*CALM, 98.5, 98.6, 99.9]))
    assert answers == [None] * 10 + [1.0, None, 0.0]


def test_until_it_has_seen_all_bars_of_the_average_it_only_watches():
    assert targets(bars([*CALM[:8], 90.0]))[0] == [None] * 9
    assert targets(bars([*CALM[:9], 90.0]))[0] == [None] * 9 + [1.0]


def test_a_fall_of_less_than_the_deviations_asked_for_is_none():
    wild = [100.0, 103.0, 97.0, 102.0, 98.0, 100.0, 103.0, 97.0, 102.0, 98.0]
    assert targets(bars([*wild, 96.5]))[0] == [None] * 11


def test_the_cost_of_a_round_trip_is_both_fees_slippages_impacts_and_gases():
    cost = scalping.round_trip_cost(params_of(), DEEP)
    assert cost == pytest.approx(
        2 * 0.0005 + 2 * 0.0005 + 2 * 2_000 / 2_000_000 + 2 * 0.02 / 2_000, rel=1e-12
    )


@pytest.mark.parametrize(
    ("fee", "reserve", "gas", "stands_aside"),
    [
        (500, DEEP, "0.02", False),
        (3_000, DEEP, "0.02", True),  # A pool of 30 basis points.
        (500, DEEP / 10, "0.02", True),  # A shallow one.
        (500, DEEP, "5", True),  # Dear gas.
        (500, 0.0, "0.02", True),  # One of which nothing is known.
    ],
)
def test_it_stands_aside_where_the_way_back_does_not_pay_often_enough(fee, reserve, gas, stands_aside):
    """The way back is 1.3 %, and has to pay twice."""
    settings = replace(SETTINGS, paper=Paper(gas=gas))
    params = scalping.params_of(settings, replace(POOL, fee_pips=fee))
    answers, _ = targets(bars([*CALM, 98.7], reserve), params)
    assert answers[-1] == (None if stands_aside else 1.0)


def test_the_entry_is_exactly_where_the_edge_passes_the_multiple_of_the_cost():
    params = params_of()
    wanted = 2.0 * scalping.round_trip_cost(params, DEEP)
    bought = []
    for tenths in range(9_850, 9_990):
        closes = [*CALM[1:], tenths / 100]
        average = statistics.fmean(closes)
        bought.append(
            (average / closes[-1] - 1 > wanted, targets(bars([CALM[0], *closes]), params)[0][-1] == 1.0)
        )
    enough = [asked for asked, _ in bought]
    assert [did for asked, did in bought if not asked] == [False] * enough.count(False)
    assert [did for asked, did in bought if asked] == [True] * enough.count(True)
    assert 10 < enough.count(True) < 130


def test_a_stop_is_below_the_entry_and_is_followed_by_a_long_rest():
    answers, state = targets(bars([*CALM, 98.5, 95.0]))
    assert answers[-2:] == [1.0, 0.0]
    assert state[RESTING] == 15.0
    again = [step(state, params_of(), bar) for bar in bars([80.0] * 3)]
    assert all(map(math.isnan, again))


def test_it_is_held_for_so_many_bars_at_most_and_then_rests():
    answers, state = targets(bars([*CALM, *[98.5 - 0.05 * bar for bar in range(8)]]))
    assert answers[10:] == [1.0, *[None] * 5, 0.0, None]
    assert state[RESTING] == 2.0


@pytest.mark.parametrize(
    "read", [bars([100.0] * 40), bars([*CALM, 98.5], volume=0.0)], ids=["still", "no volume"]
)
def test_prices_that_do_not_move_and_bars_without_volume_are_no_opportunity(read):
    assert targets(read)[0] == [None] * len(read)


def test_running_sums_are_those_of_the_window_however_long_it_runs():
    price, closes = 100.0, []
    for bar in range(2 * RENEWED + 77):
        price *= 1 + (chance(1, "move", bar) - 0.5) * 0.02
        closes.append(price)
    params = params_of()
    _, state = targets(bars(closes, volume=3e9), params)
    window = np.array(closes[-int(params[VWAP_BARS]) :]) / closes[0]
    assert state[TRADED] == pytest.approx(3e10, rel=1e-12)
    assert state[VALUE] / state[TRADED] == pytest.approx(window.mean(), rel=1e-9)
    assert state[SQUARES] == pytest.approx((window**2).sum(), rel=1e-9)


def test_what_is_measured_from_the_entry_is_measured_from_what_is_really_held():
    _, state = targets(bars([*CALM, 98.5]))
    hold(state, False)
    assert state[HELD] == 0.0
    step(state, params_of(), bars([99.0])[0])
    hold(state, True)
    assert (state[HELD], state[MARK], state[AGE]) == (1.0, 99.0 * UNIT, 0.0)


def test_a_snapshot_taken_anywhere_goes_on_to_the_same_bits():
    read = bars([100 * (1 + (chance(2, bar) - 0.5) * 0.05) for bar in range(600)])
    params = params_of()
    whole, broken = new_state(params), new_state(params)
    made = []
    for bar in read:
        first, second = step(whole, params, bar), step(broken, params, bar)
        assert first == second or (math.isnan(first) and math.isnan(second))
        made.append(first)
        broken = np.frombuffer(broken.tobytes()).copy()
    assert whole.tobytes() == broken.tobytes()
    assert 1.0 in made


def test_the_rule_is_off_unless_it_is_switched_on():
    assert not Settings().scalping.enabled
