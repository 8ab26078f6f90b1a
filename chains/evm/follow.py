"""Follows a chain block by block: from a new head to all that has happened since the one before.

Logs are asked for by the hash of their block, so that a node which does not have the block yet can not pass
off "nothing" as its logs; where more is missing than a few blocks, by ranges, whose last block must be there
before and after.  A reorg shows in parents and hashes alone: not every node says which logs are gone.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from chains.evm.chain import Chain, Event, Head, Logs, Reorged
from chains.evm.node import Node
from chains.evm.nodes import Nodes
from chains.evm.wire import Block, Log
from chains.venue import Unanswered

ONE_BY_ONE = 32  # Missing blocks up to this many are fetched each by itself.
SPAN = 1_000  # Blocks of one question for logs; less if the node finds that too much.

Span = tuple[Block, tuple[Log, ...]]  # The last block, and the logs up to it.


class Follower:
    """`after`: the block whose events were the last to be heard before; None starts with the present head."""

    def __init__(
        self,
        nodes: Nodes,
        addresses: Sequence[str] = (),
        topics: Sequence[Any] = (),
        after: Block | None = None,
    ) -> None:
        self._nodes, self._addresses, self._topics = nodes, addresses, topics
        self._chain = Chain((after,) if after else ())
        self.reason = ""  # Why it has not come to the head that it was last told.

    async def advance(self, head: Block) -> AsyncIterator[Event]:
        """The events up to this head; if an answer is missing, up to there, and `reason` says why.

        Nothing is lost by that: the next call brings the rest.
        """
        self.reason = ""
        if not self._chain.blocks:  # Nothing is known of its parent but the name, and nothing else is needed.
            self._chain = Chain((Block(head.number - 1, head.parent_hash, "", 0, None),))
        if self._chain.has(head):
            return
        if not self._chain.continues(head):
            reorged = await self._reorged()
            if reorged is not None:
                yield reorged
        while not self.reason and self._chain.newest.number < head.number:
            for event in await self._step(head):
                yield event

    # -- whether what was told still holds --
    async def _reorged(self) -> Reorged | None:
        """None if it does, or (with a reason) if that can not be told."""
        fork = await self._fork()
        if self.reason or fork is None or fork == self._chain.newest.number:
            return None
        if fork < self._chain.blocks[0].number:  # All that is remembered is gone.
            root = await self._block(max(0, fork))
            if root is None:
                return None
            self._chain = Chain((root,))
        else:
            self._chain = self._chain.up_to(fork)
        return Reorged(fork + 1)

    async def _fork(self) -> int | None:
        """The newest remembered block that is still in the chain; the one below all of them if none is."""
        for known in self._chain.downwards():
            there = await self._block(known.number) if known.number >= 0 else known
            if there is None:
                return None
            if there.hash == known.hash:
                return known.number
        return self._chain.blocks[0].number - 1

    # -- what comes next --
    async def _step(self, head: Block) -> Sequence[Event]:
        first = self._chain.newest.number + 1
        if head.number - first >= ONE_BY_ONE:
            return await self._range(first, min(first + SPAN, head.number - ONE_BY_ONE + 1) - 1)
        block = head if first == head.number else await self._block(first)
        if block is None:
            return ()
        if not self._chain.continues(block):
            return self._not(f"block {first} is no child of the one before: the chain is changing")
        logs: tuple[Log, ...] | Unanswered = ()
        if self._addresses:
            logs = await self._nodes.ask(lambda node: node.logs_of(block.hash, self._addresses, self._topics))
        if isinstance(logs, Unanswered):
            return self._not(logs.sentence)
        self._chain = self._chain.longer(block)
        return (Head(block), Logs(first, first, logs)) if self._addresses else (Head(block),)

    async def _range(self, first: int, last: int) -> Sequence[Event]:
        """The logs of many blocks at once; of fewer, if the node does not give so many."""
        while True:
            if await self._block(last) is None:
                return ()  # Fewer would not be there either.
            found = await self._nodes.ask(partial(self._span, first, last))
            if not isinstance(found, Unanswered):
                break
            if first == last:
                return self._not(found.sentence)
            last = first + (last - first) // 4
        if found is None:
            return self._not(f"block {last} has been replaced meanwhile")
        block, logs = found
        self._chain = self._chain.longer(block)
        return (Logs(first, last, logs),) if self._addresses else ()

    async def _span(self, first: int, last: int, node: Node) -> Span | Unanswered | None:
        """All of one node: it gives the logs of the blocks that it has, so it must have the last one.

        None, if that is another afterwards.
        """
        before = await node.block(last)
        if not isinstance(before, Block):
            return before or Unanswered(f"there is no block {last} (yet)")
        logs: tuple[Log, ...] | Unanswered = ()
        if self._addresses:
            logs = await node.logs(first, last, self._addresses, self._topics)
        if isinstance(logs, Unanswered):
            return logs
        if await node.block(last) != before:
            return None
        return before, logs

    async def _block(self, number: int) -> Block | None:
        found = await self._nodes.ask(lambda node: node.block(number))
        if isinstance(found, Block):
            return found
        self.reason = found.sentence if found else f"there is no block {number} (yet)"
        return None

    def _not(self, reason: str) -> Sequence[Event]:
        self.reason = self.reason or reason
        return ()
