"""The native coin itself, on a real node: the routers wrap and unwrap it, and each wei is accounted for."""

import pytest

from actors.messages import Leg, Side
from chains.devnet.abi import call_data
from chains.devnet.odd import Behaviour
from chains.devnet.wallets import OWNER
from chains.evm import calldata
from chains.evm.calldata import Swap
from chains.evm.routes import Version, swap_call
from chains.venue import Draft, Unanswered
from tests.devnet.trading.desk import CHAIN
from tests.devnet.trading.quoting import drafted, order_of, own_approval, refused
from tests.devnet.uniswap import FAR, ME, asked, ours, route, routers, sent, traded

WAYS = [
    (Version.V2, ("WETH", "WBTC"), (3_000,)),
    (Version.V2, ("WETH", "USDC", "EURC"), (3_000, 3_000)),
    (Version.V3, ("WETH", "USDC"), (500,)),
    (Version.V3, ("WETH", "WBTC"), (500,)),
    (Version.V3, ("WETH", "USDC", "LINK"), (100, 3_000)),
]
AMOUNT = 10**18 + 7


def wei(net, address=ME):
    return int(net.rpc.call("eth_getBalance", address, "latest"), 16)


def left(net):
    """What the routers keep: of the coin, and of its wrapped form."""
    found = (wei(net, router) + net.balance("WETH", router) for router in routers(net).values())
    return sum(found)


@pytest.mark.parametrize(("version", "symbols", "fees"), WAYS)
def test_a_trade_there_and_back_moves_what_its_receipts_say_to_the_wei_and_leaves_nothing(
    devnet, version, symbols, fees
):
    way = route(devnet, version, symbols, fees)
    expected, coins, tokens = ours(devnet, way, AMOUNT), wei(devnet), devnet.balance(symbols[-1], ME)
    _, bought = traded(devnet, way, AMOUNT, expected, pays_native=True)
    assert (bought.landed, bought.amount_in, bought.amount_out) == (True, AMOUNT, expected)
    assert coins - wei(devnet) == AMOUNT + bought.fee
    assert devnet.balance(symbols[-1], ME) - tokens == expected
    back = ours(devnet, way.backwards, expected)
    held = wei(devnet)
    raw, sold = traded(devnet, way.backwards, expected, back, gets_native=True)
    assert (sold.landed, sold.amount_in, sold.amount_out) == (True, expected, back)
    approval = held + back - sold.fee - wei(devnet)  # What is missing beside: its own fee.
    assert 0 < approval < 60_000 * int(raw["effectiveGasPrice"], 16) * 2
    assert devnet.balance(symbols[-1], ME) == tokens
    assert devnet.balance("WETH", ME) == left(devnet) == 0


def test_a_token_that_keeps_a_part_is_bought_and_sold_for_the_coin_as_it_arrives(devnet):
    devnet.behave(Behaviour(transfer_fee_bps=300, sell_fee_bps=200))
    way = route(devnet, Version.V2, ("WETH", "USDC", "ODD"), (3_000, 3_000))
    before = devnet.balance("ODD", ME)
    _, bought = traded(devnet, way, AMOUNT, taxed=True, pays_native=True)
    assert (bought.amount_in, bought.amount_out) == (AMOUNT, devnet.balance("ODD", ME) - before)
    router, amount = devnet.addresses.v2_router, bought.amount_out
    sent(devnet, calldata.APPROVE.on(way.path[-1], router, amount))
    coins = wei(devnet)
    back = Swap(
        path=way.backwards.path, amount_in=amount, min_amount_out=1, recipient=ME, deadline=FAR,
        gets_native=True,
    )  # fmt: skip
    raw = sent(devnet, swap_call(way.backwards, routers(devnet), back, taxed=True))
    fee = int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16)
    assert wei(devnet) - coins + fee > AMOUNT * 9 // 10
    assert devnet.balance("ODD", ME) == before
    assert left(devnet) == 0


@pytest.mark.parametrize(("version", "fee"), [(Version.V2, 3_000), (Version.V3, 500)])
def test_less_than_the_order_takes_costs_its_fee_and_not_its_value(devnet, version, fee):
    way = route(devnet, version, ("WETH", "USDC"), (fee,))
    coins = wei(devnet)
    _, got = traded(devnet, way, AMOUNT, ours(devnet, way, AMOUNT) + 1, pays_native=True)
    assert (got.landed, got.amount_in, got.amount_out) == (False, 0, 0)
    assert coins - wei(devnet) == got.fee
    _, dollars = traded(devnet, way, AMOUNT, pays_native=True)
    _, none = traded(devnet, way.backwards, dollars.amount_out, 2 * AMOUNT, gets_native=True)
    assert (none.landed, none.amount_out) == (False, 0)


def paying(net, way, value):
    """The status of a V3 swap whose value is not what its bytes pay."""
    swap = Swap(
        path=way.path, amount_in=AMOUNT, min_amount_out=1, recipient=ME, deadline=FAR, pays_native=True
    )
    call = swap_call(way, routers(net), swap)
    return sent(net, calldata.Call(call.to, call.data, value))["status"]


def test_why_the_value_is_what_is_paid_to_the_wei_the_v3_router_keeps_what_is_too_much(devnet):
    way, router = route(devnet, Version.V3, ("WETH", "USDC"), (500,)), devnet.addresses.v3_router
    assert paying(devnet, way, AMOUNT - 1) == "0x0"  # It wants the wrapped coin then, which is not approved.
    assert paying(devnet, way, AMOUNT) == "0x1"
    assert wei(devnet, router) == 0  # So no refund is needed.
    assert paying(devnet, way, AMOUNT + 5) == "0x1"
    assert wei(devnet, router) == 5
    devnet.send(OWNER, router, call_data("refundETH()"))
    assert wei(devnet, router) == 0  # Anybody may take it.


@pytest.mark.parametrize(("version", "fee"), [(Version.V2, 3_000), (Version.V3, 500)])
def test_what_somebody_has_left_in_a_router_is_in_the_fill_if_it_has_arrived(devnet, version, fee):
    """V3 pays out all that it has; V2's plain form pays what the pool gave."""
    way, router = route(devnet, version, ("WETH", "USDC"), (fee,)), routers(devnet)[version]
    _, bought = traded(devnet, way, AMOUNT, pays_native=True)
    devnet.give("WETH", router, 1_000)
    expected = ours(devnet, way.backwards, bought.amount_out)
    _, sold = traded(devnet, way.backwards, bought.amount_out, expected, gets_native=True)
    assert sold.amount_out == expected + (1_000 if version is Version.V3 else 0)


# -- what the venue makes of orders ------------------------------------------------------------------
COIN = f"{CHAIN}:ETH"


def drawn_up(net, order, versions, native_as, legs_done=()):
    """The draft, which the signer signs."""
    draft = drafted(net, order, versions, native_as=native_as, legs_done=legs_done)
    assert isinstance(draft, Draft), draft
    asked_ns = draft.quoted.asked_ns if draft.quoted else 0
    assert refused(net, order, draft, asked_ns, versions) is None
    return draft


@pytest.mark.parametrize("versions", ["v2", "v3"])
@pytest.mark.parametrize("symbol", ["WBTC", "EURC"])
def test_an_order_that_pays_the_coin_is_a_swap_at_once_and_its_sale_approves_the_token(
    devnet, versions, symbol
):
    buy = order_of(devnet, symbol, AMOUNT, quote=COIN)
    draft = drawn_up(devnet, buy, versions, "quote")
    assert (draft.leg, draft.unsigned.value) == (Leg.SWAP, AMOUNT)
    bought = sent(devnet, as_call(draft))
    assert bought["status"] == "0x1"
    held = devnet.balance(symbol, ME)
    assert held >= draft.quoted.min_amount_out
    sale = order_of(devnet, symbol, held, Side.SELL, quote=COIN)
    approval = drawn_up(devnet, sale, versions, "quote")
    assert (approval.leg, approval.unsigned.value) == (Leg.APPROVE, 0)
    done = own_approval(devnet, sale, versions, native_as="quote")
    draft = drawn_up(devnet, sale, versions, "quote", done)
    assert (draft.leg, draft.unsigned.value) == (Leg.SWAP, 0)
    coins = wei(devnet)
    raw = sent(devnet, as_call(draft))
    fee = int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16)
    assert wei(devnet) - coins + fee == draft.quoted.amount_out
    assert left(devnet) == 0


@pytest.mark.parametrize("versions", ["v2", "v3"])
def test_the_coin_is_bought_as_a_token_and_sold_without_an_approval(devnet, versions):
    buy = order_of(devnet, "WETH", 10**9, token=COIN)
    approval = drawn_up(devnet, buy, versions, "token")
    assert approval.leg is Leg.APPROVE
    done = own_approval(devnet, buy, versions, native_as="token")
    draft = drawn_up(devnet, buy, versions, "token", done)
    coins = wei(devnet)
    raw = sent(devnet, as_call(draft))
    fee = int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16)
    assert wei(devnet) - coins + fee == draft.quoted.amount_out
    sale = order_of(devnet, "WETH", draft.quoted.amount_out, Side.SELL, token=COIN)
    draft = drawn_up(devnet, sale, versions, "token")
    assert (draft.leg, draft.unsigned.value) == (Leg.SWAP, sale.amount_in)
    dollars = devnet.balance("USDC", ME)
    sent(devnet, as_call(draft))
    assert devnet.balance("USDC", ME) - dollars == draft.quoted.amount_out


def as_call(draft):
    unsigned = draft.unsigned
    return calldata.Call(unsigned.to, bytes.fromhex(unsigned.data[2:]), unsigned.value)


def test_a_token_with_a_tax_is_bought_for_the_coin_in_the_form_for_it_or_not_at_all(devnet):
    devnet.behave(Behaviour(transfer_fee_bps=100))
    buy = order_of(devnet, "ODD", 10**17, quote=COIN)
    assert isinstance(drafted(devnet, buy, native_as="quote"), Unanswered)
    draft = drafted(devnet, buy, native_as="quote", max_tax_bps=200, max_loss_bps=500)
    assert draft.unsigned.data[2:10] == calldata.V2_PAYING_TAXED.selector.hex()
    assert sent(devnet, as_call(draft))["status"] == "0x1"
    assert devnet.balance("ODD", ME) == draft.quoted.amount_out
    devnet.behave(Behaviour(sells_blocked=True))
    blocked = drafted(devnet, buy, native_as="quote", max_tax_bps=200, max_loss_bps=500)
    assert "the sale is blocked" in blocked.sentence


def test_a_wallet_that_has_less_of_the_coin_than_the_order_pays_drafts_nothing(devnet):
    devnet.set_wei(ME, AMOUNT - 1)
    none = drafted(devnet, order_of(devnet, "WBTC", AMOUNT, quote=COIN), native_as="quote")
    assert isinstance(none, Unanswered)
    assert "nsufficient funds" in none.sentence


def test_each_router_says_what_it_wraps_into(devnet):
    at = devnet.addresses
    for router, method in ((at.v2_router, calldata.V2_WRAPPED), (at.v3_router, calldata.V3_WRAPPED)):
        assert calldata.read_address(method, asked(devnet, method.on(router))) == at.weth
