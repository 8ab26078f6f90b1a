"""Our own quotes on a real node: which route is chosen, and what is not signed where the contracts differ."""

import asyncio
import random
from contextlib import suppress

import pytest

from actors.messages import Leg, Tick
from chains.devnet.abi import call_data
from chains.devnet.rpc import RpcError
from chains.devnet.wallets import OWNER
from chains.evm.desk import desk_of
from chains.evm.nodes import nodes_of
from chains.evm.pools import Pools
from chains.evm.quoting import Offer, offered, ways
from chains.evm.routes import Version, possible
from chains.evm.venue import EvmVenue
from chains.venue import Draft, Unanswered
from storage.books import LiveOrder
from tests.devnet.proxy import Proxy
from tests.devnet.test_ticks import scattered
from tests.devnet.trading.quoting import NOW_NS, drafted, order_of, settings_of
from tests.devnet.uniswap import ME, pool_of, route, theirs, traded

BOTH = "v2 v3"


def offers(net, symbols, amounts, **evm):
    """What is chosen for each amount, one after the other by one venue; and all routes that there are."""
    settings = settings_of(net, BOTH, max_impact_bps=10_000, **evm)
    desk, ends = desk_of(settings), tuple(map(net.address_of, symbols))

    async def asked():
        nodes, pools, found = nodes_of(settings.evm), Pools(desk.network), []
        for amount in amounts:
            block = await nodes.nodes[0].head()
            found.append(await offered(nodes.nodes[0], desk, pools, ends, amount, block))
        await nodes.close()
        return found, possible(ways(desk, ends), pools.known)

    return asyncio.run(asked())


def best_of_theirs(net, there, amount):
    """By the contracts' own word, asked of each route."""
    found = []
    for way in there:
        with suppress(RpcError):  # A route that would run dry.
            found.append(theirs(net, way, amount))
    return max(found)


@pytest.mark.parametrize("symbols", [("USDC", "WETH"), ("WETH", "USDC"), ("USDC", "WBTC")])
def test_the_route_that_is_chosen_gives_what_the_best_of_all_would_by_the_contracts_word(devnet, symbols):
    chance = random.Random(7)
    scattered(devnet, route(devnet, Version.V3, ("USDC", "WETH"), (500,)), chance, 8)
    most = 10**12 if symbols[0] == "USDC" else 2 * 10**20
    amounts = [chance.randint(1, most) for _ in range(3)] + [most // chance.randint(10**5, 10**6), most]
    found, there = offers(devnet, symbols, amounts)
    assert len(there) > 4
    for amount, offer in zip(amounts, found, strict=True):
        assert offer.quoted.amount_out == theirs(devnet, offer.quoted.route, amount)
        # Within what the gas of another route's second hop or further ticks is worth.
        assert offer.quoted.amount_out >= best_of_theirs(devnet, there, amount) * (1 - 10**-6) - 10**6


def test_what_was_read_once_is_asked_for_at_once_and_nothing_of_it_is_believed_later(devnet):
    way = route(devnet, Version.V3, ("USDC", "WETH"), (100,))
    settings = settings_of(devnet, "v3", max_impact_bps=10_000)
    desk = desk_of(settings)
    with Proxy(devnet.url) as proxy:

        async def asked(pools):
            nodes = nodes_of(settings_of(devnet, "v3", (proxy.url,), max_impact_bps=10_000).evm)
            block = await nodes.nodes[0].head()
            before = proxy.count("eth_simulateV1")
            offer = await offered(nodes.nodes[0], desk, pools, way.path, 10**9, block)
            await nodes.close()
            return offer, proxy.count("eth_simulateV1") - before

        pools = Pools(desk.network)
        first, rounds = asyncio.run(asked(pools))
        assert rounds == 3
        again, rounds = asyncio.run(asked(pools))
        assert rounds == 1
        assert again.quoted == first.quoted
        scattered(devnet, way, random.Random(1), 6)  # New ticks on either side.
        traded(devnet, way, 10**10)
        after, rounds = asyncio.run(asked(pools))
        assert rounds in {2, 3}
        assert after.quoted.amount_out == theirs(devnet, after.quoted.route, 10**9) != first.quoted.amount_out


def test_gas_is_paid_for_before_routes_are_compared(devnet):
    """Two hops may give a little more and cost more than that."""
    devnet.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(10**14))
    devnet.mine(1)
    (offer,), _ = offers(devnet, ("USDC", "WETH"), [5 * 10**9])
    assert len(offer.quoted.route.fees) == 1


class Liar:
    """A node that says another amount than the contract has answered."""

    def __init__(self, net, selector, by):
        self.net, self.selector, self.by, self.lies = net, selector, by, 0

    def __call__(self, method, params):
        answer = self.net.rpc.call(method, *params)
        if method == "eth_call" and params[0]["data"].startswith("0x" + self.selector):
            self.lies += 1
            place = len(answer) if self.selector == "d06ca61f" else 66  # The last amount, or the first value.
            said = int(answer[place - 64 : place], 16) + self.by
            answer = answer[: place - 64] + said.to_bytes(32).hex() + answer[place:]
        return answer


@pytest.mark.parametrize(
    ("versions", "selector", "who"), [("v2", "d06ca61f", "the router"), ("v3", "c6a5026a", "the quoter")]
)
@pytest.mark.parametrize("by", [1, -1])
def test_where_the_contracts_word_differs_by_a_unit_nothing_is_signed(devnet, versions, selector, who, by):
    order = order_of(devnet, "LINK")
    honest = drafted(devnet, order, versions)
    assert isinstance(honest, Draft)
    assert honest.leg is Leg.APPROVE
    liar = Liar(devnet, selector, by)
    with Proxy(liar) as proxy:
        found = drafted(devnet, order, versions, urls=(proxy.url,))
    assert isinstance(found, Unanswered)
    ours = honest.quoted.amount_out
    assert f"{who} gives {ours + by}, and our own arithmetic {ours} (" in found.sentence
    assert liar.lies == 1


def test_a_disputed_quote_is_counted_and_another_node_may_still_give_a_draft(devnet):
    settings = settings_of(devnet, "v2")
    with Proxy(Liar(devnet, "d06ca61f", 1)) as proxy:
        urls = (proxy.url, settings.evm.rpc_urls[1])

        async def prepared():
            settings = settings_of(devnet, "v2", urls)
            venue = EvmVenue(nodes_of(settings.evm), desk_of(settings))
            used = int(devnet.rpc.call("eth_getTransactionCount", ME, "latest"), 16)
            order = LiveOrder(order_of(devnet, "LINK"), since_ns=NOW_NS)
            draft = await venue.prepare(order, used, Tick(NOW_NS, ()))
            await venue._nodes.close()
            return draft, venue.disputed

        draft, disputed = asyncio.run(prepared())
    assert isinstance(draft, Draft)
    assert disputed == 1


def test_a_fork_that_keeps_another_fee_is_not_traded_until_that_is_configured(devnet):
    order = order_of(devnet, "LINK")
    found = drafted(devnet, order, "v2", v2_fee_pips=2_500)
    assert isinstance(found, Unanswered)
    assert "see evm.v2_fee_pips" in found.sentence
    assert isinstance(drafted(devnet, order, "v2", v2_fee_pips=3_000), Draft)


def test_a_pool_that_was_never_given_a_price_keeps_no_other_from_being_chosen(devnet):
    empty = route(devnet, Version.V3, ("USDC", "LINK"), (500,))
    token0, token1 = empty.pools[0].token0, empty.pools[0].token1
    devnet.send(
        OWNER,
        devnet.addresses.v3_factory,
        call_data("createPool(address,address,uint24)", token0, token1, 500),
    )
    assert pool_of(devnet, empty.pools[0]) is not None
    (offer,), there = offers(devnet, ("USDC", "LINK"), [10**9])
    assert empty in there
    assert isinstance(offer, Offer)
    assert offer.quoted.route != empty


def test_without_any_pool_there_is_no_quote_and_the_reason_is_told(devnet):
    (found,), there = offers(devnet, ("ODD", "LINK"), [10**9], v2_router="", v2_factory="")
    assert there == ()
    assert isinstance(found, Unanswered)
    assert "no route has a quote" in found.sentence
