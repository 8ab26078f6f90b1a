"""Fills out of receipts: what they say, and how every contradiction in them is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chains.evm.receipts import Sent, Trade, cost, fill
from chains.evm.routes import Version
from chains.evm.values import ZERO_ADDRESS
from chains.evm.wire import Malformed
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
    withdrawal,
)

SENT = Sent(TX, ME)
FEE = 120_000 * 10**9
BUY = Trade(Version.V2, (USDC, WETH), (POOL,), 1_000, 90, ROUTER)
FEED = Trade(Version.V3, (USDC, WETH), (POOL,), 1_000, 90, ROUTER)
HOPS = Trade(Version.V2, (USDC, WETH, WBTC), (POOL, POOL_2), 1_000, 5, ROUTER)
HOPS_3 = Trade(Version.V3, (USDC, WETH, WBTC), (POOL, POOL_2), 1_000, 5, ROUTER)

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


# -- the native coin: it logs nothing ----------------------------------------------------------------
PAYING = Trade(Version.V2, (WETH, USDC), (POOL,), 1_000, 90, ROUTER, pays_native=True)
PAYING_3 = replace(PAYING, version=Version.V3)
GETTING = replace(BUY, gets_native=True)
GETTING_3 = replace(FEED, gets_native=True)
WRAPPED = transfer(WETH, ROUTER, POOL, 1_000)  # By the router, of what was sent to it.
IN_DOLLARS = transfer(USDC, POOL, ME, 100)
BOUGHT, BOUGHT_3 = v2_swap(POOL, ME, (0, 1_000, 100, 0)), v3_swap(POOL, ME, (-100, 1_000))
TO_ROUTER = transfer(WETH, POOL, ROUTER, 100)
SOLD, SOLD_3 = v2_swap(POOL, ROUTER, (1_000, 0, 0, 100)), v3_swap(POOL, ROUTER, (1_000, -100))
UNWRAPPED = withdrawal(ROUTER, 100)


@pytest.mark.parametrize(
    ("trade", "logs", "expected"),
    [
        (PAYING, [WRAPPED, IN_DOLLARS, BOUGHT], landed(1_000, 100)),
        (PAYING_3, [IN_DOLLARS, WRAPPED, BOUGHT_3], landed(1_000, 100)),
        (GETTING, [PAID, TO_ROUTER, SOLD, UNWRAPPED], landed(1_000, 100)),
        (GETTING_3, [TO_ROUTER, PAID, SOLD_3, UNWRAPPED], landed(1_000, 100)),
        (GETTING_3, [TO_ROUTER, PAID, SOLD_3, transfer(WETH, ROUTER, ZERO_ADDRESS, 100)], landed(1_000, 100)),
        # What somebody has left in the router is paid out too.
        (GETTING_3, [TO_ROUTER, PAID, SOLD_3, withdrawal(ROUTER, 103)], landed(1_000, 103)),
        # A token that is called amidst the swap lets the router unwrap for itself, and leaves us the least.
        (
            GETTING_3,
            [TO_ROUTER, withdrawal(ROUTER, 10), PAID, SOLD_3, withdrawal(ROUTER, 90)],
            landed(1_000, 90),
        ),
        # The router keeps what a pool that ran dry has not taken: it was paid all the same.
        (PAYING_3, [IN_DOLLARS, v3_swap(POOL, ME, (-100, 600))], landed(1_000, 100)),
        # The token is sent on within the transaction.
        (PAYING, [WRAPPED, IN_DOLLARS, BOUGHT, transfer(USDC, ME, POOL_2, 3)], landed(1_000, 97)),
    ],
)
def test_of_the_native_coin_the_value_was_paid_and_what_the_router_unwrapped_has_arrived(
    trade, logs, expected
):
    assert fill(receipt(logs), SENT, trade, 5) == expected


@pytest.mark.parametrize(
    ("trade", "logs", "sentence"),
    [
        (GETTING, [PAID, TO_ROUTER, SOLD], f"{ROUTER} has unwrapped nothing of {WETH}"),
        (GETTING, [PAID, TO_ROUTER, SOLD, withdrawal(ME, 100)], "has unwrapped nothing"),
        (GETTING, [PAID, TO_ROUTER, SOLD, withdrawal(ROUTER, 100, wrapped=USDC)], "has unwrapped nothing"),
        (GETTING, [PAID, TO_ROUTER, SOLD, withdrawal(ROUTER, 89)], "89 arrived, and the order takes 90"),
        (GETTING_3, [TO_ROUTER, PAID, SOLD_3, UNWRAPPED, withdrawal(ROUTER, 1)], "1 arrived"),
        (GETTING, [PAID, GOT, SWAP, UNWRAPPED], "0 swaps"),  # It paid us, and not the router.
        (GETTING_3, [TO_ROUTER, SOLD_3, UNWRAPPED], "took 1000, and 0 was sent"),
        (PAYING, [WRAPPED, BOUGHT], "0 arrived"),
        (PAYING, [WRAPPED, transfer(USDC, POOL, ME, 101), BOUGHT], "101 arrived, but the last pool gave 100"),
        (PAYING_3, [IN_DOLLARS, v3_swap(POOL, ME, (-100, 1_001))], "took 1001, and 1000 was sent"),
        (PAYING_3, [IN_DOLLARS, v3_swap(POOL, ME, (-100, 0))], "took 0, and 1000 was sent"),
    ],
)
def test_logs_that_contradict_a_trade_of_the_coin_are_no_fill(trade, logs, sentence):
    with pytest.raises(ValueError, match=sentence):
        fill(receipt(logs), SENT, trade, 5)


def test_a_sale_for_the_coin_that_shows_no_payment_gives_no_amount():
    assert isinstance(fill(receipt([TO_ROUTER, SOLD, UNWRAPPED]), SENT, GETTING, 5), Unanswered)


# -- the receipt itself ------------------------------------------------------------------------------
def test_what_reverted_has_cost_its_fee_and_moved_nothing():
    assert fill(receipt([], status="0x0"), SENT, BUY, 5) == REVERTED


def test_an_approval_or_a_cancellation_costs_its_fee_alone():
    assert cost(receipt([]), SENT, 5) == landed(0, 0)
    assert cost(receipt([], status="0x0"), SENT, 5) == REVERTED


OPERATOR = {"operatorFeeScalar": hex(1_500_000), "operatorFeeConstant": hex(7)}
JOVIAN = {"daFootprintGasScalar": "0x190", "blobGasUsed": "0x9c40"}


@pytest.mark.parametrize(
    ("told", "beside"),
    [
        ({}, 0),
        ({"l1Fee": None}, 0),
        ({"l1Fee": hex(777)}, 777),
        ({"l1Fee": hex(777), **JOVIAN}, 777),  # No operator's fee is left out when it is 0.
        ({"l1Fee": hex(777), **OPERATOR}, 777 + 120_000 * 1_500_000 // 10**6 + 7),
        ({"l1Fee": hex(777), **OPERATOR, **JOVIAN}, 777 + 120_000 * 1_500_000 * 100 + 7),
        ({"l1Fee": hex(777), "operatorFeeScalar": None, "operatorFeeConstant": hex(7)}, 784),
        ({"gasUsedForL1": hex(50_000), "l1BlockNumber": "0x1"}, 0),  # Arbitrum's gas has it in it.
    ],
)
def test_what_a_rollup_takes_beside_the_gas_is_part_of_the_fee_to_the_wei(told, beside):
    assert cost(receipt([], **told), SENT, 5).fee == FEE + beside


def test_where_l1_is_charged_for_a_receipt_that_says_nothing_of_it_is_refused():
    sent = replace(SENT, l1_fee=True)
    assert cost(receipt([], l1Fee="0x0"), sent, 5).fee == FEE
    for read in (lambda found: cost(found, sent, 5), lambda found: fill(found, sent, BUY, 5)):
        with pytest.raises(ValueError, match="has no l1Fee"):
            read(receipt([PAID, GOT, SWAP]))


@pytest.mark.parametrize("field", ["l1Fee", "operatorFeeScalar", "operatorFeeConstant"])
def test_a_rollups_fee_that_is_no_number_is_malformed(field):
    with pytest.raises(Malformed, match=field):
        receipt([], **{"l1Fee": "0x1", **OPERATOR, field: "777"})


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
