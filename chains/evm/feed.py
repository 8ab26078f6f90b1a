"""Live bars out of the pools of an EVM chain: read at one block, then followed event by event.

Time is the chain's: a bar ends when a block comes that is not before its end.  While no block comes there is
no tick, for nobody knows what the pools are at.  After trouble that asking again can not mend (a reorg
deeper than what is remembered, a node that contradicts itself) the pools are read anew; the bar that this
tears is not given out.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

from loguru import logger
from msgspec import Struct

from actors.messages import Asset, Instrument, Tick
from chains.evm import bars, feed_fold, feed_history, feed_pools
from chains.evm.chain import Event, Head, Logs, Reorged, Silent
from chains.evm.connection import WrongChain
from chains.evm.feed_fold import Fold, after_block, markets, undone
from chains.evm.feed_pools import Found
from chains.evm.follow import Follower
from chains.evm.heads import Heads, Watch
from chains.evm.networks import check_address
from chains.evm.node import Node
from chains.evm.nodes import nodes_of
from chains.evm.values import Declined
from chains.evm.wire import Block
from chains.venue import Unanswered
from storage.config_evm import Evm

SECOND_NS = 10**9


class News(Struct, frozen=True):
    """Ticks that have ended; or why nothing is known of now."""

    ticks: tuple[Tick, ...] = ()
    silence: str = ""


class Begun(Struct, frozen=True):
    """A fold up to and with a block."""

    fold: Fold
    block: Block
    ticks: tuple[Tick, ...]


class ChainFeed:
    """`introduce`, then `history`, then `news` for ever.  ConfigError if [evm] can not be understood."""

    def __init__(self, evm: Evm, seed: int = 0) -> None:
        for pool in evm.pools:
            check_address("pools", pool)
        self._evm, self._seed = evm, seed
        self._nodes = nodes_of(evm, seed)
        self._found: Found | None = None
        self._fold: Fold | None = None
        self._events: AsyncGenerator[Event, None] | None = None
        self._head: Block | None = None
        self._silent = False

    @property
    def name(self) -> str:
        assert self._found is not None, "name before introduce()"
        symbols, tokens = self.symbols, [each.instrument.token for each in self._found.listings]
        shown = ", ".join(f"{symbols[token]} {token.rpartition(':')[2]}" for token in tokens)
        return f"pools on {self._nodes.network.name}, {shown}, bars of {self._evm.bar_seconds} s"

    @property
    def symbols(self) -> dict[Asset, str]:
        """To show: what its tokens, and the one that they are priced in, call themselves."""
        return {} if self._found is None else self._found.symbols

    async def introduce(self) -> tuple[Instrument, ...] | Declined | Unanswered:
        """What the pools trade.  All of them must be known before anything is traded."""
        for wrong in await self._nodes.check():
            if isinstance(wrong, WrongChain):
                return Declined(f"{wrong.sentence}: change evm.rpc_urls, or evm.chain")
        found: Found | Declined | Unanswered = await self._nodes.ask(self._introduced)
        if not isinstance(found, Found):
            return found
        self._found = found
        return tuple(listing.instrument for listing in found.listings)

    async def history(self, needed_ns: int) -> tuple[Tick, ...] | Declined | Unanswered:
        """Bars of so long ago, as far as a node has their logs; from here on every block is followed."""
        begun: Begun | Declined | Unanswered
        begun = await self._nodes.ask(lambda node: self._begun(node, needed_ns))
        if not isinstance(begun, Begun):
            return begun
        self._follow(begun)
        return begun.ticks

    async def news(self) -> News | Declined | Unanswered:
        """What happens next; it may take long.  After `Unanswered`, ask again in a while."""
        if self._events is None:
            ticks = await self.history(0)
            if not isinstance(ticks, tuple):
                return ticks
            self._silent = False
            return News(ticks)
        try:
            return await self._next(self._events)
        except ValueError as error:
            await self._deaf()
            return Unanswered(f"the pools are read anew: {error}")

    async def close(self) -> None:
        await self._deaf()
        await self._nodes.close()

    @property
    def told_ns(self) -> int:
        """The bars up to here are out."""
        return self._fold.told_ns if self._fold else 0

    # -- reading ----------------------------------------------------------------------------------------
    async def _introduced(self, node: Node) -> Found | Declined | Unanswered:
        others = [other for other in self._nodes.nodes if other is not node]
        found = await feed_pools.found(node, others, self._nodes.network, self._evm.pools)
        if not isinstance(found, Found):
            return found
        block = await node.head()
        if isinstance(block, Unanswered):
            return block
        states = await feed_pools.states(node, found.pools, markets(found.listings), block)
        return found if isinstance(states, dict) else states

    async def _begun(self, node: Node, needed_ns: int) -> Begun | Declined | Unanswered:
        """All of it from one node, which has the block that it begins with before and after."""
        assert self._found is not None, "history() before introduce()"
        listings, block = self._found.listings, await node.head()
        if isinstance(block, Unanswered):
            return block
        states = await feed_pools.states(node, self._found.pools, markets(listings), block)
        if not isinstance(states, dict):
            return states
        fold = Fold(listings, self._evm.bar_seconds * SECOND_NS, self.told_ns)
        fold, ticks = await self._past(node, fold, states, block, needed_ns)
        fold, more = feed_fold.known(fold, block.number, block.at_ns, states)
        there = await node.block(block.number)
        if isinstance(there, Unanswered):
            return there
        if there is None or there.hash != block.hash:
            return Unanswered(f"{node.name}: block {block.number} was replaced meanwhile")
        return Begun(fold, block, ticks + more)

    async def _past(
        self, node: Node, fold: Fold, states: dict[str, bars.Event], block: Block, needed_ns: int
    ) -> tuple[Fold, tuple[Tick, ...]]:
        if not needed_ns:
            return fold, ()
        past = await feed_history.past(node, [*states], block, block.at_ns - needed_ns)
        led = feed_history.folded_past(fold, past, states) if past.first <= block.number else None
        if led is None:
            logger.warning("{}: no logs that lead to the pools' state, so no history", node.name)
        return led or (fold, ())

    # -- following --------------------------------------------------------------------------------------
    def _follow(self, begun: Begun) -> None:
        evm, self._fold = self._evm, begun.fold
        pools = [*markets(begun.fold.listings)]
        follower = Follower(self._nodes, pools, feed_history.TOPICS, begun.block)
        watch = Watch(
            ws_url=evm.ws_url, silent_seconds=evm.silent_seconds, connect_seconds=evm.connect_seconds,
            seed=self._seed,
        )  # fmt: skip
        events: AsyncIterator[Event] = Heads(self._nodes, follower, watch).events()
        self._events = cast("AsyncGenerator[Event, None]", events)

    async def _deaf(self) -> None:
        if self._events is not None:
            await self._events.aclose()
            self._events = None

    async def _next(self, events: AsyncGenerator[Event, None]) -> News | Unanswered:
        async for event in events:
            match event:
                case Silent(sentence):
                    self._silent = True
                    return News(silence=sentence)
                case Head(block):
                    self._head = block
                case Reorged(from_block):
                    self._undo(from_block)
                case Logs():
                    ticks = await self._folded(event)
                    if ticks or self._silent:
                        self._silent = False
                        return News(ticks)
        raise ValueError("the chain's events have ended")

    def _undo(self, from_block: int) -> None:
        assert self._fold is not None
        logger.warning("{}: a reorg from block {} on", self._nodes.network.name, from_block)
        before = undone(self._fold, from_block)
        if before is None:
            raise ValueError(f"a reorg from block {from_block} on is deeper than what is remembered")
        self._fold = before

    async def _folded(self, event: Logs) -> tuple[Tick, ...]:
        """A block by itself has come with its head; of many at once, those without logs change nothing."""
        assert self._fold is not None
        blocks, ticks, fold = feed_history.by_block(event.logs), tuple[Tick, ...](), self._fold
        times = {log.block: log.at_ns for log in event.logs if log.at_ns is not None}
        if event.first == event.last and self._head is not None and self._head.number == event.first:
            blocks.setdefault(event.first, [])
            times[event.first] = self._head.at_ns
        for number in sorted(blocks):
            at_ns = times.get(number) or await self._time(number)
            fold, more = after_block(fold, number, at_ns, blocks[number])
            ticks += more
        self._fold = fold
        return ticks

    async def _time(self, number: int) -> int:
        block = await self._nodes.ask(lambda node: node.block(number))
        if not isinstance(block, Block):
            raise ValueError(block.sentence if block else f"there is no block {number}")  # noqa: TRY004
        return block.at_ns
