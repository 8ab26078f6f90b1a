"""The blocks that have been followed, newest last, and where a new one belongs.  Pure.

The list may have holes where a long absence was caught up with; two neighbours then are no parent and child.
"""

from collections.abc import Iterator

from msgspec import Struct

from chains.evm.wire import Block, Log

KEPT = 256  # Blocks; deeper than any reorg that leaves a bot a choice.


class Head(Struct, frozen=True):
    """The chain is one block longer; the logs of it follow, if any are asked for."""

    block: Block


class Logs(Struct, frozen=True):
    """All of these blocks, each of them once; with `Reorged` in between, once more from there."""

    first: int
    last: int
    logs: tuple[Log, ...]


class Reorged(Struct, frozen=True):
    """All that was told of this block and of later ones is undone."""

    from_block: int


class Silent(Struct, frozen=True):
    """Nothing new for too long, for this reason; told once each time."""

    sentence: str


Event = Head | Logs | Reorged | Silent


class Chain(Struct, frozen=True):
    blocks: tuple[Block, ...] = ()

    @property
    def newest(self) -> Block:
        return self.blocks[-1]

    def has(self, block: Block) -> bool:
        """Or it is older than anything that is remembered: a node that is far behind says nothing new."""
        return block.number < self.blocks[0].number or any(block.hash == each.hash for each in self.blocks)

    def continues(self, block: Block) -> bool:
        return block.number == self.newest.number + 1 and block.parent_hash == self.newest.hash

    def longer(self, block: Block) -> "Chain":
        return Chain((*self.blocks, block)[-KEPT:])

    def up_to(self, number: int) -> "Chain":
        return Chain(tuple(block for block in self.blocks if block.number <= number))

    def downwards(self) -> Iterator[Block]:
        return reversed(self.blocks)
