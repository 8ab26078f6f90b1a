"""caps-on-bytes, of the native coin itself: what the router wraps and unwraps is the order's, to the unit."""

import pytest
from msgspec.structs import replace

from actors.messages import Id, Leg, Side, SignRequest
from chains.evm.caps import refusal
from chains.evm.decoding import decoded
from tests.chains.evm.signing_cases import (
    ETHER,
    GETS_COIN,
    ITSELF,
    MEME,
    NATIVE,
    NOW_NS,
    PAYS_COIN,
    STANDING,
    STRANGER,
    UNLIMITED,
    USDC,
    V2,
    V2_GETS,
    V2_NAME,
    V3,
    WALLET,
    WETH,
    approve,
    assert_refused,
    asset,
    call,
    caps,
    changed,
    multicall,
    of_the_coin,
    quoted,
    taxed,
    transaction,
    unwrap,
    v2,
    v2_pays,
    v3_single,
)

HONEST = of_the_coin(WALLET)
CAPS = caps(WALLET)
LEAST = HONEST["v3 gets"].evidence.min_amount_out
PAYS, SELLS = PAYS_COIN.amount_in, GETS_COIN.amount_in
BACK = (MEME, WETH)


def judged(request):
    return refusal(request, CAPS, STANDING, NOW_NS)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_transaction_passes(name):
    assert judged(HONEST[name]) is None


def test_what_is_paid_in_the_coin_is_the_value_and_what_is_unwrapped_goes_to_whom_the_unwrapping_says():
    paid, got = decoded(HONEST["v2 pays"].transaction), decoded(HONEST["v3 gets"].transaction)
    assert (paid.amount_in, paid.pays_native, paid.gets_native) == (PAYS, True, False)
    assert (got.recipient, got.min_amount_out, got.pays_native, got.gets_native) == (
        WALLET, LEAST, False, True,
    )  # fmt: skip


def data(name, calldata, **fields):
    return changed(HONEST[name], data=calldata, **fields)


def of(name, **fields):
    return replace(HONEST[name], order=replace(HONEST[name].order, **fields))


def sold(least=LEAST, to=ITSELF):
    return v3_single(SELLS, least, *BACK, to)


TRANSFER = call("transfer(address,uint256)", STRANGER, 5)
SWEEP = call("sweepToken(address,uint256,address)", WETH, 0, STRANGER)
REFUND = call("refundETH()")
TO_ME = unwrap(LEAST, WALLET)
WITH_FEE = call("unwrapWETH9WithFee(uint256,address,uint256,address)", LEAST, WALLET, 100, STRANGER)
TOKENS = (USDC, MEME)
FOR_TOKENS = replace(HONEST["v2 gets"].order, quote=asset(WETH))
EXACT_OUT = V2_NAME.replace("ExactTokensForTokens", "TokensForExactETH")
HOSTILE = {  # The request, and how the sentence begins.
    "more value than the order pays": (
        changed(HONEST["v2 pays"], value=PAYS + 1),
        f"value: {PAYS + 1}; {PAYS}",
    ),
    "less value than the order pays": (
        changed(HONEST["v2 pays"], value=PAYS - 1),
        f"value: {PAYS - 1}; {PAYS}",
    ),
    "no value": (changed(HONEST["v2 pays"], value=0), f"value: 0; {PAYS}"),
    "more value than a V3 swap pays": (
        changed(HONEST["v3 pays"], value=PAYS + 1),
        f"value: {PAYS + 1}; {PAYS}",
    ),
    "less value than a V3 swap pays": (
        changed(HONEST["v3 pays"], value=PAYS - 1),
        f"value: {PAYS - 1}; {PAYS}",
    ),
    "a V3 swap of the wrapped coin instead": (changed(HONEST["v3 pays"], value=0), f"value: 0; {PAYS}"),
    "a V3 swap of less than its value": (
        data("v3 pays", multicall(v3_single(PAYS - 1, LEAST, WETH, MEME, WALLET))),
        f"amount_in: {PAYS - 1}; {PAYS}",
    ),
    "value with a payment in tokens": (
        replace(HONEST["v2 pays"], order=replace(PAYS_COIN, quote=asset(WETH))),
        f"value: {PAYS}; 0",
    ),
    "value with a payment in tokens at V3": (
        replace(HONEST["v3 pays"], order=replace(PAYS_COIN, quote=asset(WETH))),
        f"value: {PAYS}; 0",
    ),
    "value with a sale for the coin": (changed(HONEST["v3 gets"], value=1), "value: 1; 0"),
    "the wrapped coin paid with value beside it": (
        data("v2 pays", v2(PAYS, LEAST, (WETH, MEME), WALLET)),
        "pays: a token; the native coin",
    ),
    "the coin paid to a stranger": (
        data("v2 pays", v2_pays(LEAST, (WETH, MEME), STRANGER)),
        f"recipient: {STRANGER}",
    ),
    "the coin paid for less than the least": (
        data("v2 pays", v2_pays(LEAST - 1, (WETH, MEME), WALLET)),
        f"min_amount_out: {LEAST - 1}; at least",
    ),
    "the coin paid for nothing": (
        data("v2 pays", v2_pays(0, (WETH, MEME), WALLET)),
        "min_amount_out: 0; at least",
    ),
    "the coin paid at the V3 router in V2's words": (
        changed(HONEST["v2 pays"], to=V3),
        f"to: {V3}; a configured",
    ),
    "the coin paid to a stranger's router": (
        changed(HONEST["v3 pays"], to=STRANGER),
        f"to: {STRANGER}; a configured",
    ),
    "a path that does not begin with the wrapped coin": (
        data("v2 pays", v2_pays(LEAST, TOKENS, WALLET)),
        f"path[0]: {USDC}; {WETH}",
    ),
    "the wrapped coin instead of the coin": (
        data("v2 gets", v2(SELLS, LEAST, BACK, WALLET)),
        "receives: a token; the native coin",
    ),
    "the coin instead of the wrapped coin": (
        replace(HONEST["v2 gets"], order=FOR_TOKENS),
        "receives: the native coin; a token",
    ),
    "an unwrapping for who wants the wrapped coin": (
        replace(HONEST["v3 gets"], order=FOR_TOKENS),
        "receives: the native coin; a token",
    ),
    "no unwrapping": (data("v3 gets", multicall(sold(to=WALLET))), "receives: a token; the native coin"),
    "the router as recipient, and no unwrapping": (
        data("v3 gets", multicall(sold())),
        f"recipient: {ITSELF}",
    ),
    "an unwrapping for a stranger": (
        data("v3 gets", multicall(sold(), unwrap(LEAST, STRANGER))),
        f"recipient: {STRANGER}; {WALLET}",
    ),
    "an unwrapping for the router": (
        data("v3 gets", multicall(sold(), unwrap(LEAST, ITSELF))),
        f"recipient: {ITSELF}; {WALLET}",
    ),
    "an unwrapping of nothing at least": (
        data("v3 gets", multicall(sold(), unwrap(0, WALLET))),
        "data: unwrapWETH9 is for 0 at least",
    ),
    "an unwrapping of one unit less": (
        data("v3 gets", multicall(sold(), unwrap(LEAST - 1, WALLET))),
        f"data: unwrapWETH9 is for {LEAST - 1}",
    ),
    "both minima one unit lower": (
        data("v3 gets", multicall(sold(LEAST - 1), unwrap(LEAST - 1, WALLET))),
        f"min_amount_out: {LEAST - 1}; at least",
    ),
    "a swap for a stranger before the unwrapping": (
        data("v3 gets", multicall(sold(to=STRANGER), TO_ME)),
        f"data: the swap before an unwrapWETH9 pays {STRANGER}",
    ),
    "a swap for us before an empty unwrapping": (
        data("v3 gets", multicall(sold(to=WALLET), TO_ME)),
        f"data: the swap before an unwrapWETH9 pays {WALLET}",
    ),
    "the unwrapping before the swap": (
        data("v3 gets", multicall(TO_ME, sold())),
        "data: multicall holds unwrapWETH9(",
    ),
    "a sweep instead of the unwrapping": (
        data("v3 gets", multicall(sold(), SWEEP)),
        "data: multicall holds 2 calls, the second 0xdf2ab5bb",
    ),
    "a sweep between the swap and the unwrapping": (
        data("v3 gets", multicall(sold(), SWEEP, TO_ME)),
        "data: multicall holds 3 calls",
    ),
    "a sweep after the unwrapping": (
        data("v3 gets", multicall(sold(), TO_ME, SWEEP)),
        "data: multicall holds 3 calls",
    ),
    "a refund behind the payment": (
        data("v3 pays", multicall(v3_single(PAYS, LEAST, WETH, MEME, WALLET), REFUND)),
        "data: multicall holds 2 calls, the second 0x12210e8a",
    ),
    "a transfer behind the swap": (
        data("v3 gets", multicall(sold(), TRANSFER)),
        "data: multicall holds 2 calls, the second 0xa9059cbb",
    ),
    "an unwrapping that pays a fee": (
        data("v3 gets", multicall(sold(), WITH_FEE)),
        "data: multicall holds 2 calls, the second 0x9b2c0a37",
    ),
    "two swaps": (
        data("v3 gets", multicall(sold(), sold())),
        "data: multicall holds 2 calls, the second exactInputSingle(",
    ),
    "an unwrapping alone": (data("v3 gets", TO_ME), "data: unwrapWETH9(uint256,address) has no deadline"),
    "an unwrapping alone in a multicall": (
        data("v3 gets", multicall(TO_ME)),
        "data: multicall holds unwrapWETH9(",
    ),
    "an unwrapping with trailing bytes": (
        data("v3 gets", multicall(sold(), TO_ME + "00" * 32)),
        "data: unwrapWETH9(",
    ),
    "an unwrapping of what is not the wrapped coin": (
        data("v3 gets", multicall(v3_single(SELLS, LEAST, MEME, USDC, ITSELF), TO_ME)),
        f"path[1]: {USDC}; {WETH}",
    ),
    "the coin for itself": (
        replace(of("v2 pays", token=asset(WETH)), evidence=quoted(V2, (WETH, WETH))),
        f"path[1]: {MEME}; {WETH}",
    ),
    "an approval of what is paid in the coin": (
        SignRequest(Id("sign"), PAYS_COIN, Leg.APPROVE, transaction(WETH, approve(V2, PAYS)), None),
        f"leg: approve, and the order pays {NATIVE}",
    ),
    "an unlimited approval of it": (
        SignRequest(Id("sign"), PAYS_COIN, Leg.APPROVE, transaction(WETH, approve(V2, UNLIMITED)), None),
        f"leg: approve, and the order pays {NATIVE}",
    ),
    "a cancellation with the value of the swap": (
        SignRequest(Id("sign"), PAYS_COIN, Leg.CANCEL, transaction(WALLET, "0x", value=PAYS), None),
        "nonce: 7",
    ),
    "a wrap of one's own": (data("v2 pays", call("deposit()")), "data: the function 0xd0e30db0"),
    "an unwrap of one's own": (
        data("v2 gets", call("withdraw(uint256)", 5)),
        "data: the function 0x2e1a7d4d",
    ),
    "a sale's bytes for a buy": (of("v2 gets", side=Side.BUY), f"value: 0; {SELLS}"),
    "a buy's bytes for a sale": (of("v2 pays", side=Side.SELL), f"value: {PAYS}; 0"),
    "the form for taxed tokens of the other direction": (
        data("v2 gets", v2(SELLS, LEAST, BACK, STRANGER, name=taxed(V2_GETS))),
        f"recipient: {STRANGER}",
    ),
    "exactly so much of the coin": (
        data("v2 gets", v2(SELLS, LEAST, BACK, WALLET, name=EXACT_OUT)),
        "data: the function 0x4a25d94a",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_transaction_is_refused_for_what_is_wrong_with_it(name):
    request, start = HOSTILE[name]
    assert_refused(judged(request), start)


def test_the_caps_of_a_position_and_of_capital_are_counted_in_the_coin():
    assert refusal(HONEST["v2 pays"], replace(CAPS, position_cap=PAYS), STANDING, NOW_NS) is None
    over = refusal(HONEST["v2 pays"], replace(CAPS, position_cap=PAYS - 1), STANDING, NOW_NS)
    assert over == f"order.amount_in: {ETHER // 100}; at most {PAYS - 1} is allowed"


def test_a_replacement_for_a_higher_fee_pays_the_same_value_and_no_other():
    old = HONEST["v3 pays"].transaction
    standing = replace(STANDING, ours={7: PAYS_COIN.id}, replaces=old)
    dearer = replace(changed(HONEST["v3 pays"], max_fee_per_gas=45 * 10**9), evidence=None)
    assert refusal(dearer, CAPS, standing, NOW_NS) is None
    assert refusal(changed(dearer, value=PAYS + 1), CAPS, standing, NOW_NS).startswith("evidence: none")
