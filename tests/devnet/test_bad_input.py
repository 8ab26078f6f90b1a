"""What is wrong outside brings no bytes and no evidence: an empty pool, a router that is none, a lie."""

import asyncio

import pytest
from msgspec.structs import replace

from actors.messages import Leg, Side, Signed
from chains.devnet.abi import call_data
from chains.devnet.deploy import mined
from chains.devnet.odd import Approval, Behaviour
from chains.devnet.wallets import OWNER, STRANGER, TRADER
from chains.evm.calldata import APPROVE
from chains.evm.desk import desk_of
from chains.evm.local_key import LocalKey
from chains.evm.nodes import nodes_of
from chains.evm.signed import tx_id_of, unsigned_of
from chains.evm.venue import EvmVenue
from chains.venue import Draft, Unanswered
from storage import evidence
from storage.books import LiveOrder
from storage.evidence import Entry, Wallet
from storage.recovery import Case
from tests.devnet.proxy import Fault, Proxy
from tests.devnet.trading.quoting import drafted, order_of, own_approval, settings_of
from tests.devnet.uniswap import sent

NOBODY = STRANGER.address
TIER = 3_000


def no_draft(net, order, *args, **others):
    found = drafted(net, order, *args, **others)
    assert isinstance(found, Unanswered), found
    return found.sentence


# -- pools -------------------------------------------------------------------------------------------
@pytest.fixture
def unpooled(devnet):
    """The quote and a token that no pool trades: a new one, that nobody has heard of."""
    at = devnet.addresses
    pool = (devnet.address_of("ODD"), devnet.address_of("USDC"), TIER)
    devnet.send(OWNER, at.v3_factory, call_data("createPool(address,address,uint24)", *pool))
    (made,) = devnet.view(at.v3_factory, "(address)", "getPool(address,address,uint24)", *pool)
    return devnet, made


@pytest.mark.parametrize("initialised", [False, True])
def test_a_v3_pool_without_a_price_or_without_liquidity_brings_no_bytes(unpooled, initialised):
    net, pool = unpooled
    if initialised:
        net.send(OWNER, pool, call_data("initialize(uint160)", 2**96))
    assert no_draft(net, order_of(net, "ODD"), "v3")


def test_a_v2_pair_that_was_emptied_brings_no_bytes(devnet):
    token, quote = devnet.address_of("EURC"), devnet.address_of("USDC")
    at = devnet.addresses
    (pair,) = devnet.view(at.v2_factory, "(address)", "getPair(address,address)", token, quote)
    empty = "0x" + "00" * 32
    devnet.rpc.call("anvil_setStorageAt", pair, "0x" + (8).to_bytes(32).hex(), empty)  # Its reserves.
    assert no_draft(devnet, order_of(devnet, "EURC"))


# -- contracts ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("versions", "wrong"),
    [("v2", "v2_router"), ("v2", "v2_factory"), ("v3", "v3_router"), ("v3", "v3_factory"), ("v3", "quoter")],
)
def test_a_contract_that_is_none_brings_no_bytes_however_much_it_was_allowed(devnet, versions, wrong):
    """A call of an address without code succeeds, and does nothing."""
    order = order_of(devnet, "EURC")
    at = devnet.addresses
    router = NOBODY if "router" in wrong else at.v2_router if versions == "v2" else at.v3_router
    sent(devnet, APPROVE.on(devnet.address_of("USDC"), router, order.amount_in))
    assert isinstance(drafted(devnet, order, versions), Draft)
    assert no_draft(devnet, order, versions, **{wrong: NOBODY})


# -- nodes -------------------------------------------------------------------------------------------
@pytest.fixture
def approved(devnet):
    """An approval that has landed, and the order that waits for it."""
    order = order_of(devnet, "EURC")
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(drafted(devnet, order).unsigned)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), unsigned_of(raw).nonce, 1, 0, "public", leg=Leg.APPROVE)
    mined(devnet.rpc, devnet.rpc.call("eth_sendRawTransaction", raw))
    devnet.mine(60)  # More than the old head of a lying node is behind.
    return devnet, Case(LiveOrder(order, "in_progress", (signed,)), Entry.IN_PROGRESS)


def seen(net, case, *urls):
    async def asked():
        settings = settings_of(net, urls=urls, answer_seconds=1.0)
        nodes = nodes_of(settings.evm)
        try:
            return await EvmVenue(nodes, desk_of(settings)).look(case, Wallet.GOOD, 0)
        finally:
            await nodes.close()

    return asyncio.run(asked())


@pytest.mark.parametrize("fault", Fault)
def test_a_node_that_answers_badly_every_time_is_no_evidence_or_the_truth(approved, fault):
    net, case = approved
    truth = seen(net, case, net.url)
    assert truth.receipt.landed
    with Proxy(net.url, delay_seconds=2.0) as proxy:
        proxy.rule = lambda _method, _nth: fault
        proxy.moved_to = net.url
        alone = seen(net, case, proxy.url)
        beside = seen(net, case, proxy.url, net.url)
    assert alone.receipt in {None, truth.receipt}
    if alone.receipt is None:
        assert alone.evidence.node is evidence.Node.DOWN or alone.evidence.nonce is evidence.Nonce.FREE
        assert not alone.final
    assert beside.receipt in {None, truth.receipt}
    assert beside.evidence.nonce is not evidence.Nonce.FOREIGN_AT_K


# -- private ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cancel", [True, False])
def test_what_was_private_is_replaced_and_cancelled_in_private_whatever_is_configured_since(devnet, cancel):
    order = order_of(devnet, "EURC")
    sent(devnet, APPROVE.on(devnet.address_of("USDC"), devnet.addresses.v2_router, order.amount_in))
    private = {"send": "private", "private_send_url": devnet.url}
    draft = drafted(devnet, order, **private)
    assert draft.attempt.channel == "private"
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(draft.unsigned)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), draft.unsigned.nonce, 1, 0, "private")

    async def replaced():
        settings = settings_of(devnet)
        nodes = nodes_of(settings.evm)
        try:
            live = LiveOrder(order, "in_progress", (signed,))
            return await EvmVenue(nodes, desk_of(settings)).replacement(live, cancel, 0)
        finally:
            await nodes.close()

    again = asyncio.run(replaced())
    assert (again.attempt.channel, again.unsigned.nonce) == ("private", draft.unsigned.nonce)
    assert again.unsigned.max_fee_per_gas > draft.unsigned.max_fee_per_gas


def test_what_pays_all_that_it_may_can_still_be_cancelled_where_nothing_has_to_be_outbid(devnet):
    """Else its nonce would stop the wallet for as long as nobody raises the cap (E27, E28)."""
    order = order_of(devnet, "EURC")
    sent(devnet, APPROVE.on(devnet.address_of("USDC"), devnet.addresses.v2_router, order.amount_in))
    desk = desk_of(settings_of(devnet))
    dear = replace(drafted(devnet, order).unsigned, max_fee_per_gas=desk.gas_cap)
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(dear)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), dear.nonce, 1, 0, "public")
    live = LiveOrder(order, "in_progress", (signed,))

    async def replaced(cancel):
        nodes = nodes_of(settings_of(devnet).evm)
        try:
            return await EvmVenue(nodes, desk).replacement(live, cancel, 0)
        finally:
            await nodes.close()

    cancelled = asyncio.run(replaced(True))
    assert (cancelled.unsigned.nonce, cancelled.leg) == (dear.nonce, Leg.CANCEL)
    assert cancelled.unsigned.max_fee_per_gas < desk.gas_cap
    assert "over the cap" in asyncio.run(replaced(False)).sentence


@pytest.mark.parametrize("approval", [Approval.ORDINARY, Approval.REVERTS])
def test_an_order_does_not_wait_for_ever_for_a_token_that_takes_no_approval_of_nothing(devnet, approval):
    """It ends, and what the router may still take is watched as left over."""
    devnet.give("ODD", TRADER.address, 10**20)
    order = order_of(devnet, "ODD", 10**19, Side.SELL)
    live = LiveOrder(order, legs_done=own_approval(devnet, order))
    devnet.behave(Behaviour(approval=approval))

    async def revocation():
        nodes = nodes_of(settings_of(devnet).evm)
        try:
            return await EvmVenue(nodes, desk_of(settings_of(devnet))).revocation(live, 1)
        finally:
            await nodes.close()

    draft = asyncio.run(revocation())
    assert draft is None if approval is Approval.REVERTS else draft.leg is Leg.REVOKE
