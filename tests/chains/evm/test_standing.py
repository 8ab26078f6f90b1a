"""What the log says of a wallet: the next nonce, what an order may still cost, what is invested."""

from msgspec.structs import replace

from actors.messages import Id, Side, Signed, Units
from chains.evm.local_key import LocalKey
from chains.evm.signed import tx_id_of
from chains.evm.standing import invested, standing_of
from storage.books import Books, LiveOrder, Position
from tests.chains.evm.signing_cases import DAI, GWEI, KEY, MEME, USDC, WALLET, asset, changed, honest, order

REQUEST = honest(WALLET)["v2"]
COSTS = 200_000 * 40 * GWEI


def signed(request, attempt=1):
    raw = LocalKey(bytes.fromhex(KEY[2:])).sign(request.transaction)
    return Signed(request.order.id, attempt, raw, tx_id_of(raw), request.transaction.nonce, 1, 0, "public")


def books(*attempts, nonce=0):
    return Books(live={REQUEST.order.id: LiveOrder(REQUEST.order, attempts=attempts)}, nonce=nonce)


def stands(request=REQUEST, at=None, memory=None):
    return standing_of(request, at or books(), memory or {}, WALLET)


def test_a_nonce_that_the_log_or_the_chain_has_used_is_behind_the_next():
    assert (stands().next_nonce, stands().last_nonce) == (0, 0)
    assert stands(at=books(nonce=5)).next_nonce == 5
    assert stands(replace(REQUEST, chain_nonce=9), books(nonce=5)).next_nonce == 9
    assert stands(replace(REQUEST, chain_nonce=3), books(nonce=5)).next_nonce == 5


def test_the_last_nonce_is_right_behind_what_was_signed_and_is_not_durable():
    assert stands(at=books(nonce=5), memory={Id("o2"): {5: 1, 6: 1}}).last_nonce == 7
    assert stands(at=books(nonce=5), memory={Id("o2"): {3: 1}}).last_nonce == 5


def test_what_an_order_may_still_cost_is_known_from_the_log_and_from_memory_and_the_dearer_counts():
    logged = books(signed(REQUEST), nonce=8)
    assert stands(at=logged).fees == {7: COSTS}
    assert stands(memory={REQUEST.order.id: {6: 10}}).fees == {6: 10}
    assert stands(at=logged, memory={REQUEST.order.id: {6: 10, 7: COSTS + 1}}).fees == {6: 10, 7: COSTS + 1}
    assert stands(at=logged, memory={Id("o2"): {9: 10}}).fees == {7: COSTS}
    dearer = signed(changed(REQUEST, max_fee_per_gas=45 * GWEI), 2)
    assert stands(at=books(dearer, signed(REQUEST), nonce=8)).fees == {7: 200_000 * 45 * GWEI}


def test_what_a_transaction_replaces_is_the_last_under_its_nonce():
    dearer = changed(REQUEST, max_fee_per_gas=45 * GWEI)
    at = books(signed(REQUEST), signed(dearer, 2), nonce=8)
    assert stands(at=at).replaces == dearer.transaction
    assert stands(changed(REQUEST, nonce=8), at).replaces is None
    assert standing_of(REQUEST, at, {}, DAI).replaces is None


def test_what_is_invested_is_the_cost_of_positions_and_of_other_buys_in_the_same_quote():
    position = Position(
        Id("p0"), "momentum", asset(DAI), asset(USDC), Units(1), Units(300), 0, Units(1), Units(300)
    )
    other = replace(position, id=Id("p1"), token=asset(MEME), quote=asset(DAI))
    buys = [order(id=Id("o2"), amount_in=20), order(id=Id("o3"), amount_in=7, quote=asset(DAI))]
    sale = order(id=Id("o4"), amount_in=5000, side=Side.SELL)
    live = {each.id: LiveOrder(each) for each in (*buys, sale, REQUEST.order)}
    held = {each.token: each for each in (position, other)}
    assert invested(Books(live=live, positions=held), REQUEST.order) == 320
