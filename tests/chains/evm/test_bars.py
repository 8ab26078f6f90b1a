"""Bars out of pool events: a fold, checked against one that looks at all events of an interval at once."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument
from chains.evm import wire
from chains.evm.bars import Event, Market, advanced, event_of, folded, started, v2_state, v3_state
from chains.pool import price_at_tick, price_of, reserves_in_range
from chains.tickmath import sqrt_price_x96
from tests.chains.evm import raw
from tests.chains.evm.raw import BLOCK, ME, POOL, POOL_2

TOKEN = Asset("ethereum:" + raw.WETH)
WETH = Instrument(TOKEN, Asset("ethereum:" + raw.USDC), 18, 6, 3_000)
MARKET = Market(WETH, POOL, quote_is_token0=True)
FLIPPED = Market(WETH, POOL, quote_is_token0=False)
MINUTE = 60
FIRST = Event(30, (1, 0), 0, 100, 1_000, 10)


def event(at, price=None, volume=0, place=None):
    reserves = (price, 1) if price else (0, 0)
    return Event(at, place or (at, 0), volume, price, *reserves)


def fold(events, until):
    forming, closed = started(MARKET, FIRST, MINUTE), []
    for each in events:
        forming, more = folded(forming, each)
        closed += more
    forming, more = advanced(forming, until)
    return forming, [*closed, *more]


def bar(opened, high, low, close, volume, reserves):
    return Bar(TOKEN, opened, high, low, close, volume, *reserves)


# -- the fold ----------------------------------------------------------------------------------------
def test_a_bar_opens_where_the_last_one_closed_and_a_quiet_one_stays_there():
    events = [event(40, 120), event(40, None, 7, (40, 1)), event(59, 90), event(60, 110), event(250, 80)]
    forming, closed = fold(events, 299)
    assert closed == [
        (60, bar(100, 120, 90, 90, 7, (90, 1))),
        (120, bar(90, 110, 90, 110, 0, (110, 1))),
        (180, bar(110, 110, 110, 110, 0, (110, 1))),
        (240, bar(110, 110, 110, 110, 0, (110, 1))),
    ]
    assert forming.bar == bar(110, 110, 80, 80, 0, (80, 1))
    assert advanced(forming, 300)[1] == ((300, forming.bar),)


@given(
    st.lists(
        st.tuples(st.integers(30, 600), st.none() | st.integers(1, 10**9), st.integers(0, 99)), max_size=30
    )
)
def test_the_fold_says_what_all_events_of_an_interval_say(drawn):
    events = [
        event(at, price, volume, (at, index))
        for index, (at, price, volume) in enumerate(sorted(drawn, key=str), 1)
    ]
    events.sort(key=lambda each: each.position)
    _, closed = fold(events, 660)
    assert [end for end, _ in closed] == list(range(60, 661, 60))
    close = 100
    for end, found in closed:
        inside = [each for each in events if end - 60 <= each.at_ns < end]
        prices = [close, *(each.price for each in inside if each.price)]
        close = prices[-1]
        assert (found.open, found.high, found.low, found.close) == (
            prices[0],
            max(prices),
            min(prices),
            close,
        )
        assert found.volume == sum(each.volume for each in inside)


def test_the_same_event_twice_counts_once():
    once = fold([event(40, 120, 5)], 60)
    assert fold([event(40, 120, 5), event(40, 120, 5)], 60) == once


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([event(40, 120), event(35, 90)], "sort them"),
        ([event(40, 120), event(20, 90, place=(41, 0))], None),
        ([event(130, 120), event(40, 90, place=(131, 0))], "has ended"),
    ],
)
def test_an_event_that_comes_too_late_is_refused(events, sentence):
    if sentence is None:
        fold(events, 60)
        return
    with pytest.raises(ValueError, match=sentence):
        fold(events, 200)


def test_an_event_after_the_clock_that_a_bar_was_closed_by_is_refused():
    forming, _ = advanced(started(MARKET, FIRST, MINUTE), 60)
    with pytest.raises(ValueError, match="has ended"):
        folded(forming, event(59, 90))


def test_a_market_does_not_begin_with_a_volume():
    with pytest.raises(ValueError, match="begin with the pool's state"):
        started(MARKET, event(1, None, 5), MINUTE)


# -- events ------------------------------------------------------------------------------------------
def of(market, entry):
    return event_of(market, wire.log(entry), 77)


def test_a_sync_is_a_price_and_reserves_and_the_swap_behind_it_a_volume():
    reserves = (3_000 * 10**6, 2 * 10**18)
    found = of(MARKET, raw.sync(POOL, reserves, 4))
    assert found == Event(77, (BLOCK, 4), 0, 1_500 * 10**6 * PRICE_SCALE, *reserves)
    assert of(FLIPPED, raw.sync(POOL, reserves[::-1], 4)) == found
    assert of(MARKET, raw.v2_swap(POOL, ME, (9, 0, 0, 5), 5)) == Event(77, (BLOCK, 5), 9)
    assert of(MARKET, raw.v2_swap(POOL, ME, (0, 5, 9, 0), 5)) == Event(77, (BLOCK, 5), 9)
    assert of(FLIPPED, raw.v2_swap(POOL, ME, (9, 0, 0, 5), 5)) == Event(77, (BLOCK, 5), 5)


def test_a_flash_swap_is_as_large_as_what_it_left():
    assert of(MARKET, raw.v2_swap(POOL, ME, (1_003, 0, 1_000, 0))).volume == 3


def test_an_emptied_pair_is_worth_nothing_but_still_a_pool():
    assert v2_state(MARKET, 0, 10**18) == (PRICE_SCALE, 1, 10**18)
    assert v2_state(MARKET, 10**6, 0) == (price_of(10**6, 1, 18), 10**6, 1)


def test_a_v3_swap_is_all_of_that():
    root, liquidity = sqrt_price_x96(202_693), 422_680_516_552_367_239
    found = of(MARKET, raw.v3_swap(POOL, ME, (-8, 5), 3, root, liquidity))
    reserves = reserves_in_range(202_693, liquidity)
    assert found == Event(77, (BLOCK, 3), 8, price_at_tick(202_693, True, 18), *reserves)
    turned = of(FLIPPED, raw.v3_swap(POOL, ME, (5, -8), 3, sqrt_price_x96(-202_693), liquidity))
    assert turned.volume == 8
    assert turned.price == price_at_tick(-202_693, False, 18)
    assert turned.reserve_quote == reserves_in_range(-202_693, liquidity)[1]


@pytest.mark.parametrize("entry", [raw.sync(POOL_2, (1, 2)), raw.transfer(POOL, ME, POOL, 7)])
def test_what_is_of_another_pool_or_no_trade_is_none(entry):
    assert of(MARKET, entry) is None


def test_the_price_of_a_real_pool_is_that_between_its_ticks(recorded):
    pools = json.loads(gzip.decompress(recorded("amm/fastlane_pools_block_18806161.json.gz").read_bytes()))
    found = [each for each in pools if each["exchange_name"] == "uniswap_v3" and each["liquidity"] > 0]
    for pool in found:
        tick, root, decimals = int(pool["tick"]), int(pool["sqrt_price_q96"]), int(pool["tkn1_decimals"])
        instrument = Instrument(Asset("a"), Asset("b"), decimals, 6, 3_000)
        price, *reserves = v3_state(Market(instrument, POOL, True), root, int(pool["liquidity"]))
        lower, upper = price_at_tick(tick + 1, True, decimals), price_at_tick(tick, True, decimals)
        assert lower <= price <= upper
        assert min(reserves) > 0
    assert len(found) > 70
