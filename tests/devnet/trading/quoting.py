"""The venue alone, without actors: the bytes that it would have signed for an order, on a devnet."""

import asyncio

from msgspec.structs import replace

from actors.messages import Allowed, Id, Leg, Order, Side, Signed, SignRequest, Status, Tick, Units
from chains.devnet.deploy import mined
from chains.devnet.wallets import TRADER
from chains.evm.caps import Standing, refusal
from chains.evm.desk import desk_of
from chains.evm.local_key import LocalKey
from chains.evm.nodes import nodes_of
from chains.evm.signed import tx_id_of, unsigned_of
from chains.evm.venue import EvmVenue
from storage.books import LegDone, LiveOrder
from storage.config import Live, Settings
from tests.devnet.trading.desk import CHAIN, evm_of

NOW_NS = 10**18
FAR_NS = 2**62


def settings_of(net, versions="v2", urls=None, **evm) -> Settings:
    both = urls or (net.url, net.url.replace("127.0.0.1", "localhost"))
    return Settings(live=Live(wallet=TRADER.address), evm=evm_of(net, both, versions, **evm))


def order_of(net, symbol, amount=100 * 10**6, side=Side.BUY, **others) -> Order:
    token, quote = (f"{CHAIN}:{net.address_of(each)}" for each in (symbol, net.addresses.quote))
    fields = {
        "id": Id("o1"), "side": side, "strategy": "momentum", "token": token, "quote": quote,
        "amount_in": Units(amount), "fee_asset": f"{CHAIN}:ETH", "max_fee": Units(2 * 10**16),
        "slippage_bps": 50, "at_ns": NOW_NS, "deadline_ns": FAR_NS, "position": Id("p1"),
    }  # fmt: skip
    return Order(**(fields | others))


def own_approval(net, order, versions="v2", **evm):
    """That the order has made before, and that is on chain: what `legs_done` has of it."""
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(drafted(net, order, versions, **evm).unsigned)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), unsigned_of(raw).nonce, 1, 0, "public", leg=Leg.APPROVE)
    mined(net.rpc, net.rpc.call("eth_sendRawTransaction", raw))
    return (LegDone((signed,), Allowed(order.id, Leg.APPROVE, signed.tx_id, "", 1)),)


def drafted(net, order, versions="v2", urls=None, legs_done=(), **evm):
    """What the venue makes of an order at this moment: a draft, or why there is none."""

    async def asked():
        venue = EvmVenue(nodes_of(settings.evm), desk_of(settings))
        used = int(net.rpc.call("eth_getTransactionCount", TRADER.address, "latest"), 16)
        try:
            return await venue.prepare(
                LiveOrder(order, since_ns=NOW_NS, legs_done=legs_done), used, Tick(NOW_NS, ())
            )
        finally:
            await venue._nodes.close()

    settings = settings_of(net, versions, urls, **evm)
    return asyncio.run(asked())


def replaced(net, order, swap, legs_done, **evm):
    """What would be sent in the place of a swap that has these bytes and waits."""

    async def asked():
        venue = EvmVenue(nodes_of(settings.evm), desk_of(settings))
        raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(swap.unsigned)
        signed = Signed(order.id, 2, raw, tx_id_of(raw), swap.unsigned.nonce, 1, 0, "public")
        live = LiveOrder(order, Status.IN_PROGRESS, (signed,), NOW_NS, legs_done=legs_done)
        try:
            return await venue.replacement(live, False, NOW_NS)
        finally:
            await venue._nodes.close()

    settings = settings_of(net, **evm)
    return asyncio.run(asked())


def refused(net, order, draft, monotonic_ns, versions="v2", **caps):
    """What the signer says of it at this moment of the monotonic clock; None: it signs."""
    request = SignRequest(Id("r1"), order, draft.leg, draft.unsigned, draft.quoted)
    nonce = draft.unsigned.nonce
    allowed = replace(desk_of(settings_of(net, versions)).caps(), **caps)
    return refusal(request, allowed, Standing(next_nonce=nonce, last_nonce=nonce, ours={}), monotonic_ns)
