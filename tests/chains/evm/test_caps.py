"""caps-on-bytes: honest transactions pass, and of hostile ones each is refused for what is wrong with it."""

import pytest
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages import Leg, Side
from chains.evm.caps import least_out, refusal
from chains.evm.decoding import SELECTORS, decoded
from tests.chains.evm.signing_cases import (
    CENT,
    DAI,
    DEADLINE_S,
    GWEI,
    MEME,
    NOW_NS,
    STANDING,
    STRANGER,
    UNLIMITED,
    USDC,
    V2,
    V2_NAME,
    V3,
    WALLET,
    WETH,
    address,
    approve,
    assert_refused,
    asset,
    call,
    caps,
    changed,
    honest,
    multicall,
    quoted,
    standing_for,
    v2,
    v3_path,
    v3_single,
)

HONEST = honest(WALLET)
CAPS = caps(WALLET)
LEAST = HONEST["v2"].evidence.min_amount_out
PAYS = 100 * CENT
SINGLE = v3_single(PAYS, LEAST, USDC, MEME, WALLET)


def judged(request, standing=None, allowed=CAPS, now_ns=NOW_NS):
    return refusal(request, allowed, standing or standing_for(request), now_ns)


def test_each_selector_is_that_of_its_signature():
    assert {keccak(text=name)[:4].hex(): name for name in SELECTORS.values()} == SELECTORS


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_transaction_passes(name):
    assert judged(HONEST[name]) is None


def data(name, calldata, **fields):
    return changed(HONEST[name], data=calldata, **fields)


def quote(name, **fields):
    return replace(HONEST[name], evidence=replace(HONEST[name].evidence, **fields))


def by_order(name, **fields):
    return replace(HONEST[name], order=replace(HONEST[name].order, **fields))


def v2_with(amount=PAYS, least=LEAST, path=(USDC, MEME), to=WALLET, deadline=DEADLINE_S):
    return data("v2", v2(amount, least, path, to, deadline))


TRANSFER = call("transfer(address,uint256)", STRANGER, 5)
SWEEP = call("sweepToken(address,uint256,address)", USDC, 0, STRANGER)
V2_DATA = HONEST["v2"].transaction.data
HOP = (USDC, WETH, MEME)
HOSTILE = {  # The request, and how the sentence begins.
    "approving for an order that only takes back": (by_order("approve", side=Side.REVOKE), "leg: approve"),
    "a swap for an order that only takes back": (by_order("v2", side=Side.REVOKE), "leg: swap; revoke"),
    "another chain": (changed(HONEST["v2"], chain_id=1), "chain_id: 1; 31337"),
    "another router": (changed(HONEST["v2"], to=STRANGER), f"to: {STRANGER}; a configured router"),
    "a V2 swap at the V3 router": (changed(HONEST["v2"], to=V3), f"to: {V3}; a configured router"),
    "a V3 swap at the V2 router": (changed(HONEST["v3"], to=V2), f"to: {V2}; a configured router"),
    "a receiver in lower case": (changed(HONEST["v2"], to=V2.lower()), f"to: {V2.lower()}; a checksummed"),
    "another recipient": (v2_with(to=STRANGER), f"recipient: {STRANGER}; {WALLET}"),
    "another recipient in V3": (
        data("v3", multicall(v3_single(PAYS, LEAST, USDC, MEME, STRANGER))), f"recipient: {STRANGER}"),
    "V3's alias of the router as recipient": (
        data("v3", multicall(v3_single(PAYS, LEAST, USDC, MEME, address(2)))), f"recipient: {address(2)}"),
    "the whole balance in V3": (
        data("v3", multicall(v3_single(0, LEAST, USDC, MEME, WALLET))), "amount_in: 0; 1000000"),
    "more than the order": (v2_with(amount=PAYS + 1), "amount_in: 1000001; 1000000"),
    "less than the order": (v2_with(amount=PAYS - 1), "amount_in: 999999; 1000000"),
    "a minimum of nothing": (v2_with(least=0), f"min_amount_out: 0; at least {LEAST}"),
    "a minimum one unit lower": (v2_with(least=LEAST - 1), f"min_amount_out: {LEAST - 1}; at least {LEAST}"),
    "a lower minimum that the evidence agrees to": (
        replace(v2_with(least=LEAST - 1), evidence=replace(HONEST["v2"].evidence, min_amount_out=LEAST - 1)),
        f"min_amount_out: {LEAST - 1}; at least {LEAST}"),
    "a quote of nothing": (
        replace(v2_with(least=0), evidence=quoted(V2, (USDC, MEME), amount_out=0)),
        "min_amount_out: 0; at least 1"),
    "a later deadline": (v2_with(deadline=DEADLINE_S + 1), f"deadline: {DEADLINE_S + 1}; at most"),
    "a later deadline in V3": (
        data("v3", multicall(SINGLE, deadline=DEADLINE_S + 9)), f"deadline: {DEADLINE_S + 9}; at most"),
    "no deadline in V3": (data("v3", SINGLE), "data: exactInputSingle("),
    "a stop half-way": (
        data("v3", multicall(v3_single(PAYS, LEAST, USDC, MEME, WALLET, limit=5))), "price_limit: 5; 0"),
    "another pool's fee": (
        data("v3", multicall(v3_single(PAYS, LEAST, USDC, MEME, WALLET, fee=100))), "pool fees: (100,); "),
    "another token bought": (v2_with(path=(USDC, STRANGER)), f"path[1]: {STRANGER}; {MEME}"),
    "another token sold": (v2_with(path=(DAI, MEME)), f"path[0]: {DAI}; {USDC}"),
    "a way through a stranger's token": (
        replace(v2_with(path=(USDC, STRANGER, MEME)), evidence=quoted(V2, (USDC, STRANGER, MEME))),
        f"path: leads through {STRANGER}"),
    "a way that was not quoted": (v2_with(path=(USDC, DAI, MEME)), "path: "),
    "a way round in circles": (
        replace(v2_with(path=(USDC, WETH, DAI, WETH, MEME)),
                evidence=quoted(V2, (USDC, WETH, DAI, WETH, MEME))), "path: "),
    "a way of one token": (v2_with(path=(USDC,)), "path: 1 tokens"),
    "a way of no token": (v2_with(path=()), "path: 0 tokens"),
    "a V3 way with half a hop": (
        data("v3 hop", multicall(v3_path(PAYS, LEAST, (*HOP, "0x0000"), (500, 500, 500), WALLET))),
        "data: a path of 71 bytes"),
    "another spender": (data("approve", approve(STRANGER, PAYS)), f"spender: {STRANGER}; a configured"),
    "a configured router that is not the quote's": (
        data("approve", approve(V3, PAYS)), f"spender: {V3}; {V2}"),
    "an unlimited approval": (data("approve", approve(V2, UNLIMITED)), f"amount: {UNLIMITED}; 1000000"),
    "an approval of one unit more": (data("approve", approve(V2, PAYS + 1)), "amount: 1000001; 1000000"),
    "an approval of another token": (changed(HONEST["approve"], to=DAI), f"to: {DAI}; {USDC}"),
    "a revocation that approves": (data("revoke", approve(V3, 1)), "amount: 1; 0"),
    "a revocation at a stranger's token": (
        changed(HONEST["revoke"], to=STRANGER), f"to: {STRANGER}; a token"),
    "a revocation of a stranger": (data("revoke", approve(STRANGER, 0)), f"spender: {STRANGER}"),
    "a transfer instead of an approval": (data("approve", TRANSFER), "data: the function 0xa9059cbb"),
    "an approval instead of a swap": (
        data("v2", approve(V2, PAYS)), "data: a transaction that does Approve"),
    "a swap instead of an approval": (data("approve", V2_DATA), "data: a transaction that does Swap"),
    "a multicall with a hidden transfer": (
        data("v3", multicall(SINGLE, TRANSFER)), "data: multicall holds 2"),
    "a multicall with a sweep": (data("v3", multicall(SINGLE, SWEEP)), "data: multicall holds 2"),
    "a multicall of a transfer alone": (data("v3", multicall(TRANSFER)), "data: the function 0xa9059cbb"),
    "a multicall of an approval": (
        data("v3", multicall(approve(STRANGER, UNLIMITED))), "data: multicall holds approve("),
    "a multicall of nothing": (data("v3", multicall()), "data: multicall holds 0 calls"),
    "a multicall in a multicall": (
        data("v3", multicall(multicall(SINGLE))), "data: multicall holds multicall("),
    "the multicall without a deadline": (
        data("v3", call("multicall(bytes[])", 32, 0)), "data: the function 0xac9650d8"),
    "a router that runs anything": (
        data("v3", call("execute(bytes,bytes[])", 64, 96, 0, 0)), "data: the function 0x24856bc3"),
    "a delegatecall": (
        data("v2", call("delegatecall(address,bytes)", STRANGER, 64, 0)), "data: the function 0x"),
    "half a call": (data("v2", V2_DATA[:8]), "data: the function 0x38ed17 "),
    "arguments cut off": (data("v2", V2_DATA[:-64]), "data: the arguments of swapExactTokensForTokens("),
    "trailing bytes": (data("v2", V2_DATA + "00" * 32), "data: swapExactTokensForTokens("),
    "one trailing byte": (data("approve", HONEST["approve"].transaction.data + "00"), "data: approve("),
    "a path somewhere else in the bytes": (
        data("v2", call(V2_NAME, PAYS, LEAST, 192, WALLET, DEADLINE_S, 0, 2, USDC, MEME)),
        "data: swapExactTokensForTokens("),
    "dirty padding of an address": (
        data("approve", call("approve(address,uint256)", int(V2, 16) + 2**200, PAYS)),
        "data: the arguments of approve("),
    "capital letters in the hex": (data("v2", "0x" + V2_DATA[2:].upper()), "data: "),
    "no hex at all": (data("v2", "0xzz"), "data: "),
    "no 0x": (data("v2", V2_DATA[2:]), "data: "),
    "value with a swap": (changed(HONEST["v2"], value=1), "value: 1; 0"),
    "value with an approval": (changed(HONEST["approve"], value=1), "value: 1; 0"),
    "value with a cancellation": (changed(HONEST["cancel"], value=1), "value: 1; 0"),
    "a cancellation to a stranger": (changed(HONEST["cancel"], to=STRANGER), f"to: {STRANGER}; {WALLET}"),
    "a cancellation that calls": (data("cancel", TRANSFER), "data: the function 0xa9059cbb"),
    "a fee over the cap": (
        changed(HONEST["v2"], max_fee_per_gas=50 * GWEI + 1), "max_fee_per_gas: 50000000001; at most 50"),
    "a tip over the fee": (
        changed(HONEST["v2"], max_priority_fee_per_gas=41 * GWEI), "max_priority_fee_per_gas: 41000000000"),
    "gas over the order's fee": (
        changed(HONEST["v2"], gas=250_001), "gas * max_fee_per_gas: 10000040000000000; at"),
    "a negative fee": (changed(HONEST["v2"], max_fee_per_gas=-1), "max_fee_per_gas: -1; a whole number"),
    "gas of more than 256 bits": (changed(HONEST["v2"], gas=2**256), f"gas: {2**256}; a whole number"),
    "a nonce behind": (changed(HONEST["v2"], nonce=6), "nonce: 6; 7 to 7"),
    "a nonce that leaves a gap": (changed(HONEST["v2"], nonce=8), "nonce: 8; 7 to 7"),
    "an old quote": (
        quote("v2", asked_ns=NOW_NS - 10 * 10**9 - 1), "evidence.asked_ns: a quote 10.000 s old"),
    "a quote from the future": (quote("v2", asked_ns=NOW_NS + 1), "evidence.asked_ns: a quote -1.999 s old"),
    "no quote": (replace(HONEST["v2"], evidence=None), "evidence: none"),
    "a quote of another router": (quote("v2", router=V3), f"evidence.router: {V3}; {V2}"),
    "more slippage than the cap": (by_order("v2", slippage_bps=51), "order.slippage_bps: 51; at most 50"),
    "a fee in dollars": (by_order("v2", fee_asset=asset(USDC)), "order.fee_asset: "),
    "a token without an address": (by_order("v2", token="paper:MEME"), "order: paper:MEME"),
    "a token in lower case": (by_order("v2", token=asset(MEME).lower()), "order: devnet:0x"),
    "a token of another chain": (by_order("v2", token=f"base:{MEME}"), f"order: base:{MEME}; an asset of"),
    "dollars of another chain": (by_order("v2", quote=f"base:{USDC}"), f"order: base:{USDC}; an asset of"),
    "an order of nothing": (by_order("approve", amount_in=0), "order.amount_in: 0; at least 1"),
    "a negative slippage": (by_order("v2", slippage_bps=-1), "order.slippage_bps: -1; at least 0"),
    "a sell's bytes for a buy": (by_order("v2 taxed", side=Side.BUY), "path[0]: "),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_transaction_is_refused_for_what_is_wrong_with_it(name):
    request, start = HOSTILE[name]
    assert_refused(judged(request), start)


def test_the_list_of_hostile_transactions_is_long_and_no_sentence_says_everything():
    assert len(HOSTILE) >= 25
    assert len({judged(request) for request, _ in HOSTILE.values()}) > 50


# -- beside the bytes --------------------------------------------------------------------------------
def test_a_quote_of_ten_seconds_is_fresh_and_a_nanosecond_more_is_not():
    at = HONEST["v2"].evidence.asked_ns
    assert judged(HONEST["v2"], now_ns=at + 10 * 10**9) is None
    assert judged(HONEST["v2"], now_ns=at + 10 * 10**9 + 1).startswith("evidence.asked_ns: a quote 10.000 s")
    assert judged(HONEST["approve"], now_ns=at + 10**12) is None


def test_a_replacement_of_ones_own_nonce_is_allowed_and_of_anothers_is_not():
    older = changed(HONEST["v2"], nonce=3)
    assert judged(older, replace(STANDING, ours={3: older.order.id})) is None
    stranger = judged(older, replace(STANDING, ours={3: "o2"}))
    assert stranger == "nonce: 3, which order o2 has; only its own replacement is allowed"


def test_the_same_swap_for_a_higher_fee_needs_no_new_quote_and_any_other_does():
    old = HONEST["v2"].transaction
    standing = replace(STANDING, ours={7: HONEST["v2"].order.id}, replaces=old)
    dearer = replace(changed(HONEST["v2"], max_fee_per_gas=45 * GWEI), evidence=None)
    assert judged(dearer, standing) is None
    assert judged(dearer, replace(standing, replaces=None)).startswith("evidence: none")
    for change in ({"to": STRANGER}, {"value": 1}, {"data": "0x"}, {"data": V2_DATA[:-1] + "f"}):
        assert judged(changed(dearer, **change), standing).startswith("evidence: none")
    assert judged(changed(dearer, chain_id=1), standing).startswith("chain_id: 1")
    assert judged(changed(dearer, max_fee_per_gas=51 * GWEI), standing).startswith("max_fee_per_gas: ")
    assert judged(changed(dearer, gas=250_001), standing).startswith("gas * max_fee_per_gas: ")


def test_a_cancellation_of_a_nonce_that_the_order_has_never_used_is_refused():
    assert judged(HONEST["cancel"], STANDING).startswith("nonce: 7; only one that order o1 has used")


def test_what_all_transactions_of_an_order_may_cost_is_its_fee_and_a_replacement_counts_once():
    costs = 200_000 * 40 * GWEI
    assert judged(HONEST["v2"], replace(STANDING, fees={6: 10**16 - costs})) is None
    over = judged(HONEST["v2"], replace(STANDING, fees={6: 10**16 - costs + 1}))
    assert over.startswith(f"gas * max_fee_per_gas beside {10**16 - costs + 1} for the order's other")
    assert judged(HONEST["v2"], replace(STANDING, fees={7: 10**16})) is None
    assert judged(HONEST["v2"], replace(STANDING, spent=10**16 - costs)) is None
    assert judged(HONEST["v2"], replace(STANDING, spent=10**16 - costs + 1)).startswith(
        "gas * max_fee_per_gas"
    )


def test_a_buy_keeps_to_the_caps_of_position_and_capital_and_a_sell_needs_none():
    assert judged(HONEST["v2"], allowed=replace(CAPS, position_cap=PAYS, capital_cap=PAYS)) is None
    assert judged(HONEST["v2"], allowed=replace(CAPS, position_cap=PAYS - 1)).startswith("order.amount_in: ")
    full = replace(CAPS, capital_cap=PAYS)
    assert judged(HONEST["v2"], replace(STANDING, invested=1), full).startswith("order.amount_in with all")
    assert judged(HONEST["v2 taxed"], replace(STANDING, invested=PAYS), full) is None
    assert judged(HONEST["revoke"], replace(STANDING, invested=PAYS), full) is None


@given(st.integers(0, 10**30), st.integers(0, 10_000))
def test_slippage_never_takes_more_than_its_share(amount, slippage_bps):
    least = least_out(amount, slippage_bps)
    assert least * 10_000 >= amount * (10_000 - slippage_bps) > (least - 1) * 10_000


# -- mutations ---------------------------------------------------------------------------------------
NUMBERS = ("chain_id", "nonce", "value", "gas", "max_fee_per_gas", "max_priority_fee_per_gas")
LOWER_IS_SAFE = {"gas", "max_fee_per_gas", "max_priority_fee_per_gas"}


@given(
    st.sampled_from(sorted(HONEST)),
    st.sampled_from(NUMBERS),
    st.integers(0, 2**70) | st.integers(-300_000, 300_000),
)
def test_a_number_that_is_changed_is_refused_or_safer(name, field, value):
    request = HONEST[name]
    before = getattr(request.transaction, field)
    value = before + value if value < 0 else value
    if judged(changed(request, **{field: value})) is None:
        fits = value * request.transaction.max_fee_per_gas <= request.order.max_fee
        assert value == before or (field in LOWER_IS_SAFE and (value < before or field != "gas" or fits))
        assert field != "max_fee_per_gas" or value <= CAPS.max_fee_per_gas


@settings(max_examples=500)
@given(st.sampled_from(sorted(HONEST)), st.data())
def test_bytes_of_which_one_is_changed_are_refused_or_say_an_earlier_deadline(name, draw):
    request = HONEST[name]
    raw = bytearray.fromhex(request.transaction.data[2:])
    if not raw:
        return
    at = draw.draw(st.integers(0, len(raw) - 1))
    raw[at] = draw.draw(st.integers(0, 255).filter(lambda value: value != raw[at]))
    mutated = changed(request, data="0x" + raw.hex())
    if judged(mutated) is None:
        before, after = decoded(request.transaction), decoded(mutated.transaction)
        assert request.leg in {Leg.SWAP, Leg.REVOKE}
        if request.leg is Leg.SWAP:
            assert replace(after, deadline=before.deadline) == before
            assert after.deadline < before.deadline
