"""Events as they happen: by WebSocket, by asking, through broken announcers, and the word of silence."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from chains.evm.chain import Head, Silent
from chains.evm.connection import Limits
from chains.evm.follow import Follower
from chains.evm.heads import Heads, Watch
from chains.evm.nodes import Nodes
from tests.chains.evm.fake_chain import TOKEN, FakeChain, name
from tests.chains.evm.test_client_follow import shown
from tests.chains.evm.test_client_nodes import NETWORK, every
from tests.devnet.proxy import Fault, Proxy

LIMITS = Limits(answer_seconds=2.0, requests_per_second=10_000)
PATIENCE = 30.0  # Seconds, for a machine that is busy with other things.


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 10**7)


async def eventually(condition):
    for _ in range(int(PATIENCE / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it has never come true")


class Announcer:
    """A WebSocket that announces what a test tells it to."""

    def __init__(self, chain):
        self.chain, self.sockets, self.connected, self.script = chain, set(), 0, None

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_get("/", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"ws://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        await self.close()
        await runner.cleanup()

    async def _serve(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connected += 1
        async for message in socket:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                continue
            asked = json.loads(message.data)
            if self.script is not None:
                await socket.send_str(self.script)
                continue
            result = (
                "0xabc"
                if asked["method"] == "eth_subscribe"
                else self.chain(asked["method"], asked["params"])
            )
            await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
            if asked["method"] == "eth_subscribe":
                self.sockets.add(socket)
        return socket

    async def announce(self, head=None):
        await eventually(lambda: self.sockets)
        params = {"subscription": "0xabc", "result": head or self.chain.blocks[-1]}
        for socket in self.sockets:
            await socket.send_str(
                json.dumps({"jsonrpc": "2.0", "method": "eth_subscription", "params": params})
            )

    async def close(self):
        for socket in list(self.sockets):
            await socket.close()
        self.sockets.clear()


@asynccontextmanager
async def listening(proxy, ws_url="", *, silent_seconds=60.0, network=NETWORK, addresses=(TOKEN,)):
    nodes = Nodes(network, [proxy.url], LIMITS, lag_blocks=3)
    watch = Watch(ws_url=ws_url, silent_seconds=silent_seconds, connect_seconds=5.0)
    heads = Heads(nodes, Follower(nodes, addresses), watch)
    try:
        async with aclosing(heads.events()) as events:
            yield heads, events
    finally:
        await nodes.close()


async def until(events, last):
    """All events up to the first that is shown so."""
    words = []
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            words.append(event.sentence if isinstance(event, Silent) else shown([event]))
            if words[-1].startswith(last):
                return " ".join(words)
    raise AssertionError(f"the events have ended without {last}: {words}")


def run(chain, test):
    with Proxy(chain) as proxy:
        asyncio.run(test(proxy))


def test_without_a_websocket_new_blocks_are_asked_for():
    chain = FakeChain(5)

    async def test(proxy):
        async with listening(proxy) as (_, events):
            assert await until(events, "l4") == "h4 l4"
            chain.mine(2)
            assert await until(events, "l6") == "h5 l5 h6 l6"
            chain.reorg(1, blocks=2)
            assert await until(events, "l7") == "r6 h6 l6 h7 l7"

    run(chain, test)


SLOW = type(NETWORK)(
    **{**{name: getattr(NETWORK, name) for name in NETWORK.__struct_fields__}, "block_seconds": 900.0}
)


def test_an_announced_block_is_told_at_once_and_nobody_is_asked_for_the_head():
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        async with announcer.running() as url, listening(proxy, url, network=SLOW) as (_, events):
            await until(events, "l4")
            for number in (5, 6, 7):
                chain.mine()
                await announcer.announce()
                assert await until(events, f"l{number}") == f"h{number} l{number}"
            before = proxy.count("eth_getBlockByNumber")
            chain.mine()
            await announcer.announce()
            await until(events, "l8")
            assert proxy.count("eth_getBlockByNumber") == before

    run(chain, test)


def test_an_announced_block_that_no_node_has_is_not_told():
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        async with announcer.running() as url, listening(proxy, url, addresses=()) as (_, events):
            await until(events, "h4")
            parent = chain.blocks[-1]
            await announcer.announce(
                {**parent, "number": "0x5", "hash": name("lie"), "parentHash": parent["hash"]}
            )
            await asyncio.sleep(0.5)
            chain.mine(2)
            assert await until(events, "h6") == "h5 h6"

    run(chain, test)


@pytest.mark.parametrize("head", [{}, [], "0x1", {"number": "0x1"}, {"number": None, "hash": 5}])
def test_an_announcement_that_can_not_be_understood_is_a_reason_to_ask(head):
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        async with announcer.running() as url, listening(proxy, url) as (_, events):
            await until(events, "l4")
            chain.mine()
            await announcer.announce(head or {"odd": 1})
            assert await until(events, "l5") == "h5 l5"

    run(chain, test)


@pytest.mark.parametrize("script", ["[]", "null", "5", "text", '{"jsonrpc": "2.0"}', "\x00"])
def test_a_websocket_that_speaks_no_json_rpc_leaves_the_asking(script):
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        announcer.script = script
        async with announcer.running() as url, listening(proxy, url) as (_, events):
            await until(events, "l4")
            await eventually(lambda: announcer.connected)
            chain.mine()
            assert await until(events, "l5") == "h5 l5"

    run(chain, test)


def test_a_websocket_that_swallows_a_cancellation_keeps_nobody_from_closing(monkeypatch):
    """As web3 does with one that comes while it opens or closes a connection."""
    chain, swallowed = FakeChain(5), []

    async def session(_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed.append(True)

    async def listened(proxy):
        async with listening(proxy, "ws://127.0.0.1:1") as (_, events):
            await until(events, "l4")

    async def test(proxy):
        closed, _ = await asyncio.wait({asyncio.create_task(listened(proxy))}, timeout=PATIENCE)
        assert closed

    monkeypatch.setattr(Heads, "_session", session)
    run(chain, test)
    assert swallowed


def test_a_websocket_of_another_chain_is_named_and_not_listened_to():
    chain, other = FakeChain(5), FakeChain(50)
    other.lies["eth_chainId"] = "0x1"

    async def test(proxy):
        announcer = Announcer(other)
        async with announcer.running() as url, listening(proxy, url) as (heads, events):
            await until(events, "l4")
            wrong = "is a node of chain 1; configured is chain 31337"
            await eventually(lambda: wrong in heads.announcer)
            assert not announcer.sockets
            chain.mine()
            assert await until(events, "l5") == "h5 l5"

    run(chain, test)


def test_a_websocket_that_closes_is_connected_again_and_what_was_missed_is_told():
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        async with announcer.running() as url, listening(proxy, url) as (_, events):
            await until(events, "l4")
            chain.mine()
            await announcer.announce()
            await until(events, "l5")
            await announcer.close()
            chain.mine(3)
            assert await until(events, "l8") == "h6 l6 h7 l7 h8 l8"
            chain.mine()
            await announcer.announce()  # To the new connection.
            assert await until(events, "l9") == "h9 l9"
            assert announcer.connected >= 2

    run(chain, test)


def test_a_websocket_that_goes_quiet_does_not_hide_new_blocks():
    chain = FakeChain(5)

    async def test(proxy):
        announcer = Announcer(chain)
        async with announcer.running() as url, listening(proxy, url) as (_, events):
            await until(events, "l4")
            chain.mine()
            await announcer.announce()
            await until(events, "l5")
            chain.mine()  # And not a word of it.
            assert await until(events, "l6") == "h6 l6"

    run(chain, test)


def test_silence_is_told_once_with_its_reason_and_again_after_the_next_block():
    chain = FakeChain(5)

    async def test(proxy):
        async with listening(proxy, silent_seconds=0.5) as (_, events):
            await until(events, "l4")
            assert "no new block for" in await until(events, "no new block")
            assert isinstance(await _next(events, chain), Head)
            await until(events, "l5")
            proxy.rule = every(Fault.DROPPED)
            assert (await until(events, "no new block")).endswith("no node answers")

    run(chain, test)


async def _next(events, chain):
    """Nothing is told until the chain goes on."""
    waiting = asyncio.ensure_future(anext(events))
    done, _ = await asyncio.wait({waiting}, timeout=1.0)
    assert not done
    chain.mine()
    async with asyncio.timeout(PATIENCE):
        return await waiting
