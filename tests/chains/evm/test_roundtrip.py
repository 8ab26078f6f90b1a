"""The simulated round trip: its calls, and what each kind of answer means."""

import pytest
from msgspec.structs import replace

from chains.evm import calldata, wire
from chains.evm.roundtrip import TELLER, Limits, Passed, Trip, bought_of, judged
from chains.evm.roundtrip import calls as calls_of
from chains.evm.routes import Route, Version
from chains.evm.values import Declined
from chains.venue import Unanswered
from tests.chains.evm.raw import ME, POOL, ROUTER, USDC, WETH, v2_swap, words

TRIP = Trip(
    route=Route(Version.V2, (USDC, WETH), (3_000,)), pools=(POOL,), routers={Version.V2: ROUTER}, wallet=ME,
    amount_in=100_000, taxed=True,
)  # fmt: skip
LIMITS = Limits(max_tax_bps=100, max_loss_bps=500)
TRUE = words(1)


def call(data="0x", logs=(), error=None):
    """The answer to a call; with an error, it reverted."""
    output, found = bytes.fromhex(data[2:]), tuple(map(wire.log, logs))
    return wire.Call(error is None, output, 1, found, error or "")


def purchase(arrived=1_000, gave=1_000, took=100_000):
    """The results of a purchase: balances, two approvals, the swap, the balance after it."""
    swap = v2_swap(POOL, ME, (took, 0, 0, gave), 5)
    return [
        call(words(100_000)),
        call(words(50)),
        call(TRUE),
        call(TRUE),
        call(logs=[swap]),
        call(words(50 + arrived)),
    ]


def sale(back=99_000, gave=99_000, took=1_000):
    swap = v2_swap(POOL, ME, (0, took, gave, 0), 9)
    return [call(TRUE), call(TRUE), call(logs=[swap]), call(words(back))]


def verdict(calls, bought=1_000, limits=LIMITS):
    return judged(TRIP, calls, bought, limits)


# -- the request -------------------------------------------------------------------------------------
def test_the_first_calls_buy_and_the_second_sell_what_was_bought():
    first, second = calls_of(TRIP), calls_of(TRIP, 77)
    assert second[: len(first)] == first
    methods = {method.selector: method.name for method in calldata.METHODS}
    swap = calldata.V2_SWAP_TAXED.name
    buying = ["balanceOf", "balanceOf", "approve", "approve", swap, "balanceOf"]
    names = [methods[each.data[:4]] for each in second]
    assert names == [*buying, "approve", "approve", swap, "balanceOf"]
    assert second[3].data.endswith((100_000).to_bytes(32))
    assert second[7].data.endswith((77).to_bytes(32))
    assert second[8].data == calldata.V2_SWAP_TAXED.data(77, 1, (WETH, USDC), ME, (1 << 63) - 1)
    assert {each.value for each in second} == {0}


PAYING = replace(TRIP, route=TRIP.route.backwards, pays_native=True)  # Dollars for the coin, and back.
GETTING = replace(TRIP, gets_native=True)


def named(calls):
    methods = {method.selector: method.name for method in calldata.METHODS}
    return [methods[each.data[:4]] if each.data else "coins" for each in calls]


def test_who_pays_the_native_coin_approves_nothing_and_its_balance_is_told_by_the_simulation():
    calls = calls_of(PAYING, 77)
    buy, sell = calldata.V2_PAYING_TAXED.name, calldata.V2_GETTING_TAXED.name
    assert named(calls) == ["coins", "balanceOf", buy, "balanceOf", "approve", "approve", sell, "coins"]
    assert calls[: len(calls_of(PAYING))] == calls_of(PAYING)
    assert [each.value for each in calls] == [0, 0, 100_000, 0, 0, 0, 0, 0]
    assert {each.to for each in calls} == {USDC, ROUTER, TELLER}


def test_who_buys_the_native_coin_sells_it_without_an_approval():
    calls = calls_of(GETTING, 77)
    buy, sell = calldata.V2_GETTING_TAXED.name, calldata.V2_PAYING_TAXED.name
    assert named(calls) == ["balanceOf", "coins", "approve", "approve", buy, "coins", sell, "balanceOf"]
    assert [each.value for each in calls] == [0, 0, 0, 0, 0, 0, 77, 0]


# -- the purchase ------------------------------------------------------------------------------------
def test_what_was_bought_is_the_balance_after_less_the_one_before():
    assert bought_of(TRIP, purchase(arrived=970)) == 970


def test_a_purchase_that_brings_nothing_is_declined():
    assert bought_of(TRIP, purchase(arrived=0)) == Declined("the purchase brings nothing")


# -- of the native coin -------------------------------------------------------------------------------
def paying(arrived=1_000, back=99_000, gave=99_000):
    buy, sell = v2_swap(POOL, ME, (0, 100_000, 1_000, 0), 5), v2_swap(POOL, ROUTER, (1_000, 0, 0, gave), 9)
    bought = [call(words(10**6)), call(words(50)), call(logs=[buy]), call(words(50 + arrived))]
    return [*bought, call(TRUE), call(TRUE), call(logs=[sell]), call(words(900_000 + back))]


def getting(arrived=1_000, back=99_000):
    buy, sell = v2_swap(POOL, ROUTER, (100_000, 0, 0, 1_000), 5), v2_swap(POOL, ME, (0, 1_000, 99_000, 0), 9)
    before = [call(words(100_000)), call(words(10**6)), call(TRUE), call(TRUE)]
    return [*before, call(logs=[buy]), call(words(10**6 + arrived)), call(logs=[sell]), call(words(back))]


@pytest.mark.parametrize(
    ("trip", "answers", "expected"),
    [
        (PAYING, paying(), Passed(1_000, 100, 0, 0)),
        (GETTING, getting(), Passed(1_000, 100, 0, 0)),
        # What somebody has left in the router is not counted on.
        (PAYING, paying(back=99_500), Passed(1_000, 100, 0, 0)),
        (GETTING, getting(arrived=1_007), Passed(1_000, 100, 0, 0)),
        (PAYING, paying(back=98_505), Passed(1_000, 150, 0, 50)),
    ],
)
def test_what_comes_of_the_native_coin_is_what_the_wallet_has_more_of_it(trip, answers, expected):
    assert bought_of(trip, answers[: len(calls_of(trip))]) == 1_000
    assert judged(trip, answers, 1_000, LIMITS) == expected


@pytest.mark.parametrize(
    ("trip", "answers", "kind", "sentence"),
    [
        (PAYING, [*paying()[:6], call(error="no"), paying()[7]], Declined, "the sale is blocked: no"),
        (PAYING, [*paying()[:6], call(), paying()[7]], Unanswered, "0 swaps"),
        (PAYING, [*paying()[:2], call(error="no"), *paying()[3:]], Declined, "the purchase is blocked: no"),
        (PAYING, [call(words(99_999)), *paying()[1:]], Unanswered, "holds 99999 of the 100000"),
        (PAYING, [call("0x"), *paying()[1:]], Unanswered, "balanceOf answered nothing"),
        (PAYING, paying(back=-1), Unanswered, "the wallet got 1000 and -1"),
        (GETTING, [call(words(99_999)), *getting()[1:]], Unanswered, "holds 99999 of the 100000"),
        (GETTING, [*getting()[:4], call(), *getting()[5:]], Unanswered, "0 swaps"),
        (PAYING, paying()[:-1], Unanswered, "answers 7 calls of 8"),
    ],
)
def test_a_trade_of_the_coin_that_can_not_be_undone_or_seen_is_no_pass(trip, answers, kind, sentence):
    found = judged(trip, answers, 1_000, LIMITS)
    assert isinstance(found, kind)
    assert sentence in found.sentence


# -- the verdict -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("calls", "bought", "expected"),
    [
        ([*purchase(), *sale()], 1_000, Passed(1_000, 100, 0, 0)),
        ([*purchase(arrived=990), *sale(took=990)], 990, Passed(990, 100, 100, 0)),
        ([*purchase(), *sale(took=995)], 1_000, Passed(1_000, 100, 0, 50)),
        ([*purchase(took=99_000), *sale()], 1_000, Passed(1_000, 100, 100, 0)),
        ([*purchase(), *sale(back=98_505)], 1_000, Passed(1_000, 150, 0, 50)),
        ([*purchase(), *sale(back=98_999)], 1_000, Passed(1_000, 101, 0, 1)),  # Rounded up.
        (
            [*purchase(took=100_009), *sale(took=1_001)],
            1_000,
            Passed(1_000, 100, 0, 0),
        ),  # Left there by others.
    ],
)
def test_a_trade_within_the_limits_passes_with_what_it_loses(calls, bought, expected):
    assert verdict(calls, bought) == expected


REVERTED = call(error="execution reverted: no")


def spoiled(place, entry):
    calls = [*purchase(), *sale()]
    calls[place] = entry
    return calls


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (spoiled(8, REVERTED), "the sale is blocked: execution reverted: no"),
        (spoiled(8, call(error="")), "the sale is blocked: it reverts"),
        (spoiled(4, REVERTED), "the purchase is blocked: execution reverted: no"),
        (spoiled(3, REVERTED), "approving the quote failed: execution reverted: no"),
        (spoiled(7, call(words(0))), "approving the token: it answers 0x00"),
        (spoiled(7, call(words(2))), "approving the token: it answers 0x00"),
        ([*purchase(gave=1_011), *sale()], "the tax of buying is 109 bps, over the limit of 100 bps"),
        ([*purchase(), *sale(took=989)], "the tax of selling is 110 bps, over the limit of 100 bps"),
        ([*purchase(), *sale(back=94_999, gave=94_999)], "the loss of buying and selling at once is 501 bps"),
    ],
)
def test_a_trade_that_can_not_be_undone_is_declined_with_the_reason(calls, sentence):
    found = verdict(calls)
    assert isinstance(found, Declined)
    assert found.sentence.startswith(sentence)


@pytest.mark.parametrize("place", [2, 6])
@pytest.mark.parametrize("entry", [REVERTED, call(words(0)), call("0x")])
def test_an_approval_of_0_that_fails_decides_nothing(place, entry):
    assert isinstance(verdict(spoiled(place, entry)), Passed)


@pytest.mark.parametrize(("place", "entry"), [(3, call("0x")), (7, call("0x"))])
def test_an_approval_that_answers_nothing_is_one(place, entry):
    assert isinstance(verdict(spoiled(place, entry)), Passed)


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (spoiled(0, call(words(99_999))), "the wallet holds 99999 of the 100000"),
        (spoiled(0, call("0x")), "balanceOf answered nothing"),
        (spoiled(9, call("0x12")), "balanceOf answered 1 bytes"),
        (spoiled(5, call(words(1_049))), "ask both times at the same block"),
        (spoiled(4, call()), "0 swaps"),
        (spoiled(8, call()), "0 swaps"),
        ([*purchase(gave=999), *sale()], "the pools gave 999"),
        ([*purchase(), *sale(back=99_001)], "the wallet got 1000 and 99001"),
        ([*purchase(), *sale()][:-1], "answers 9 calls of 10"),
        ([], "answers 0 calls of 10"),
    ],
)
def test_an_answer_that_does_not_tell_is_no_verdict(calls, sentence):
    found = verdict(calls)
    assert isinstance(found, Unanswered)
    assert sentence in found.sentence


def test_a_purchase_whose_answer_does_not_tell_is_none():
    assert isinstance(bought_of(TRIP, purchase()[:-1]), Unanswered)
    assert isinstance(bought_of(TRIP, [*purchase()[:-1], call("0x")]), Unanswered)
