"""Several pools as one market: who is priced by what, when a bar is out, what a reorg may still change."""

import pytest

from actors.messages import PRICE_SCALE, Asset, Instrument, Price, Units
from chains.evm import feed_fold, wire
from chains.evm.bars import Event, Market, v2_state
from chains.evm.feed_fold import Fold, Listing, after_block, known, undone
from chains.pool import price_of
from tests.chains.evm import raw
from tests.chains.evm.raw import ME, POOL, POOL_2

USDC, WETH, WBTC = (Asset(f"ethereum:{token}") for token in (raw.USDC, raw.WETH, raw.WBTC))
COIN = Market(Instrument(WETH, USDC, 18, 6, 3_000), POOL, quote_is_token0=True)
BITCOIN = Market(Instrument(WBTC, WETH, 8, 18, 500), POOL_2, quote_is_token0=False)
SHOWN = Instrument(WBTC, USDC, 8, 6, 3_499)
LISTINGS = (Listing(COIN.instrument, COIN), Listing(SHOWN, BITCOIN, COIN))
MINUTE = 60
ETHER, UNIT, SATS = 10**18, 10**6, 10**8
FIRST = {POOL: (3_000_000 * UNIT, 1_000 * ETHER), POOL_2: (100 * SATS, 2_000 * ETHER)}


def read(reserves):
    markets = feed_fold.markets(LISTINGS)
    return {pool: Event(0, (0, 0), Units(0), *v2_state(markets[pool], *reserves[pool])) for pool in reserves}


def begun(at=0, block=100, listings=LISTINGS):
    fold, ticks = known(Fold(listings, MINUTE), block, at, read(FIRST))
    assert ticks == ()
    return fold


def sync(block, pool, reserves, index=0):
    return wire.log(raw.sync(pool, reserves, index) | {"blockNumber": hex(block)})


def swap(block, pool, amounts, index=1):
    return wire.log(raw.v2_swap(pool, ME, amounts, index) | {"blockNumber": hex(block)})


def dollars(price):
    return price / PRICE_SCALE / UNIT


def figures(bar):
    prices = (bar.open, bar.high, bar.low, bar.close)
    return (*(round(dollars(price), 6) for price in prices), bar.volume // UNIT)


def shown(ticks):
    """(end, {token: (open, high, low, close, volume)}) in dollars."""
    return [
        (
            tick.at_ns,
            {bar.token: figures(bar) for bar in tick.bars},
        )
        for tick in ticks
    ]


def told(fold, *blocks):
    """(block, time, logs): the fold after them, and all ticks."""
    every = ()
    for block, at, found in blocks:
        fold, ticks = after_block(fold, block, at, found)
        every += ticks
    return fold, every


DEARER = (3_150_000 * UNIT, 1_000 * ETHER)
CHEAPER = (2_700_000 * UNIT, 1_000 * ETHER)
FLAT = (3_000.0,) * 4 + (0,)
FLAT_BITCOIN = (60_000.0,) * 4 + (0,)


# -- what is a bar -------------------------------------------------------------------------------------
def test_the_bar_that_began_before_we_looked_is_not_given_out():
    fold, ticks = told(begun(at=10), (101, 61, []), (102, 119, []))
    assert ticks == ()
    assert shown(told(fold, (103, 120, []))[1]) == [(120, {WETH: FLAT, WBTC: FLAT_BITCOIN})]


def test_a_bar_is_out_with_the_first_block_that_is_not_before_its_end_and_that_block_is_of_the_next():
    fold, ticks = told(begun(), (101, 60, [sync(101, POOL, DEARER)]), (102, 119, []))
    assert ticks == ()
    _, ticks = told(fold, (103, 120, [sync(103, POOL, CHEAPER)]))
    assert shown(ticks)[0][1][WETH] == (3_000.0, 3_150.0, 3_000.0, 3_150.0, 0)


def test_a_pool_of_the_wrapped_native_is_priced_through_it_by_events_of_both():
    cheaper_bitcoin = (100 * SATS, 1_900 * ETHER)
    _, ticks = told(
        begun(),
        (101, 61, [sync(101, POOL, DEARER), sync(101, POOL_2, cheaper_bitcoin, 5)]),
        (102, 62, [swap(102, POOL_2, (0, 2 * ETHER, SATS // 10, 0)), swap(102, POOL, (9 * UNIT, 0, 0, 1))]),
        (103, 120, []),
    )
    # 20 WETH of 3,000, then of 3,150; then 19 of those.  2 WETH were paid.
    expected = {
        WETH: (3_000.0, 3_150.0, 3_000.0, 3_150.0, 9),
        WBTC: (60_000.0, 63_000.0, 59_850.0, 59_850.0, 6_300),
    }
    assert shown(ticks) == [(120, expected)]
    reserves = ticks[0].bars[1].reserve_quote, ticks[0].bars[1].reserve_token
    assert reserves == (1_900 * 3_150 * UNIT, 100 * SATS)
    assert price_of(*reserves, 8) == ticks[0].bars[1].close


def test_quiet_intervals_are_bars_too_once_a_block_tells_that_nothing_happened():
    _, ticks = told(begun(), (101, 240, []))
    assert [tick.at_ns for tick in ticks] == [120, 180, 240]
    assert all(bar.open == bar.close and bar.volume == 0 for tick in ticks for bar in tick.bars)


def test_a_token_without_a_price_of_its_coin_has_no_bar():
    fold, _ = known(Fold(LISTINGS, MINUTE), 100, 0, {POOL_2: read(FIRST)[POOL_2]})
    fold, ticks = told(fold, (101, 61, []), (102, 121, [sync(102, POOL, DEARER)]), (103, 180, []))
    assert ticks == ()
    assert {bar.token for bar in told(fold, (104, 240, []))[1][0].bars} == {WETH, WBTC}


# -- what a reorg changes --------------------------------------------------------------------------------
def test_what_is_undone_before_its_bar_is_out_has_never_been():
    fold, _ = told(
        begun(), (101, 70, []), (102, 80, [sync(102, POOL, DEARER), swap(102, POOL, (9, 0, 0, 1))])
    )
    fold = undone(fold, 102)
    _, ticks = told(fold, (102, 81, [sync(102, POOL, CHEAPER)]), (103, 125, []))
    assert shown(ticks)[0][1][WETH] == (3_000.0, 3_000.0, 2_700.0, 2_700.0, 0)


def test_a_bar_that_is_out_stays_and_the_next_one_opens_at_what_the_chain_has_kept():
    fold, ticks = told(begun(), (101, 70, [sync(101, POOL, DEARER)]), (102, 121, []))
    assert shown(ticks)[0][1][WETH][3] == 3_150.0
    fold = undone(fold, 101)
    fold, again = told(fold, (101, 71, []), (102, 122, []))
    assert again == ()
    _, ticks = told(fold, (103, 180, []))
    assert shown(ticks) == [(180, {WETH: FLAT, WBTC: FLAT_BITCOIN})]


def test_what_the_surviving_blocks_say_of_a_time_that_is_out_counts_for_the_bar_after_it():
    fold, _ = told(begun(), (101, 121, []))
    fold, ticks = told(undone(fold, 101), (101, 80, [sync(101, POOL, DEARER)]), (102, 180, []))
    assert shown(ticks)[0] == (180, {WETH: (3_000.0, 3_150.0, 3_000.0, 3_150.0, 0),
                                     WBTC: (60_000.0, 63_000.0, 60_000.0, 63_000.0, 0)})  # fmt: skip


def test_no_tick_is_given_out_twice_and_none_is_older_than_the_one_before():
    fold, first = told(begun(), (101, 70, []), (102, 200, []))
    fold, second = told(undone(fold, 102), (102, 150, []), (103, 170, []), (104, 300, []))
    assert [tick.at_ns for tick in first + second] == [120, 180, 240, 300]


def test_a_reorg_deeper_than_what_is_remembered_has_no_way_back():
    assert undone(begun(block=100), 100) is None
    assert undone(begun(block=100), 101) is not None
    fold, _ = told(begun(), *((101 + at, 60 + at, []) for at in range(feed_fold.KEPT)))
    assert undone(fold, 101) is None
    assert undone(fold, 102).states[-1].block == 101


# -- what a node may not say -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("block", "at", "found", "words"),
    [
        (101, 70, [sync(100, POOL, DEARER)], "a log of block 100 was given for block 101"),
        (100, 70, [], "block 100 comes after block 100"),
        (101, 70, [sync(101, POOL, DEARER), sync(101, POOL, CHEAPER)], None),
        (101, 10, [sync(101, POOL, DEARER)], None),
    ],
)
def test_a_block_that_can_not_follow_is_refused_and_the_same_place_twice_counts_once(block, at, found, words):
    if words is None:
        assert after_block(begun(), block, at, found)[1] == ()
        return
    with pytest.raises(ValueError, match=words):
        after_block(begun(), block, at, found)


def test_a_price_of_nothing_that_is_known_is_never_made_up():
    fold, ticks = known(Fold(LISTINGS, MINUTE), 100, 0, {})
    assert told(fold, (101, 600, [swap(101, POOL, (9, 0, 0, 1))]))[1] == ticks == ()
    assert Price(0) not in {event.price for state in fold.states for event in state.pools.values()}
