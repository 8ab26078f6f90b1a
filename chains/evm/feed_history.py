"""The logs of the past, to warm up on: backwards from a block, as far as is wanted and the node serves it.

A history is a help, and never needed: where a node gives none, or not enough, it is shorter.  What it gives
is checked: it must lead to the state in which the pools are.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Tick
from chains.evm import feed_fold, logs, wire
from chains.evm.bars import Event
from chains.evm.feed_fold import Fold, after_block
from chains.evm.node import Node
from chains.evm.wire import Block
from chains.venue import Unanswered

SPAN, LEAST_SPAN = 1_000, 16  # Blocks of one question; fewer if the node finds that too many.
MOST_BLOCKS, MOST_LOGS = 50_000, 50_000
MOST_TIMES = 400  # Blocks whose time is asked for, of a node whose logs do not say it.
TOPICS = [[logs.V2_SYNC, logs.V2_SWAP, logs.V3_SWAP]]


class Past(Struct, frozen=True):
    """All logs from block `first` on, which was mined at `at_ns`; and the time of each block with logs."""

    first: int
    at_ns: int
    logs: tuple[wire.Log, ...] = ()
    times: dict[int, int] = {}


async def past(node: Node, pools: Sequence[str], head: Block, from_ns: int) -> Past:
    """Up to and with `head`, which the node has."""
    known, span = Past(head.number + 1, head.at_ns), SPAN
    while known.first > 0 and known.at_ns > from_ns and span >= LEAST_SPAN and _within(known, head):
        first = max(0, known.first - span)
        given = await node.logs(first, known.first - 1, pools, TOPICS)
        if isinstance(given, Unanswered):
            span //= 4
            continue
        block = await node.block(first)
        if not isinstance(block, Block):
            break
        known = Past(first, block.at_ns, given + known.logs)
    return await _timed(node, known)


def _within(known: Past, head: Block) -> bool:
    return head.number - known.first < MOST_BLOCKS and len(known.logs) < MOST_LOGS


async def _timed(node: Node, known: Past) -> Past:
    """What is older than the last block whose time is not to be had is left out."""
    times = {log.block: log.at_ns for log in known.logs if log.at_ns is not None}
    for asked, number in enumerate(sorted({log.block for log in known.logs} - times.keys(), reverse=True)):
        block = await node.block(number) if asked < MOST_TIMES else None
        if not isinstance(block, Block):
            there = tuple(log for log in known.logs if log.block > number)
            first = min((log.block for log in there), default=number + 1)
            return Past(first, times.get(first, known.at_ns), there, times)
        times[number] = block.at_ns
    return replace(known, times=times)


def folded_past(fold: Fold, found: Past, now: Mapping[str, Event]) -> tuple[Fold, tuple[Tick, ...]] | None:
    """The fold after the past; None if that does not lead to the pools' state now: then logs are missing.

    A pool without logs has been all the time as it is now.
    """
    heard = {log.address for log in found.logs}
    still = {pool: event for pool, event in now.items() if pool not in heard}
    fold, ticks = feed_fold.known(fold, found.first - 1, found.at_ns, still)
    for number, given in by_block(found.logs).items():
        fold, more = after_block(fold, number, found.times[number], given)
        ticks += more
    last = fold.states[-1].pools
    return (fold, ticks) if all(last[pool].price == event.price for pool, event in now.items()) else None


def by_block(found: Sequence[wire.Log]) -> dict[int, list[wire.Log]]:
    """In the order of the chain."""
    blocks: dict[int, list[wire.Log]] = {}
    for each in sorted(found, key=lambda log: (log.block, log.index)):
        blocks.setdefault(each.block, []).append(each)
    return blocks
