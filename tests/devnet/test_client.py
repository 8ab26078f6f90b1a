"""The client on a real node: through forks, freezes, deaths, theft of nonces and a line that loses things."""

import asyncio
import time
from contextlib import aclosing, asynccontextmanager

import pytest
from eth_account import Account

from chains import venue
from chains.devnet.abi import call_data
from chains.devnet.anvil import Anvil, Node
from chains.devnet.deploy import mined
from chains.evm import tokens
from chains.evm.connection import Limits, WrongChain
from chains.evm.follow import Follower
from chains.evm.heads import Heads, Watch
from chains.evm.networks import KNOWN, Network
from chains.evm.node import Ask, Revert
from chains.evm.nodes import Nodes
from chains.evm.sight import Query
from chains.venue import Taken, Unanswered
from tests.chains.evm.test_client_heads import until
from tests.devnet.proxy import Fault, Proxy

KEY = Account.from_key("0x" + "07" * 32)
SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ETHER = 10**18
GWEI = 10**9
LIMITS = Limits(connect_seconds=10.0, answer_seconds=20.0, requests_per_second=2_000)
NETWORK = Network(
    name="devnet", chain_id=31_337, native="ETH", wrapped_native=KNOWN["ethereum"].wrapped_native,
    stable=KNOWN["ethereum"].stable, booked_depth=1, final_depth=3, block_seconds=1.0,
)  # fmt: skip


@pytest.fixture
def anvil(installed, tmp_path):
    with _running(Node(tmp_path / "node")) as node:
        node.rpc.call("anvil_setBalance", KEY.address, hex(ETHER))
        yield node


def _running(node):
    class Running:
        def __enter__(self):
            self.anvil = Anvil(node)
            self.anvil.start()
            return self.anvil

        def __exit__(self, *_):
            self.anvil.stop()

    return Running()


def url(anvil):
    return f"http://127.0.0.1:{anvil.port}"


def signed(nonce, *, value=1, gwei=10):
    fields = {"chainId": 31_337, "type": 2, "to": SOMEBODY, "value": value, "nonce": nonce, "gas": 21_000}
    done = KEY.sign_transaction({**fields, "maxFeePerGas": gwei * GWEI, "maxPriorityFeePerGas": GWEI})
    return "0x" + done.raw_transaction.hex(), "0x" + done.hash.hex()


def read(found):
    receipt, block = found.receipt, found.block
    fee = receipt.gas_used * receipt.gas_price
    return venue.Receipt(receipt.tx_hash, receipt.succeeded, 0, 0, fee, block.at_ns, block.number)


@asynccontextmanager
async def connected(*urls, limits=LIMITS):
    nodes = Nodes(NETWORK, urls, limits, lag_blocks=3)
    try:
        yield nodes
    finally:
        await nodes.close()


async def view_of(nodes, *hashes):
    return await nodes.views(Query(KEY.address, hashes, NETWORK.final_depth), read)


def test_a_transaction_is_taken_lands_and_becomes_final(anvil):
    async def test():
        raw, tx_hash = signed(0)
        async with connected(url(anvil)) as nodes:
            assert await nodes.broadcast(raw, tx_hash) == Taken(tx_hash)
            mined(anvil.rpc, tx_hash)
            fresh = (await view_of(nodes, tx_hash)).first
            anvil.rpc.call("anvil_mine", "0x2")
            later = (await view_of(nodes, tx_hash)).first
            assert await nodes.broadcast(raw, tx_hash) == Taken(tx_hash)  # "nonce too low", and it is there.
        assert (fresh.count, fresh.count_at_k, fresh.receipts[0].block) == (1, 0, 1)
        assert fresh.receipts[0].fee > 21_000 * GWEI
        assert (later.count, later.count_at_k, later.receipts) == (1, 1, fresh.receipts)

    asyncio.run(test())


def test_a_waiting_transaction_is_pooled_and_its_nonce_free(anvil):
    async def test():
        raw, tx_hash = signed(0)
        anvil.rpc.call("evm_setAutomine", False)
        async with connected(url(anvil)) as nodes:
            assert await nodes.broadcast(raw, tx_hash) == Taken(tx_hash)
            assert await nodes.broadcast(raw, tx_hash) == Taken(tx_hash)  # "already imported".
            view = (await view_of(nodes, tx_hash)).first
            assert (view.count, view.pooled, view.receipts) == (0, frozenset({tx_hash}), ())
            anvil.rpc.call("anvil_dropTransaction", tx_hash)
            assert (await view_of(nodes, tx_hash)).first.pooled == frozenset()

    asyncio.run(test())


def test_bytes_whose_nonce_somebody_else_has_used_are_not_taken(anvil):
    async def test():
        (thief, thief_hash), (raw, tx_hash) = signed(0, value=5), signed(0)
        async with connected(url(anvil)) as nodes:
            assert await nodes.broadcast(thief, thief_hash) == Taken(thief_hash)
            mined(anvil.rpc, thief_hash)
            answer = await nodes.broadcast(raw, tx_hash)
            assert isinstance(answer, Unanswered)
            view = (await view_of(nodes, tx_hash)).first
            assert (view.count, view.receipts, view.pooled) == (1, (), frozenset())

    asyncio.run(test())


def test_a_reorg_takes_receipt_and_nonce_back(anvil):
    async def test():
        raw, tx_hash = signed(0)
        async with connected(url(anvil)) as nodes:
            await nodes.broadcast(raw, tx_hash)
            mined(anvil.rpc, tx_hash)
            assert len((await view_of(nodes, tx_hash)).first.receipts) == 1
            anvil.rpc.call("anvil_reorg", 1, [])
            view = (await view_of(nodes, tx_hash)).first
            assert (view.count, view.receipts, view.pooled) == (0, (), frozenset())
            assert await nodes.broadcast(raw, tx_hash) == Taken(tx_hash)

    asyncio.run(test())


def test_the_same_node_answers_again_after_its_death_and_a_restart(anvil):
    async def test():
        limits = Limits(connect_seconds=2.0, answer_seconds=2.0, requests_per_second=2_000)
        async with connected(url(anvil), limits=limits) as nodes:
            assert (await view_of(nodes)).first is not None
            anvil.kill()
            assert (await view_of(nodes)).first is None
            anvil.start()
            await asyncio.sleep(2.0)  # It is left alone for a while first.
            assert (await view_of(nodes)).first is not None

    asyncio.run(test())


def test_a_node_that_comes_back_as_another_chain_is_not_used(anvil, tmp_path):
    async def test():
        async with connected(url(anvil)) as nodes:
            node = nodes.nodes[0]
            assert not isinstance(await node.head(), Unanswered)
            anvil.stop()
            with _running(Node(tmp_path / "other", port=anvil.port, chain_id=5)):
                answer = await node.head()
            assert isinstance(answer, WrongChain)
            assert "is a node of chain 5; configured is chain 31337" in answer.sentence
        anvil.start()

    asyncio.run(test())


def test_a_frozen_node_has_not_answered_and_a_second_one_is_looked_at_instead(anvil):
    async def test():
        limits = Limits(connect_seconds=2.0, answer_seconds=2.0, requests_per_second=2_000)
        with Proxy(url(anvil)) as stalled:
            stalled.delay_seconds, stalled.rule = 5.0, lambda _method, _nth: Fault.DELAYED
            async with connected(stalled.url, url(anvil), limits=limits) as nodes:
                started = time.monotonic()
                found = await view_of(nodes)
                assert found.first is not None
                assert found.second is None
                assert time.monotonic() - started < 30.0
        anvil.freeze()
        async with connected(url(anvil), limits=limits) as nodes:
            assert (await view_of(nodes)).first is None
        anvil.thaw()

    asyncio.run(test())


def test_a_node_that_shows_an_old_head_is_neither_the_first_nor_the_second_view(anvil):
    async def test():
        anvil.rpc.call("anvil_mine", "0x3c")
        with Proxy(url(anvil)) as old:
            old.rule = lambda _method, _nth: Fault.OLD_HEAD
            async with connected(old.url, url(anvil)) as nodes:
                found = await view_of(nodes)
            assert Fault.OLD_HEAD in {fault for _, fault in old.faults}
        assert (found.first.head, found.second) == (60, None)

    asyncio.run(test())


@pytest.mark.parametrize("seed", [7, 11])
def test_through_a_line_that_loses_things_every_transaction_lands_once(anvil, seed):
    """Sent until it is there, by nothing but what is looked up; a view is whole or is not given."""
    rates = dict.fromkeys(
        [Fault.LOST, Fault.DROPPED, Fault.HALF, Fault.HTML, Fault.NULL, Fault.BOTH, Fault.OTHER_HASH], 30
    )

    async def test(proxy):
        async with connected(proxy.url) as nodes:
            for nonce in range(12):
                raw, tx_hash = signed(nonce, value=nonce + 1)
                for _ in range(50):
                    await nodes.broadcast(raw, tx_hash)
                    view = (await view_of(nodes, tx_hash)).first
                    if view and view.receipts:
                        break
                    await asyncio.sleep(0.05)
                assert view.receipts[0].landed
                assert view.count == nonce + 1

    with Proxy(url(anvil), seed=seed, rates=rates) as proxy:
        asyncio.run(test(proxy))
        assert len(proxy.faults) > 5
    assert int(anvil.rpc.call("eth_getBalance", SOMEBODY, "latest"), 16) == 10_000_000 * ETHER + sum(
        range(1, 13)
    )


# -- contracts --
def test_tokens_say_their_decimals_and_whoever_is_no_token_is_named(devnet):
    async def test():
        async with connected(devnet.url) as nodes:
            node, known = nodes.nodes[0], devnet.addresses
            weth = known.tokens["WETH"].address
            assert await tokens.decimals(node, weth) == 18
            assert await tokens.symbol(node, weth) == "WETH"
            assert await tokens.balance_of(node, weth, SOMEBODY) == 0
            assert await tokens.allowance(node, weth, SOMEBODY, KEY.address) == 0
            nobody = await tokens.decimals(node, SOMEBODY)
            assert nobody.sentence == f"token {SOMEBODY}: it has no decimals, so it is no ERC-20 token"
            router = await tokens.decimals(node, known.v2_router)
            assert router.sentence.startswith(f"token {known.v2_router}: decimals refuses (")
            assert await node.code(SOMEBODY) == b""
            assert len(await node.code(known.v2_router)) > 10_000

    asyncio.run(test())


def transferred(amount):
    """transfer(SOMEBODY, amount), which no transaction of ours calls."""
    return bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(SOMEBODY[2:]) + amount.to_bytes(32)


def test_a_revert_has_the_contracts_reason_and_a_simulation_says_which_call_it_is(devnet):
    async def test():
        async with connected(devnet.url) as nodes:
            node, weth = nodes.nodes[0], devnet.addresses.tokens["WETH"].address
            too_much = Ask(to=weth, data=transferred(10**30), sender=KEY.address)
            assert isinstance(await node.call(too_much), Revert)
            assert isinstance(await node.estimate_gas(too_much), Revert)
            wrap = bytes.fromhex(call_data("deposit()")[2:])
            deposit = Ask(to=weth, data=wrap, sender=KEY.address, value=5)
            devnet.set_wei(KEY.address, ETHER)
            five = Ask(to=weth, data=transferred(5), sender=KEY.address)
            first, second, third = await node.simulate([deposit, five, too_much])
            assert (first.succeeded, second.succeeded, third.succeeded) == (True, True, False)
            assert third.error
            assert await tokens.balance_of(node, weth, SOMEBODY) == 0

    asyncio.run(test())


# -- events --
@asynccontextmanager
async def listening(anvil, *, ws=True, silent_seconds=60.0):
    async with connected(url(anvil), limits=Limits(answer_seconds=3.0, requests_per_second=2_000)) as nodes:
        watch = Watch(ws_url=f"ws://127.0.0.1:{anvil.port}" if ws else "", silent_seconds=silent_seconds)
        async with aclosing(Heads(nodes, Follower(nodes), watch).events()) as events:
            yield events


@pytest.mark.parametrize("ws", [True, False])
def test_blocks_and_a_reorg_are_told_as_they_happen(anvil, ws):
    async def test():
        async with listening(anvil, ws=ws) as events:
            await until(events, "h0")
            anvil.rpc.call("anvil_mine", "0x3")
            assert await until(events, "h3") == "h1 h2 h3"
            anvil.rpc.call("anvil_reorg", 2, [])
            anvil.rpc.call("anvil_mine", "0x1")
            assert (await until(events, "h4")).endswith("r2 h2 h3 h4")

    asyncio.run(test())


def test_after_the_death_of_a_node_its_blocks_are_told_on_by_a_new_connection(anvil, tmp_path):
    async def test():
        with _running(Node(tmp_path / "kept", keep_state=True)) as kept:
            async with listening(kept) as events:
                await until(events, "h0")
                kept.rpc.call("anvil_mine", "0x1")
                await until(events, "h1")
                kept.stop()
                kept.start()
                kept.rpc.call("anvil_mine", "0x2")
                assert await until(events, "h3") == "h2 h3"

    asyncio.run(test())


def test_a_frozen_node_is_silent_and_then_goes_on(anvil):
    async def test():
        async with listening(anvil, silent_seconds=2.0) as events:
            await until(events, "h0")
            anvil.freeze()
            assert "no new block for" in await until(events, "no new block")
            anvil.thaw()
            anvil.rpc.call("anvil_mine", "0x1")
            assert await until(events, "h1") == "h1"

    asyncio.run(test())
