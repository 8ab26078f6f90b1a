"""x * y = k: properties over any pool, and the answers of real contracts."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import PRICE_SCALE, Asset, Instrument, Side
from chains.pool import (
    amount_out,
    in_and_out,
    price_at_tick,
    price_impact_bps,
    price_of,
    reserves_at,
    reserves_in_range,
    reserves_of_depth,
    value_of,
)

reserves = st.integers(1, 2**112 - 1)
amounts = st.integers(0, 2**112 - 1)
fees = st.integers(0, 999_999)


@given(amounts, reserves, reserves, fees)
def test_k_never_falls_and_the_pool_is_never_emptied(paid, reserve_in, reserve_out, fee):
    got = amount_out(paid, reserve_in, reserve_out, fee)
    assert 0 <= got < reserve_out
    assert (reserve_in + paid) * (reserve_out - got) >= reserve_in * reserve_out


@given(amounts, reserves, reserves, fees)
def test_a_round_trip_never_gains(paid, reserve_in, reserve_out, fee):
    got = amount_out(paid, reserve_in, reserve_out, fee)
    if reserve_out > got:
        assert amount_out(got, reserve_out - got, reserve_in + paid, fee) <= paid


@given(amounts, amounts, reserves, reserves, fees)
def test_two_halves_of_a_swap_give_no_more_than_the_whole(first, second, reserve_in, reserve_out, fee):
    whole = amount_out(first + second, reserve_in, reserve_out, fee)
    one = amount_out(first, reserve_in, reserve_out, fee)
    two = amount_out(second, reserve_in + first, reserve_out - one, fee)
    assert one + two <= whole + 1 or fee > 0


@given(amounts, reserves, reserves)
def test_the_impact_is_what_the_fill_lacks_to_the_price(paid, reserve_in, reserve_out):
    got = amount_out(paid, reserve_in, reserve_out, 0)
    bps = price_impact_bps(paid, reserve_in, 0)
    fair = paid * reserve_out
    assert got * reserve_in * 10_000 <= fair * (10_001 - bps)
    assert 0 <= bps <= 10_000


@pytest.mark.parametrize(("paid", "bps"), [(0, 0), (1, 1), (10**6, 1), (10**9, 10), (10**12, 5_000)])
def test_the_impact_is_rounded_up(paid, bps):
    assert price_impact_bps(paid, 10**12, 0) == bps


@given(reserves, reserves, st.integers(1, 10**40))
def test_at_another_price_the_pool_keeps_its_k(quote, token, price):
    new_quote, new_token = reserves_at(price, quote, token, 18)
    assert new_quote > 0
    assert new_token > 0
    if new_quote > 1 and new_token > 1:
        assert quote * token - new_quote < new_quote * new_token <= quote * token


@given(st.integers(10**12, 2**112), st.integers(10**12, 2**112))
def test_at_its_own_price_a_pool_is_as_it_is(quote, token):
    price = price_of(quote, token, 18)
    if price > 10**12:
        new_quote, _ = reserves_at(price, quote, token, 18)
        assert abs(new_quote - quote) * 10**9 <= quote * 10**3


@pytest.mark.parametrize("empty", [(0, 1), (1, 0)])
def test_an_empty_pool_gives_no_quote(empty):
    with pytest.raises(AssertionError, match="empty pool"):
        amount_out(1, *empty, 0)


def test_a_buy_pays_quote_in_and_a_sell_pays_the_token_in():
    assert in_and_out(Side.BUY, 1, 2) == (1, 2)
    assert in_and_out(Side.SELL, 1, 2) == (2, 1)


def test_a_price_is_quote_units_for_a_whole_token():
    quote, token = reserves_of_depth(3_000 * 10**6, 1_500 * 10**6 * PRICE_SCALE, 18)
    assert (quote, token) == (3_000 * 10**6, 2 * 10**18)
    assert price_of(quote, token, 18) == 1_500 * 10**6 * PRICE_SCALE
    weth = Instrument(Asset("paper:WETH"), Asset("paper:USDC"), 18, 6, 500)
    assert value_of(10**17, price_of(quote, token, 18), weth) == 150 * 10**6


def test_where_the_quote_is_token0_the_higher_tick_is_the_lower_price():
    assert price_at_tick(202_693, True, 18) / 10**18 == pytest.approx(1e12 / 1.0001**202_693)
    assert price_at_tick(202_694, True, 18) < price_at_tick(202_693, True, 18)
    assert price_at_tick(-202_693, False, 18) / 10**18 == pytest.approx(1e12 / 1.0001**202_693)
    assert price_at_tick(-202_694, False, 18) < price_at_tick(-202_693, False, 18)


# -- the answers of contracts ------------------------------------------------------------------------
PANCAKE_V2_FEE_PIPS = 2_500
PANCAKE_V2_RESERVES = {"USDbC": 22_045_620, "WETH": 12_282_455_599_528_884}


def test_every_answer_of_the_pancake_v2_router_is_met_to_the_unit(recorded):
    """The file holds no reserves: only these, one wei of WETH more or less, give all of its answers."""
    file = "amm/degenbot__test_pancakeswap_v2_onchain_parity__test_pancakeswap_v2_router_get_amounts_out.json"
    entries = json.loads(recorded(file).read_text())["entries"]
    assert len(entries) == 24
    for key, entry in entries.items():
        _, _, path, paid = key.split("|")
        reserve_in, reserve_out = (PANCAKE_V2_RESERVES[token] for token in path.split("->"))
        assert amount_out(int(paid), reserve_in, reserve_out, PANCAKE_V2_FEE_PIPS) == entry["value"], key


def test_within_its_range_a_v3_pool_is_met_to_a_thousandth_of_a_percent(recorded):
    snapshot = recorded("amm/degenbot__1__uniswap_v3_wbtc_weth_block_24407242.json.gz").read_bytes()
    pool = json.loads(gzip.decompress(snapshot))["scalars"]
    root, liquidity = pool["sqrt_price_x96"], pool["liquidity"]
    virtual = (liquidity << 96) // root, liquidity * root >> 96
    file = "amm/degenbot__test_uniswap_v3_onchain_parity__test_cached_calculations_v3_wbtc_weth.json"
    checked = 0
    for key, entry in json.loads(recorded(file).read_text())["entries"].items():
        _, function, pair, paid = key.split("|")
        usual = 10**6 <= int(paid) < virtual[0] // 1_000  # Below, the contract rounds the fee up.
        if function == "quoteExactInputSingle" and pair.startswith("WBTC") and usual:
            got = amount_out(int(paid), *virtual, pool["fee"])
            assert got == pytest.approx(entry["value"], rel=1e-5), key
            checked += 1
    assert checked > 3


def test_virtual_reserves_hold_the_liquidity_and_the_price_of_the_tick():
    reserve0, reserve1 = reserves_in_range(202_693, 422_680_516_552_367_239)
    assert reserve0 * reserve1 == pytest.approx(422_680_516_552_367_239**2, rel=1e-9)
    assert price_of(reserve0, reserve1, 18) == pytest.approx(price_at_tick(202_693, True, 18), rel=1e-9)
