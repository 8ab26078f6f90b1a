"""Approvals and the simulated round trip, with tokens that misbehave on a real node."""

import asyncio

import pytest

from chains.devnet.abi import call_data
from chains.devnet.odd import Approval, Behaviour
from chains.devnet.rpc import RpcError
from chains.devnet.wallets import STRANGER
from chains.evm import calldata, roundtrip
from chains.evm.approval import Step, decide, token_kind, unproven
from chains.evm.calldata import Call, Swap
from chains.evm.connection import Limits as Client
from chains.evm.connection import Paces
from chains.evm.node import Ask, Node
from chains.evm.roundtrip import Limits, Passed, Trip
from chains.evm.routes import Version, swap_call
from chains.evm.values import Declined
from chains.venue import Unanswered
from tests.devnet.proxy import Proxy
from tests.devnet.uniswap import ME, approved, asked, ours, pools, route, routers, sent, traded

AMOUNT = 5 * 10**18
LIMITS = Limits(max_tax_bps=0, max_loss_bps=130)
CLIENT = Client(requests_per_second=10_000)


# -- approvals ---------------------------------------------------------------------------------------
def allowed(net):
    call = calldata.ALLOWANCE.on(net.address_of("ODD"), ME, net.addresses.v2_router)
    return calldata.read_uint(calldata.ALLOWANCE, asked(net, call))


def tried(net):
    """What a simulated approval shows of the token."""
    try:
        return token_kind(
            asked(net, calldata.APPROVE.on(net.address_of("ODD"), net.addresses.v2_router, AMOUNT))
        )
    except RpcError:
        return token_kind(None)


@pytest.mark.parametrize(
    ("mode", "left", "steps"),
    [
        (Approval.ORDINARY, 0, [Step.EXACT, Step.NOTHING]),
        (Approval.ORDINARY, 7, [Step.EXACT, Step.NOTHING]),
        (Approval.ORDINARY, 2 * AMOUNT, [Step.EXACT, Step.NOTHING]),
        (Approval.RETURNS_NOTHING, 0, [Step.EXACT, Step.NOTHING]),
        (Approval.RESET_FIRST, 0, [Step.EXACT, Step.NOTHING]),
        (Approval.RESET_FIRST, 7, [Step.ZERO_FIRST, Step.EXACT, Step.NOTHING]),
        (Approval.RETURNS_FALSE, 0, [Declined]),
        (Approval.REVERTS, 0, [Declined]),
        (Approval.REVERTS, AMOUNT, [Step.NOTHING]),
    ],
)
def test_every_kind_of_token_is_approved_exactly_or_refused(devnet, mode, left, steps):
    token, router = devnet.address_of("ODD"), devnet.addresses.v2_router
    approved(devnet, token, router, left)
    devnet.behave(Behaviour(approval=mode))
    taken = []
    while not taken or taken[-1] in {Step.EXACT, Step.ZERO_FIRST}:
        step = decide(allowed(devnet), AMOUNT, tried(devnet))
        taken.append(Declined if isinstance(step, Declined) else step)
        if step in {Step.EXACT, Step.ZERO_FIRST}:
            amount = AMOUNT if step is Step.EXACT else 0
            landed = sent(devnet, calldata.APPROVE.on(token, router, amount))["status"] == "0x1"
            assert unproven(landed, allowed(devnet), amount) is None
    assert taken == steps
    assert (allowed(devnet) == AMOUNT) is (taken[-1] is Step.NOTHING)


def test_an_approval_that_lands_and_does_nothing_ends_the_order(devnet):
    devnet.behave(Behaviour(approval=Approval.RETURNS_FALSE))
    raw = sent(devnet, calldata.APPROVE.on(devnet.address_of("ODD"), devnet.addresses.v2_router, AMOUNT))
    assert raw["status"] == "0x1"
    assert unproven(True, allowed(devnet), AMOUNT) == Declined(
        f"after the approval the allowance is 0 instead of {AMOUNT}"
    )


# -- round trips -------------------------------------------------------------------------------------
def trip(net, symbols=("USDC", "ODD"), version=Version.V2, fees=(3_000,), amount=10**9, **others):
    way = route(net, version, symbols, fees)
    settings = {"wallet": ME, "taxed": version is Version.V2} | others
    return Trip(route=way, pools=pools(net, way), routers=routers(net), amount_in=amount, **settings)


@pytest.fixture(params=["eth_simulateV1", "eth_call"])
def simulated(devnet, request):
    """A node's answers to calls of a wallet, and those of a node that can not simulate."""
    with Proxy(devnet.url) as proxy:
        if request.param == "eth_call":
            proxy.unknown = {"eth_simulateV1"}

        def answers(wallet, calls):
            async def asked():
                node = Node(proxy.url, devnet.chain_id, Paces(CLIENT))
                asks = [Ask(to=call.to, data=call.data, sender=wallet, value=call.value) for call in calls]
                try:
                    return await node.simulate(asks, overrides=roundtrip.OVERRIDES)
                finally:
                    await node.close()

            return asyncio.run(asked())

        yield answers
        assert proxy.count(request.param) > 0


@pytest.fixture
def judgement(simulated):
    """The two questions, and what comes of them."""

    def judge(way, limits=LIMITS):
        answers = simulated(way.wallet, roundtrip.calls(way))
        if isinstance(answers, Unanswered):
            return answers
        bought = roundtrip.bought_of(way, answers)
        if not isinstance(bought, int):
            return bought
        return roundtrip.judged(way, simulated(way.wallet, roundtrip.calls(way, bought)), bought, limits)

    return judge


@pytest.mark.parametrize(
    ("symbols", "version", "fees"),
    [
        (("USDC", "ODD"), Version.V2, (3_000,)),
        (("USDC", "WETH", "WBTC"), Version.V2, (3_000, 3_000)),
        (("USDC", "WETH"), Version.V3, (500,)),
        (("USDC", "WETH", "WBTC"), Version.V3, (100, 500)),
    ],
)
def test_an_honest_token_passes_with_what_the_real_trade_then_brings(
    devnet, symbols, version, fees, judgement
):
    way = trip(devnet, symbols, version, fees)
    found = judgement(way)
    assert isinstance(found, Passed), found
    assert (found.buy_tax_bps, found.sell_tax_bps) == (0, 0)
    assert found.amount_out == ours(devnet, way.route, way.amount_in)
    _, bought = traded(devnet, way.route, way.amount_in)
    _, sold = traded(devnet, way.route.backwards, bought.amount_out)
    assert bought.amount_out == found.amount_out
    lost = way.amount_in - sold.amount_out
    assert (found.loss_bps - 1) * way.amount_in < lost * 10_000 <= found.loss_bps * way.amount_in


@pytest.mark.parametrize("native", ["pays_native", "gets_native"])
@pytest.mark.parametrize(("version", "fee"), [(Version.V2, 3_000), (Version.V3, 500)])
def test_a_trip_of_the_native_coin_loses_what_the_real_trade_then_loses(
    devnet, version, fee, native, judgement
):
    symbols, amount = (("WETH", "USDC"), 10**18) if native == "pays_native" else (("USDC", "WETH"), 10**9)
    way = trip(devnet, symbols, version, (fee,), amount, **{native: True})
    devnet.give("WETH", routers(devnet)[version], 5)  # Of somebody else.
    found = judgement(way)
    assert isinstance(found, Passed), found
    assert found.amount_out == ours(devnet, way.route, amount)
    _, bought = traded(devnet, way.route, amount, taxed=way.taxed, **{native: True})
    back = "gets_native" if native == "pays_native" else "pays_native"
    _, sold = traded(devnet, way.route.backwards, found.amount_out, taxed=way.taxed, **{back: True})
    assert bought.amount_out - found.amount_out == (5 if native == "gets_native" else 0)
    lost = amount - sold.amount_out + (5 if native == "pays_native" else 0)
    assert (found.loss_bps - 1) * amount < lost * 10_000 <= found.loss_bps * amount


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"sells_blocked": True}, "the sale is blocked"),
        ({"paused": True}, "the purchase is blocked"),
        ({"transfer_fee_bps": 300}, "the tax of buying is 300 bps"),
        ({"sell_fee_bps": 2_500}, "the tax of selling is 2500 bps"),
        ({"sell_fee_bps": 10_000}, "the sale is blocked"),
        ({"approval": Approval.REVERTS}, "approving the token failed"),
        ({"approval": Approval.RETURNS_FALSE}, "approving the token: it answers"),
    ],
)
def test_a_token_that_can_not_be_sold_again_is_refused_before_it_is_bought(
    devnet, behaviour, sentence, judgement
):
    devnet.behave(Behaviour(**behaviour))
    found = judgement(trip(devnet))
    assert isinstance(found, Declined)
    assert found.sentence.startswith(sentence)


def test_a_tax_within_the_limit_passes_and_is_told(devnet, judgement):
    devnet.behave(Behaviour(transfer_fee_bps=100, sell_fee_bps=50))
    found = judgement(trip(devnet), Limits(max_tax_bps=150, max_loss_bps=400))
    assert isinstance(found, Passed), found
    assert (found.buy_tax_bps, found.sell_tax_bps) == (100, 150)
    assert 300 < found.loss_bps < 325


def test_a_loss_over_the_limit_is_refused_without_any_tax(devnet, judgement):
    found = judgement(trip(devnet), Limits(max_tax_bps=0, max_loss_bps=59))
    assert found == Declined("the loss of buying and selling at once is 60 bps, over the limit of 59 bps")


def test_a_large_trade_moves_the_price_and_its_sale_moves_it_back(devnet, judgement):
    found = judgement(trip(devnet, amount=500_000 * 10**6))
    assert isinstance(found, Passed)
    assert found.loss_bps <= 60


def test_a_sale_alone_is_tried_in_the_plain_form_and_then_in_that_for_taxed_tokens(devnet, simulated):
    devnet.behave(Behaviour(transfer_fee_bps=100, sell_fee_bps=50))
    way = trip(devnet).route
    _, bought = traded(devnet, way, 10**9, taxed=True)
    plain, taxed = (
        trip(devnet, ("ODD", "USDC"), amount=bought.amount_out, taxed=taxed) for taxed in (False, True)
    )
    blocked = roundtrip.bought_of(plain, simulated(ME, roundtrip.calls(plain)))
    assert isinstance(blocked, Declined)
    expected = roundtrip.bought_of(taxed, simulated(ME, roundtrip.calls(taxed)))
    assert traded(devnet, way.backwards, bought.amount_out, taxed=True)[1].amount_out == expected


@pytest.mark.parametrize("behaviour", [{"approval": Approval.RETURNS_NOTHING}, {"returns_nothing": True}])
def test_a_token_that_answers_nothing_passes(devnet, behaviour, judgement):
    devnet.behave(Behaviour(**behaviour))
    assert isinstance(judgement(trip(devnet)), Passed)


def test_a_token_that_must_be_reset_first_passes_in_spite_of_a_leftover(devnet, judgement):
    approved(devnet, devnet.address_of("ODD"), devnet.addresses.v2_router, 7)
    devnet.behave(Behaviour(approval=Approval.RESET_FIRST))
    assert isinstance(judgement(trip(devnet)), Passed)


def test_a_wallet_without_money_proves_nothing(devnet, judgement):
    found = judgement(trip(devnet, wallet=STRANGER.address))
    assert isinstance(found, Unanswered)
    assert "the wallet holds 0 of the 1000000000 to pay" in found.sentence


def test_who_pays_the_native_coin_needs_it_and_nothing_else(devnet, judgement):
    way = trip(devnet, ("WETH", "WBTC"), amount=10**17, wallet=STRANGER.address, pays_native=True)
    assert isinstance(judgement(way), Passed)
    devnet.set_wei(STRANGER.address, 0)
    assert isinstance(judgement(way), Unanswered)


def test_the_calls_see_the_wallet_and_what_those_before_them_have_done(devnet, simulated):
    odd, weth = devnet.address_of("ODD"), devnet.address_of("WETH")
    balance, allowed = calldata.BALANCE_OF.on(weth, ME), calldata.ALLOWANCE.on(odd, ME, ME)
    before, _, after, first, _, second, refused, back, last = simulated(
        ME,
        (
            balance, Call(weth, bytes.fromhex(call_data("deposit()")[2:]), 5), balance,
            allowed, calldata.APPROVE.on(odd, ME, 7), allowed,
            calldata.APPROVE.on(devnet.addresses.v2_router, ME, 7),
            Call(weth, bytes.fromhex(call_data("withdraw(uint256)", 5)[2:])), balance,
        ),
    )  # fmt: skip
    numbers = [int.from_bytes(each.output) for each in (before, after, first, second, last)]
    assert numbers == [numbers[0], numbers[0] + 5, 0, 7, numbers[0]]
    assert (refused.succeeded, back.succeeded) == (False, True)
    assert refused.error


@pytest.mark.parametrize("simulated", ["eth_call"], indirect=True)  # Anvil's simulation has no reasons.
def test_what_blocks_a_call_is_told_in_the_contracts_words(devnet, simulated):
    way = route(devnet, Version.V2, ("USDC", "WETH"), (3_000,))
    swap = Swap(path=way.path, amount_in=10**6, min_amount_out=10**30, recipient=ME, deadline=2**40)
    *_, found = simulated(
        ME,
        (
            calldata.APPROVE.on(way.path[0], devnet.addresses.v2_router, 10**6),
            swap_call(way, routers(devnet), swap),
        ),
    )
    assert found.error == "execution reverted: UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT"
