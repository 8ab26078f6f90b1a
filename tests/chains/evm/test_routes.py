"""Ways from token to token: all of them, the best of them, and our own quotes along them."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import PRICE_SCALE
from chains.evm.calldata import Swap, v2_swap, v3_swap
from chains.evm.routes import (
    PoolKey,
    Quoted,
    Reserves,
    Route,
    Version,
    best,
    directions,
    own_quote,
    pool_key,
    possible,
    routes,
    swap_call,
)
from chains.evm.v3math import Pool
from chains.pool import amount_out
from chains.venue import Unanswered

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
WBTC = "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599"
ME = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DIRECT = Route(Version.V2, (USDC, WBTC), (3_000,))
OVER_WETH = Route(Version.V2, (USDC, WETH, WBTC), (3_000, 3_000))
V3 = Route(Version.V3, (USDC, WBTC), (500,))
V3_OVER = Route(Version.V3, (USDC, WETH, WBTC), (500, 500))


# -- candidates --------------------------------------------------------------------------------------
def test_every_way_is_a_candidate_once():
    found = routes(USDC, WBTC, [WETH, USDC, WETH])
    assert len(found) == len(set(found)) == 1 + 4 + 1 + 16
    assert {DIRECT, OVER_WETH, V3, Route(Version.V3, (USDC, WETH, WBTC), (100, 10_000))} < set(found)


@pytest.mark.parametrize(
    ("v2_fee", "tiers", "count"),
    [(None, (500,), 2), (2_500, (), 2), (None, (), 0), (3_000, (100, 500), 2 + 6)],
)
def test_a_version_that_a_chain_does_not_have_is_no_candidate(v2_fee, tiers, count):
    assert len(routes(USDC, WBTC, [WETH], v2_fee, tiers)) == count


def test_only_routes_whose_pools_are_all_there_are_possible():
    first, second = OVER_WETH.pools
    assert possible([DIRECT, OVER_WETH, V3], {first, second}) == (OVER_WETH,)
    assert possible([DIRECT, OVER_WETH, V3], {first, *V3.pools}) == (V3,)


def test_a_pool_has_one_key_from_both_sides_and_its_tokens_in_the_order_of_their_numbers():
    assert pool_key(Version.V3, USDC, WBTC, 500) == PoolKey(Version.V3, WBTC, USDC, 500)
    assert pool_key(Version.V3, WBTC, USDC, 500) == PoolKey(Version.V3, WBTC, USDC, 500)
    assert OVER_WETH.backwards.pools == OVER_WETH.pools[::-1]


def test_letters_do_not_count_in_the_order_of_tokens():
    small, large = "0x" + "aA" * 20, "0x" + "Bb" * 20
    assert pool_key(Version.V2, large, small, 1).token0 == small
    small, large = "0x" + "aa" * 20, "0x" + "AB" * 20
    assert pool_key(Version.V2, large, small, 1).token0 == small


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [((USDC, USDC), "are both"), ((USDC.lower(), WBTC), "token_in"), ((USDC, "0x12"), "token_out")],
)
def test_ends_that_are_none_are_refused(ends, sentence):
    with pytest.raises(ValueError, match=sentence):
        routes(*ends, [])


# -- the best ----------------------------------------------------------------------------------------
NO = Unanswered("the node is down")


@pytest.mark.parametrize(
    ("price_of_gas", "expected"),
    [(0, OVER_WETH), (99_999_999, OVER_WETH), (100_000_000, DIRECT), (100_000_001, DIRECT)],
)
def test_the_best_gives_most_once_its_gas_is_paid(price_of_gas, expected):
    """6 units more for 60 000 more gas: at 10**8 / PRICE_SCALE units each it is a tie."""
    quotes = [Quoted(OVER_WETH, 1_006, 160_000), NO, Quoted(DIRECT, 1_000, 100_000)]
    assert best(quotes, price_of_gas).route == expected


SAME = [
    Quoted(Route(Version.V2, (USDC, WBTC), (3_000,)), 5, 9),
    Quoted(Route(Version.V3, (USDC, WBTC), (3_000,)), 5, 9),
    Quoted(Route(Version.V3, (USDC, WBTC), (10_000,)), 5, 9),
    Quoted(Route(Version.V3, (USDC, WETH, WBTC), (100, 500)), 5, 9),
    Quoted(Route(Version.V3, (USDC, WETH, WBTC), (500, 100)), 5, 9),
]


@pytest.mark.parametrize("dropped", range(5))
def test_among_equals_the_order_in_which_they_were_asked_does_not_count(dropped):
    left = SAME[dropped:]
    assert {best(order).route for order in permutations(left)} == {left[0].route}


@pytest.mark.parametrize("quotes", [[], [NO], [Quoted(DIRECT, 0, 1)], [NO, Quoted(DIRECT, 0, 1)]])
def test_without_a_quote_there_is_no_best(quotes):
    found = best(quotes)
    assert isinstance(found, Unanswered)
    assert ("the node is down" in found.sentence) == (NO in quotes)


@given(
    st.lists(
        st.builds(Quoted, st.sampled_from([DIRECT, OVER_WETH, V3]), st.integers(0, 50), st.integers(0, 9))
    )
)
def test_no_other_quote_gives_more(quotes):
    found = best(quotes, PRICE_SCALE)
    if isinstance(found, Quoted):
        assert all(
            found.amount_out - found.gas >= each.amount_out - each.gas for each in quotes if each.amount_out
        )


# -- our own quotes ----------------------------------------------------------------------------------
STATES = {
    DIRECT.pools[0]: Reserves(100 * 10**8, 6_000_000 * 10**6),  # WBTC is token0.
    OVER_WETH.pools[0]: Reserves(6_000_000 * 10**6, 2_000 * 10**18),
    OVER_WETH.pools[1]: Reserves(100 * 10**8, 2_000 * 10**18),
}


def test_a_quote_goes_from_hop_to_hop():
    middle = amount_out(10**9, 6_000_000 * 10**6, 2_000 * 10**18, 3_000)
    over, direct = own_quote(OVER_WETH, 10**9, STATES), own_quote(DIRECT, 10**9, STATES)
    assert over.amount_out == amount_out(middle, 2_000 * 10**18, 100 * 10**8, 3_000)
    assert direct.amount_out == amount_out(10**9, 6_000_000 * 10**6, 100 * 10**8, 3_000)
    assert over.gas == 2 * direct.gas > 0


@pytest.mark.parametrize(
    ("changed", "amount", "sentence"),
    [
        ({OVER_WETH.pools[1]: None}, 10**9, "was not read"),
        ({OVER_WETH.pools[1]: Unanswered("the node is tired")}, 10**9, "the node is tired"),
        ({OVER_WETH.pools[1]: Reserves(0, 0)}, 10**9, "is empty"),
        ({OVER_WETH.pools[0]: Reserves(10**30, 1)}, 10**9, "too small"),
        ({}, 0, "too small"),
    ],
)
def test_where_a_hop_has_no_quote_the_route_has_none(changed, amount, sentence):
    found = own_quote(OVER_WETH, amount, STATES | changed)
    assert isinstance(found, Unanswered)
    assert sentence in found.sentence


def test_a_pool_that_would_run_dry_quotes_nothing():
    pool = Pool(1 << 96, 0, 10**6, 500, 10, ((-887_270, 10**6), (887_270, -(10**6))), (-347, 346))
    assert own_quote(V3, 1_000, {V3.pools[0]: pool}).amount_out == 998
    found = own_quote(V3, 10**40, {V3.pools[0]: pool})
    assert isinstance(found, Unanswered)
    assert "runs dry" in found.sentence


def test_where_ticks_were_not_read_the_most_that_a_route_can_give_is_known():
    (first, second), over = V3_OVER.pools, V3_OVER
    narrow = Pool(1 << 96, 0, 10**9, 500, 10, ((-10, None), (10, None)), (-1, 0))
    whole = Pool(1 << 96, 0, 10**9, 500, 10, ((-10, 10**8), (10, -(10**8))), (-1, 0))
    one = own_quote(over, 10**6, {first: narrow, second: narrow})
    two = own_quote(over, 10**6, {first: whole, second: whole})
    assert (one.key, abs(one.tick)) == (first, 10)
    assert two.amount_out < one.most < 10**6
    assert own_quote(over, 10**6, {first: whole, second: narrow}).key == second
    assert own_quote(over, 10**3, {first: narrow, second: narrow}).amount_out == 996


def test_all_routes_go_through_a_pool_in_one_direction():
    every = routes(USDC, WBTC, [WETH])
    ways = directions(every)
    assert len(ways) == 15  # Three pairs of tokens, each as a pair of V2 and at four fees.
    for route in every:
        for key, token_in in zip(route.pools, route.path, strict=False):
            assert ways[key] == (token_in == key.token0)


# -- the transaction ---------------------------------------------------------------------------------
ROUTERS = {Version.V2: WETH, Version.V3: ME}


def swap_along(route):
    return Swap(path=route.path, amount_in=9, min_amount_out=8, recipient=ME, deadline=7)


@pytest.mark.parametrize("taxed", [False, True])
def test_a_route_is_sent_to_the_router_of_its_version(taxed):
    assert swap_call(OVER_WETH, ROUTERS, swap_along(OVER_WETH), taxed) == v2_swap(
        WETH, swap_along(OVER_WETH), taxed
    )
    assert swap_call(V3, ROUTERS, swap_along(V3)) == v3_swap(ME, swap_along(V3), V3.fees)


def test_a_taxed_token_is_not_sent_to_v3_and_no_swap_along_another_route():
    with pytest.raises(ValueError, match="use a V2 route"):
        swap_call(V3, ROUTERS, swap_along(V3), taxed=True)
    with pytest.raises(ValueError, match="its route along"):
        swap_call(DIRECT, ROUTERS, swap_along(OVER_WETH))
