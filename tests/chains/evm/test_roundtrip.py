"""The simulated round trip: its calls, and what each kind of answer means."""

import pytest
from msgspec.structs import replace

from chains.evm import calldata, wire
from chains.evm.roundtrip import TELLER, Limits, Passed, Trip, bought_of, judged
from chains.evm.roundtrip import calls as calls_of
from chains.evm.routes import Route, Version
from chains.evm.values import Declined
from chains.venue import Unanswered
from tests.chains.evm.raw import ME, POOL, ROUTER, USDC, WETH, words

TRIP = Trip(
    route=Route(Version.V2, (USDC, WETH), (3_000,)), pools=(POOL,), routers={Version.V2: ROUTER}, wallet=ME,
    amount_in=100_000, taxed=True,
)  # fmt: skip
LIMITS = Limits(max_tax_bps=100, max_loss_bps=500)
TRUE, RICH = words(1), 10**9  # What the pools have at first.


def call(data="0x", error=None):
    """The answer to a call; with an error, it reverted."""
    return wire.Call(error is None, bytes.fromhex(data[2:]), error or "")


def purchase(arrived=1_000, gave=1_000, took=100_000):
    """The results of a purchase: balances, two approvals, the swap, the balances after it."""
    before, after = (
        [call(words(RICH)), call(words(RICH))],
        [call(words(RICH + took)), call(words(RICH - gave))],
    )
    return [
        call(words(100_000)),
        call(words(50)),
        *before,
        call(TRUE),
        call(TRUE),
        call(),
        call(words(50 + arrived)),
        *after,
    ]


def trade(arrived=1_000, gave=1_000, took=100_000, back=99_000, paid=99_000, sold=1_000):
    """A purchase and the sale after it, whatever the pools then have."""
    bought = purchase(arrived, gave, took)
    after = [call(words(RICH + took - paid)), call(words(RICH - gave + sold))]
    return [*bought, call(TRUE), call(TRUE), call(), call(words(back)), *after]


def verdict(calls, bought=1_000, limits=LIMITS):
    return judged(TRIP, calls, bought, limits)


# -- the request -------------------------------------------------------------------------------------
def test_the_first_calls_buy_and_the_second_sell_what_was_bought():
    first, second = calls_of(TRIP), calls_of(TRIP, 77)
    assert second[: len(first)] == first
    methods = {method.selector: method.name for method in calldata.METHODS}
    swap = calldata.V2_SWAP_TAXED.name
    balances = ["balanceOf"] * 3
    buying = ["balanceOf", *balances, "approve", "approve", swap, *balances]
    names = [methods[each.data[:4]] for each in second]
    assert names == [*buying, "approve", "approve", swap, *balances]
    assert second[5].data.endswith((100_000).to_bytes(32))
    assert second[11].data.endswith((77).to_bytes(32))
    assert second[12].data == calldata.V2_SWAP_TAXED.data(77, 1, (WETH, USDC), ME, (1 << 63) - 1)
    assert {each.value for each in second} == {0}


PAYING = replace(TRIP, route=TRIP.route.backwards, pays_native=True)  # Dollars for the coin, and back.
GETTING = replace(TRIP, gets_native=True)


def named(calls):
    methods = {method.selector: method.name for method in calldata.METHODS}
    return [methods[each.data[:4]] if each.data else "coins" for each in calls]


def test_who_pays_the_native_coin_approves_nothing_and_its_balance_is_told_by_the_simulation():
    calls = calls_of(PAYING, 77)
    buy, sell = calldata.V2_PAYING_TAXED.name, calldata.V2_GETTING_TAXED.name
    edges, approvals = ["balanceOf"] * 2, ["approve"] * 2
    buying = ["coins", "balanceOf", *edges, buy, "balanceOf", *edges]
    assert named(calls) == [*buying, *approvals, sell, "coins", *edges]
    assert calls[: len(calls_of(PAYING))] == calls_of(PAYING)
    assert {place: each.value for place, each in enumerate(calls) if each.value} == {4: 100_000}
    assert {each.to for each in calls} == {USDC, WETH, ROUTER, TELLER}


def test_who_buys_the_native_coin_sells_it_without_an_approval():
    calls = calls_of(GETTING, 77)
    buy, sell = calldata.V2_GETTING_TAXED.name, calldata.V2_PAYING_TAXED.name
    edges, approvals = ["balanceOf"] * 2, ["approve"] * 2
    buying = ["balanceOf", "coins", *edges, *approvals, buy, "coins", *edges]
    assert named(calls) == [*buying, sell, "balanceOf", *edges]
    assert {place: each.value for place, each in enumerate(calls) if each.value} == {10: 77}


# -- the purchase ------------------------------------------------------------------------------------
def test_what_was_bought_is_the_balance_after_less_the_one_before():
    assert bought_of(TRIP, purchase(arrived=970)) == 970


def test_a_purchase_that_brings_nothing_is_declined():
    assert bought_of(TRIP, purchase(arrived=0)) == Declined("the purchase brings nothing")


# -- of the native coin -------------------------------------------------------------------------------
POOLS = ([call(words(RICH))] * 2, [call(words(RICH + 100_000)), call(words(RICH - 1_000))])


def after(paid):
    return [call(words(RICH + 100_000 - paid)), call(words(RICH))]


def paying(arrived=1_000, back=99_000, paid=99_000):
    before, between = POOLS
    bought = [call(words(10**6)), call(words(50)), *before, call(), call(words(50 + arrived)), *between]
    return [*bought, call(TRUE), call(TRUE), call(), call(words(900_000 + back)), *after(paid)]


def getting(arrived=1_000, back=99_000):
    before, between = POOLS
    bought = [call(words(100_000)), call(words(10**6)), *before, call(TRUE), call(TRUE), call()]
    return [*bought, call(words(10**6 + arrived)), *between, call(), call(words(back)), *after(99_000)]


def instead(answers, place, entry):
    return [*answers[:place], entry, *answers[place + 1 :]]


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
        (PAYING, instead(paying(), 10, call(error="no")), Declined, "the sale is blocked: no"),
        (PAYING, paying(paid=0, back=0), Unanswered, "the pools gave 1000 and 0"),
        (PAYING, instead(paying(), 4, call(error="no")), Declined, "the purchase is blocked: no"),
        (PAYING, instead(paying(), 0, call(words(99_999))), Unanswered, "holds 99999 of the 100000"),
        (PAYING, instead(paying(), 0, call("0x")), Unanswered, "balanceOf answered nothing"),
        (PAYING, paying(back=-1), Unanswered, "the wallet got 1000 and -1"),
        (GETTING, instead(getting(), 0, call(words(99_999))), Unanswered, "holds 99999 of the 100000"),
        (GETTING, instead(getting(), 9, call(words(RICH))), Unanswered, "then 0"),
        (PAYING, paying()[:-1], Unanswered, "answers 13 calls of 14"),
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
        (trade(), 1_000, Passed(1_000, 100, 0, 0)),
        (trade(arrived=990, sold=990), 990, Passed(990, 100, 100, 0)),
        (trade(sold=995), 1_000, Passed(1_000, 100, 0, 50)),
        (trade(took=99_000), 1_000, Passed(1_000, 100, 100, 0)),
        (trade(back=98_505), 1_000, Passed(1_000, 150, 0, 50)),
        (trade(back=98_999), 1_000, Passed(1_000, 101, 0, 1)),  # Rounded up.
    ],
)
def test_a_trade_within_the_limits_passes_with_what_it_loses(calls, bought, expected):
    assert verdict(calls, bought) == expected


REVERTED = call(error="execution reverted: no")


def spoiled(place, entry):
    calls = trade()
    calls[place] = entry
    return calls


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (spoiled(12, REVERTED), "the sale is blocked: execution reverted: no"),
        (spoiled(12, call(error="")), "the sale is blocked: it reverts"),
        (spoiled(6, REVERTED), "the purchase is blocked: execution reverted: no"),
        (spoiled(5, REVERTED), "approving the quote failed: execution reverted: no"),
        (spoiled(11, call(words(0))), "approving the token: it answers 0x00"),
        (spoiled(11, call(words(2))), "approving the token: it answers 0x00"),
        (trade(gave=1_011), "the tax of buying is 109 bps, over the limit of 100 bps"),
        (trade(sold=989), "the tax of selling is 110 bps, over the limit of 100 bps"),
        (trade(back=94_999, paid=94_999), "the loss of buying and selling at once is 501 bps"),
    ],
)
def test_a_trade_that_can_not_be_undone_is_declined_with_the_reason(calls, sentence):
    found = verdict(calls)
    assert isinstance(found, Declined)
    assert found.sentence.startswith(sentence)


@pytest.mark.parametrize("place", [4, 10])
@pytest.mark.parametrize("entry", [REVERTED, call(words(0)), call("0x")])
def test_an_approval_of_0_that_fails_decides_nothing(place, entry):
    assert isinstance(verdict(spoiled(place, entry)), Passed)


@pytest.mark.parametrize(("place", "entry"), [(5, call("0x")), (11, call("0x"))])
def test_an_approval_that_answers_nothing_is_one(place, entry):
    assert isinstance(verdict(spoiled(place, entry)), Passed)


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        (spoiled(0, call(words(99_999))), "the wallet holds 99999 of the 100000"),
        (spoiled(0, call("0x")), "balanceOf answered nothing"),
        (spoiled(13, call("0x12")), "balanceOf answered 1 bytes"),
        (spoiled(7, call(words(1_049))), "ask both times at the same block"),
        (spoiled(9, call("0x")), "balanceOf answered nothing"),
        (trade(gave=0), "the pools gave 0"),
        (trade(paid=0, back=0), "the pools gave 1000 and 0"),
        (trade(gave=999), "the pools gave 999"),
        (trade(back=99_001), "the wallet got 1000 and 99001"),
        (trade()[:-1], "answers 15 calls of 16"),
        ([], "answers 0 calls of 16"),
    ],
)
def test_an_answer_that_does_not_tell_is_no_verdict(calls, sentence):
    found = verdict(calls)
    assert isinstance(found, Unanswered)
    assert sentence in found.sentence


def test_a_purchase_whose_answer_does_not_tell_is_none():
    assert isinstance(bought_of(TRIP, purchase()[:-1]), Unanswered)
    assert isinstance(bought_of(TRIP, [*purchase()[:-3], call("0x"), *purchase()[-2:]]), Unanswered)
