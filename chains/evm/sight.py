"""What one node says of a wallet at one block: the raw matter of a `View` (chains/evm/evidence.py).

Every count is asked for at a number; receipts have no such choice, so at the end the block of that number
must still have the same hash, each receipt must be of a block of the same chain, and none of a later one.
If not, the sight is torn: it mixes two moments, and is taken anew.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from chains import venue
from chains.evm.evidence import View
from chains.evm.node import Node
from chains.evm.wire import Block, Receipt, Transaction
from chains.venue import Unanswered


class Query(Struct, frozen=True):
    wallet: str
    hashes: tuple[str, ...]  # Of the order's attempts; those of older ones too, for any may land.
    final_depth: int
    done: tuple[str, ...] = ()  # What the order has done so far: approvals that were booked.
    last_final: int | None = None  # The block in which something of the wallet was final last.


class Mined(Struct, frozen=True):
    """A receipt, and the block that it is of."""

    receipt: Receipt
    block: Block


class Sight(Struct, frozen=True):
    head: Block
    count: int
    count_at_k: int
    mined: tuple[Mined, ...]
    pooled: frozenset[str]
    last_final: Block | None  # None, if nothing is, or this node has not come so far.


class Torn(Unanswered, frozen=True):
    """Not of one moment; the next try may be."""


Read = Callable[[Mined], venue.Receipt]


async def sight(node: Node, query: Query, head: Block) -> Sight | Unanswered:
    """`head` is the block to look from, as this node has it."""
    at_k = max(0, head.number - query.final_depth + 1)
    counts = (node.count(query.wallet, head.number), node.count(query.wallet, at_k))
    answers = await asyncio.gather(
        asyncio.gather(*counts),
        asyncio.gather(*map(node.receipt, (*query.hashes, *query.done))),
        asyncio.gather(*map(node.transaction, query.hashes)),
    )
    for answer in (each for group in answers for each in group):
        if isinstance(answer, Unanswered):
            return answer
    (count, count_at_k), receipts, transactions = answers
    assert isinstance(count, int)
    assert isinstance(count_at_k, int)
    mined = await _mined(node, head, [each for each in receipts if isinstance(each, Receipt)])
    if isinstance(mined, Unanswered):
        return mined
    landed = {each.receipt.tx_hash for each in mined}
    waiting = [each for each in transactions if isinstance(each, Transaction) and each.tx_hash not in landed]
    if any(each.block is not None for each in waiting):
        return Torn(f"{node.name}: a transaction has landed since block {head.number}")
    pooled = frozenset(each.tx_hash for each in waiting)
    final = await _last_final(node, head, query)
    if isinstance(final, Unanswered):
        return final
    return await _unless_moved(node, Sight(head, count, count_at_k, mined, pooled, final))


async def _last_final(node: Node, head: Block, query: Query) -> Block | Unanswered | None:
    number = query.last_final
    if number is None or number > head.number:
        return None
    return await node.block(number) or Torn(f"{node.name}: block {number} is gone")


async def _mined(node: Node, head: Block, receipts: list[Receipt]) -> tuple[Mined, ...] | Unanswered:
    found = []
    for receipt in receipts:
        if receipt.block > head.number:
            return Torn(f"{node.name}: a receipt is of a block after {head.number}")
        block = head if receipt.block == head.number else await node.block(receipt.block)
        if isinstance(block, Unanswered):
            return block
        if block is None or block.hash != receipt.block_hash:
            return Torn(f"{node.name}: a receipt is of a block that is no longer in the chain")
        found.append(Mined(receipt, block))
    return tuple(found)


async def _unless_moved(node: Node, found: Sight) -> Sight | Unanswered:
    again = await node.block(found.head.number)
    if isinstance(again, Unanswered):
        return again
    if again is None or again.hash != found.head.hash:
        return Torn(f"{node.name}: block {found.head.number} has been replaced meanwhile")
    return found


def view(found: Sight, query: Query, read: Read) -> View:
    """`read` makes of a receipt what the order got and paid."""
    mined = {each.receipt.tx_hash: read(each) for each in found.mined}
    receipts, done = ({id: mined[id] for id in ids if id in mined} for ids in (query.hashes, query.done))
    head = found.head
    return View(
        head.number, head.at_ns, found.count, found.count_at_k, tuple(receipts.values()), found.pooled,
        tuple(done.values()), found.last_final.hash if found.last_final else "",
    )  # fmt: skip
