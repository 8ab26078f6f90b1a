"""The events of a chain as they happen: new blocks, their logs, reorgs, and silence.

A WebSocket announces new blocks at once; without one, or while it is broken or says nothing, nodes are asked
at short intervals instead.  Either way an announcement is only a reason to look: what is told comes from
chains/evm/follow.py.  Each connection has a web3 object of its own, for an old one keeps dead subscriptions.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from web3 import AsyncWeb3, WebSocketProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint
from websockets.exceptions import WebSocketException

from chains.evm import pacing, wire
from chains.evm.chain import Event, Silent
from chains.evm.follow import Follower
from chains.evm.nodes import Nodes
from chains.evm.wire import Block
from chains.venue import Unanswered

PING_SECONDS = 2.0
CLOSE_SECONDS = 0.5
SHORTEST_POLL, LONGEST_POLL = 0.2, 4.0  # Seconds.
AGAIN_SECONDS = 1.0
BLOCKS_OF_SILENCE = 3  # From a WebSocket; then nodes are asked, too.
# The last three are what web3 makes of messages that are no JSON-RPC.
BROKEN = (WebSocketException, Web3Exception, OSError, ValueError, TypeError, AttributeError, KeyError)


class Watch(Struct, frozen=True, kw_only=True):
    ws_url: str = ""
    silent_seconds: float = 60.0
    connect_seconds: float = 3.0
    seed: int = 0


class Heads:
    """Listen to `events` once, and close it (contextlib.aclosing): it has a connection of its own."""

    def __init__(self, nodes: Nodes, follower: Follower, watch: Watch) -> None:
        self._nodes, self._follower, self._watch = nodes, follower, watch
        self._bell = asyncio.Event()
        self._announced: Block | None = None
        self._heard_at: float | None = None  # When the WebSocket last said something; None: it is broken.
        self._reason = ""
        self.announcer = ""  # Why the WebSocket is of no use; nothing, while it is.

    async def events(self) -> AsyncIterator[Event]:
        listening = asyncio.create_task(self._listen()) if self._watch.ws_url else None
        news_at, told = time.monotonic(), False
        try:
            while True:
                self._bell.clear()  # What is announced from now on is a reason to look once more.
                async for event in self._news():
                    yield event
                    news_at, told = time.monotonic(), False
                quiet = time.monotonic() - news_at
                if quiet > self._watch.silent_seconds and not told:
                    told = True
                    yield Silent(f"no new block for {quiet:.0f} s{self._why()}")
                await self._wait()
                if listening is not None and listening.done():
                    listening.result()  # It ends by a mistake of ours alone, and that is not to be missed.
        finally:
            if listening is not None:
                await _ended(listening)

    async def _news(self) -> AsyncIterator[Event]:
        announced, self._announced = self._announced, None
        head = await self._confirmed(announced) if announced else await self._head()
        if isinstance(head, Unanswered):
            self._reason = head.sentence
            return
        async for event in self._follower.advance(head):
            yield event
        self._reason = self._follower.reason

    async def _confirmed(self, announced: Block) -> Block | Unanswered:
        """The announced block in a node's words; if none has it yet, the head that there is."""
        found = await self._nodes.ask(lambda node: node.block(announced.hash))
        return found if isinstance(found, Block) else await self._head()

    async def _head(self) -> Block | Unanswered:
        """Of the healthiest node; one round to all of them says which that is."""
        heads = await self._nodes.heads()
        if not heads:
            return Unanswered("no node answers")
        return heads[self._nodes.best(heads)]

    async def _wait(self) -> None:
        """Until a block is announced, or it is time to ask."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval()):
                await self._bell.wait()

    def _interval(self) -> float:
        block_seconds = self._nodes.network.block_seconds
        poll = min(max(block_seconds / 2, SHORTEST_POLL), LONGEST_POLL)
        if self._follower.reason:
            return SHORTEST_POLL
        if self._reason or self._heard_at is None:
            return poll
        return max(poll, BLOCKS_OF_SILENCE * block_seconds)

    def _why(self) -> str:
        reasons = "; ".join(filter(None, (self._reason, self.announcer)))
        return f": {reasons}" if reasons else ""

    # -- the WebSocket --
    async def _listen(self) -> None:
        """Connect, listen until it breaks, and again: a pause that grows, from a seed."""
        troubles, host = 0, urlsplit(self._watch.ws_url).netloc.rpartition("@")[2]
        while True:
            try:
                await self._session()
            except BROKEN as error:
                self.announcer = f"{host}: the WebSocket broke ({type(error).__name__})"
            except _WrongChain as error:
                self.announcer = f"{host} {error}"
            troubles = 0 if self._heard_at is not None else troubles + 1
            self._heard_at = None
            self._bell.set()
            await asyncio.sleep(pacing.pause_ns(troubles, self._watch.seed, host) / pacing.SECOND_NS)

    async def _session(self) -> None:
        patience = max(self._watch.silent_seconds, self._watch.connect_seconds)
        async with AsyncWeb3(_provider(self._watch)) as web3:
            web3.ens = None
            web3.middleware_onion.clear()
            await self._same_chain(web3)
            await web3.eth.subscribe("newHeads")
            stream = aiter(web3.socket.process_subscriptions())
            while True:
                async with asyncio.timeout(patience):
                    message = await anext(stream, None)
                if message is None:
                    return
                self._heard_at, self.announcer = time.monotonic(), ""
                self._announced = _block(message.get("result"))
                self._bell.set()

    async def _same_chain(self, web3: AsyncWeb3[Any]) -> None:
        answer = await web3.provider.make_request(RPCEndpoint("eth_chainId"), [])
        found, ours = wire.quantity(answer.get("result"), "the chain id"), self._nodes.network.chain_id
        if found != ours:
            raise _WrongChain(f"is a node of chain {found}; configured is chain {ours}: change evm.ws_url")


async def _ended(task: asyncio.Task[None]) -> None:
    """web3 swallows a cancellation that comes while it opens or closes a connection: so another one comes."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    if not task.cancelled():
        task.result()


class _WrongChain(Exception):
    pass


def _provider(watch: Watch) -> WebSocketProvider:
    return WebSocketProvider(
        watch.ws_url,
        request_timeout=watch.connect_seconds,
        max_connection_retries=1,
        websocket_kwargs={
            "open_timeout": watch.connect_seconds,
            "ping_interval": PING_SECONDS,
            "ping_timeout": PING_SECONDS,
            "close_timeout": CLOSE_SECONDS,
        },
    )


def _block(result: Any) -> Block | None:
    """The announced block, as web3 has read it; None, and nodes are asked, if it can not be understood."""
    try:
        return wire.block({name: _raw(value) for name, value in dict(result).items()})
    except (wire.Malformed, TypeError):
        return None


def _raw(value: Any) -> Any:
    match value:
        case int():
            return hex(value)
        case bytes():
            return "0x" + bytes(value).hex()
        case _:
            return value
