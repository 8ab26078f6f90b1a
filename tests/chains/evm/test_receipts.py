"""Fills out of receipts: what they say, and how every contradiction in them is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chains.evm.receipts import Sent, Trade, cost, fill
from chains.evm.routes import Version
from chains.venue import Receipt, Unanswered
from tests.chains.evm.raw import (
    BLOCK,
    ME,
    POOL,
    POOL_2,
    ROUTER,
    TX,
    USDC,
    WBTC,
    WETH,
    receipt,
    transfer,
    v2_swap,
    v3_swap,
)

SENT = Sent(TX, ME)
FEE = 120_000 * 10**9
BUY = Trade(Version.V2, (USDC, WETH), (POOL,), 1_000, 90)
FEED = Trade(Version.V3, (USDC, WETH), (POOL,), 1_000, 90)
HOPS = Trade(Version.V2, (USDC, WETH, WBTC), (POOL, POOL_2), 1_000, 5)
HOPS_3 = Trade(Version.V3, (USDC, WETH, WBTC), (POOL, POOL_2), 1_000, 5)

PAID = transfer(USDC, ME, POOL, 1_000)
GOT = transfer(WETH, POOL, ME, 100)
SWAP = v2_swap(POOL, ME, (1_000, 0, 0, 100))
SWAP_3 = v3_swap(POOL, ME, (1_000, -100))
TWO = [v2_swap(POOL, POOL_2, (1_000, 0, 0, 100)), v2_swap(POOL_2, ME, (0, 100, 7, 0))]
TWO_3 = [v3_swap(POOL, ROUTER, (1_000, -100)), v3_swap(POOL_2, ME, (-7, 100))]
GOT_BTC = transfer(WBTC, POOL_2, ME, 7)


def landed(paid, got, fee=FEE):
    return Receipt(TX, True, paid, got, fee, 5, BLOCK, receipt([]).block_hash)


REVERTED = replace(landed(0, 0), landed=False)


@pytest.mark.parametrize(
    ("trade", "logs", "expected"),
    [
        (BUY, [PAID, GOT, SWAP], landed(1_000, 100)),
        (FEED, [GOT, PAID, SWAP_3], landed(1_000, 100)),
        (HOPS, [PAID, transfer(WETH, POOL, POOL_2, 100), GOT_BTC, *TWO], landed(1_000, 7)),
        (HOPS_3, [PAID, transfer(WETH, POOL, ROUTER, 100), GOT_BTC, *TWO_3], landed(1_000, 7)),
    ],
)
def test_a_fill_is_what_was_paid_and_what_arrived(trade, logs, expected):
    assert fill(receipt(logs), SENT, trade, 5) == expected


TAXED_OUT = [PAID, transfer(WETH, POOL, ME, 97), transfer(WETH, POOL, WBTC, 3), SWAP]
TAXED_IN = [
    transfer(USDC, ME, POOL, 950), transfer(USDC, ME, WBTC, 50), GOT, v2_swap(POOL, ME, (950, 0, 0, 100))
]  # fmt: skip
RETURNED = [PAID, GOT, SWAP, transfer(WETH, ME, WBTC, 2)]
# The token sells the tax it took in the very same pool before our own sale.
SELLS_ITSELF = [
    PAID, transfer(USDC, USDC, POOL, 40), v2_swap(POOL, USDC, (40, 0, 0, 4)), GOT, SWAP,
    v2_swap(POOL_2, ROUTER, (1, 0, 0, 1)),
]  # fmt: skip
LEFT_THERE = [PAID, GOT, v2_swap(POOL, ME, (1_003, 0, 0, 100))]  # Somebody had given the pair 3 more.


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        (TAXED_OUT, landed(1_000, 97)),
        (TAXED_IN, landed(1_000, 100)),
        (RETURNED, landed(1_000, 98)),
        (SELLS_ITSELF, landed(1_000, 100)),
        (LEFT_THERE, landed(1_000, 100)),
        ([PAID, GOT, SWAP, transfer(WBTC, ROUTER, ME, 9**9)], landed(1_000, 100)),  # Dust, a gift.
    ],
)
def test_tokens_that_do_more_than_move_are_counted_as_they_arrived(logs, expected):
    assert fill(receipt(logs), SENT, BUY, 5) == expected


@pytest.mark.parametrize(
    ("trade", "logs", "sentence"),
    [
        (BUY, [PAID, GOT], "0 swaps"),
        (BUY, [PAID, GOT, SWAP, SWAP], "2 swaps"),
        (BUY, [PAID, GOT, v2_swap(POOL, ROUTER, (1_000, 0, 0, 100))], "0 swaps"),
        (BUY, [PAID, GOT, v2_swap(POOL_2, ME, (1_000, 0, 0, 100))], "0 swaps"),
        (BUY, [PAID, GOT, v2_swap(POOL, ME, (0, 1_000, 100, 0))], "took -100"),  # The other direction.
        (BUY, [PAID, transfer(WETH, POOL, ME, 101), SWAP], "101 arrived, but the last pool gave 100"),
        (BUY, [PAID, transfer(WETH, POOL, ME, 89), SWAP], "takes 90 at least"),
        (BUY, [PAID, SWAP], "0 arrived"),
        (BUY, [transfer(USDC, ME, POOL, 1_001), GOT, SWAP], "1001 was paid"),
        (BUY, [PAID, PAID, GOT, SWAP], "2000 was paid"),
        (FEED, [PAID, GOT, v3_swap(POOL, ME, (999, -100))], "took 999, and 1000 was sent"),
        (FEED, [PAID, GOT, v3_swap(POOL, ME, (1_000, 100))], "100 arrived, but the last pool gave -100"),
        (FEED, [GOT, SWAP_3], "took 1000, and 0 was sent"),
        (HOPS, [PAID, GOT_BTC, TWO[0]], "has 0 swaps"),
        (HOPS, [PAID, GOT_BTC, TWO[0], v2_swap(POOL_2, ROUTER, (0, 100, 7, 0))], "has 0 swaps"),
        (HOPS_3, [PAID, GOT_BTC, TWO_3[0], v3_swap(POOL_2, ME, (-7, 99))], "took 99, and 100 was sent"),
    ],
)
def test_logs_that_contradict_the_order_or_each_other_are_no_fill(trade, logs, sentence):
    with pytest.raises(ValueError, match=sentence):
        fill(receipt(logs), SENT, trade, 5)


def test_a_token_that_hides_a_part_of_what_was_paid_gives_no_amount():
    logs = [transfer(USDC, ME, POOL, 950), GOT, v2_swap(POOL, ME, (950, 0, 0, 100))]
    found = fill(receipt(logs), SENT, BUY, 5)
    assert isinstance(found, Unanswered)
    assert "950 paid of 1000" in found.sentence


def test_a_v3_pool_that_ran_dry_took_what_it_took():
    logs = [transfer(USDC, ME, POOL, 600), GOT, v3_swap(POOL, ME, (600, -100))]
    assert fill(receipt(logs), SENT, FEED, 5) == landed(600, 100)


# -- the receipt itself ------------------------------------------------------------------------------
def test_what_reverted_has_cost_its_fee_and_moved_nothing():
    assert fill(receipt([], status="0x0"), SENT, BUY, 5) == REVERTED


def test_an_approval_or_a_cancellation_costs_its_fee_alone():
    assert cost(receipt([]), SENT, 5) == landed(0, 0)
    assert cost(receipt([], status="0x0"), SENT, 5) == REVERTED


def test_a_rollups_fee_for_l1_is_part_of_the_fee():
    assert cost(receipt([], l1Fee=hex(777)), SENT, 5).fee == FEE + 777
    assert cost(receipt([], l1Fee=None), SENT, 5).fee == FEE


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tx_hash": "0x" + "00" * 32}, "the receipt is of 0x00"),
        ({"sender": POOL}, "the receipt's sender"),
        ({"succeeded": False}, "what reverts leaves none"),
        ({"block": BLOCK + 1}, "not all of its block"),
    ],
)
@pytest.mark.parametrize("read", [lambda raw: cost(raw, SENT, 5), lambda raw: fill(raw, SENT, BUY, 5)])
def test_a_receipt_that_is_not_ours_or_contradicts_itself_is_refused(changed, sentence, read):
    with pytest.raises(ValueError, match=sentence):
        read(replace(receipt([PAID, GOT, SWAP]), **changed))


def test_two_logs_at_one_place_are_no_fill():
    found = receipt([PAID, GOT, SWAP])
    with pytest.raises(ValueError, match="same block and index"):
        fill(replace(found, logs=(*found.logs, found.logs[1])), SENT, BUY, 5)


entries = st.lists(st.sampled_from([PAID, GOT, SWAP, SWAP_3, GOT_BTC, *TWO, *TWO_3, *TAXED_IN]), max_size=6)


@given(entries, st.sampled_from([BUY, FEED, HOPS, HOPS_3]))
def test_whatever_the_logs_are_no_fill_is_more_than_a_pool_gave_or_less_than_the_order_takes(logs, trade):
    try:
        found = fill(receipt(logs), SENT, trade, 5)
    except ValueError:
        return
    if isinstance(found, Receipt):
        assert 0 < found.amount_in <= trade.amount_in
        assert trade.min_amount_out <= found.amount_out <= (7 if len(trade.pools) == 2 else 100)
