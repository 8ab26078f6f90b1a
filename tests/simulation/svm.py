"""A Solana-like chain as a schedule draws it: slots, heights, forks, late landings, and nodes that mislead.

It keeps its own books by undoing blocks, and shares no code with ours.  A block's height is its place in the
chain; slots are skipped, so their numbers grow faster.  What is final is undone once, if at all: by a new
start of the whole cluster, or because the nodes have called final what was not.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from msgspec.structs import replace

from actors.messages import NEVER, Asset, Landed, Tick, Units
from chains.svm.evidence import SKIPPED, Level, Place, Progress, Question, Status, View, is_undone, seen
from chains.venue import Attempt, Receipt, Seen
from tests.simulation.outside import (
    CAPITAL,
    GAS,
    MINUTE_NS,
    T0,
    USDC,
    ForkVenue,
    chance_of,
    drawn,
    exchanged,
    swap_of,
)

SLOTS_A_TICK, FINAL_DEPTH, FIRST_SLOT = 4, 7, 1_000
PROVIDERS = ("alpha", "beta")


@dataclass
class Block:
    slot: int
    at_ns: int
    before: dict[Asset, int] = field(default_factory=dict)  # Balances, to go back to.
    receipts: dict[str, Receipt] = field(default_factory=dict)
    landed: list[str] = field(default_factory=list)
    hash: str = ""


@dataclass
class Flight:
    """Bytes on their way to a leader: not before this slot, nor this height."""

    sent_slot: int
    slot: int
    height: int


@dataclass
class SvmChain:
    """What really happened.  Lives as long as the schedule, whoever dies."""

    fee_asset, approves, stolen = USDC, False, 0
    seed: int
    faults: bool = True
    private: bool = False
    blocks: list[Block] = field(default_factory=lambda: [Block(FIRST_SLOT, T0)])
    final: int = 0  # The height up to which no fork can go back.
    liar: bool = False  # Its first provider calls final what is confirmed, until that is undone.
    believed: int = 0  # The height up to which it has said so of ours ...
    called_final: set[str] = field(default_factory=set)  # ... and of what.
    forks: int = 0
    deep_ns: int = NEVER  # From then on a fork may reach what is final; it does so once.
    nobody_waits: Callable[[], bool] = lambda: True  # For what was asked before it, or is being written.
    deep: bool = False  # It has ...
    expired_height: int = 0  # Whatever was valid up to a height before this one.
    undone: set[str] = field(default_factory=set)  # ... and these were gone.
    halted: bool = False  # Whoever keeps the books has seen that.
    gas_at_start: dict[Asset, int] = field(default_factory=dict)
    made: int = 0  # Blocks, those that a fork has thrown out too.
    left: tuple[list[Block], int, str] = ([], 0, "")  # The branch given up last, and who is still on it.
    cut_slot: int = 0  # All nodes have lost what was before it ...
    cut_until_ns: int = 0  # ... until then.
    flights: dict[str, list[Flight]] = field(default_factory=dict)
    raws: dict[str, str] = field(default_factory=dict)
    balance: dict[Asset, int] = field(default_factory=lambda: {USDC: CAPITAL})
    broadcasts: list[str] = field(default_factory=list)
    channels: dict[str, set[str]] = field(default_factory=dict)  # In which bytes have been sent.
    prices: dict[Asset, int] = field(default_factory=dict)
    ever: dict[str, list[Receipt]] = field(default_factory=dict)  # That were confirmed, forks included.
    head_ns: int = T0
    calm_ns: int = T0 + 40 * MINUTE_NS  # Then nothing goes wrong any more.

    def chanced(self, chance: random.Random, deep_ns: int) -> None:
        self.chance, self.deep_ns = chance, deep_ns
        self.validity = FINAL_DEPTH + chance.choice([2, 4, 8])
        self.providers = PROVIDERS[: chance.choice([1, 2, 2])]

    # -- what anybody may know -------------------------------------------------------------------------------
    @property
    def head(self) -> Block:
        return self.blocks[-1]

    @property
    def height(self) -> int:
        return len(self.blocks) - 1

    def receipt(self, tx_id: str) -> Receipt | None:
        return next((block.receipts[tx_id] for block in self.blocks if tx_id in block.receipts), None)

    def hash_of(self, slot: int, blocks: list[Block] | None = None) -> str:
        """Of the block in it, if there is one; nothing, if the chain has not come so far."""
        found = self.blocks if blocks is None else blocks
        if slot > found[-1].slot:
            return ""
        return next((block.hash for block in reversed(found) if block.slot == slot), SKIPPED)

    @property
    def landed_orders(self) -> list[str]:
        return [order for block in self.blocks for order in block.landed]

    def open(self, tx_id: str, last_valid_height: int) -> bool:
        """Whether anything about it can still change: anybody who has seen its bytes can send them."""
        final = any(tx_id in block.receipts for block in self.blocks[: self.final + 1])
        return not final and self.final < last_valid_height

    # -- what happens ----------------------------------------------------------------------------------------
    def receive(self, raw: str, tx_id: str) -> None:
        """It lands at once, or late, or in the last block that takes it, or never."""
        self.broadcasts.append(tx_id)
        self.raws[tx_id] = raw
        slot, lot = self.head.slot, self.chance.random()
        if not self.faults or lot < 0.4:
            flight = Flight(slot, slot + 1, 0)
        elif lot < 0.6:
            flight = Flight(slot, slot + self.chance.choice([2, 5, 9]), 0)
        elif lot < 0.75:
            last = swap_of(raw)["last_valid_height"]
            flight = Flight(slot, slot + 1, last - self.chance.choice([0, 0, 1]))
        else:
            return
        self.flights.setdefault(tx_id, []).append(flight)

    def advance(self, tick: Tick) -> None:
        if tick.at_ns <= self.head_ns:
            return
        self.prices.update({bar.token: bar.open for bar in tick.bars})
        self.faults = self.faults and tick.at_ns < self.calm_ns
        if self.faults:
            self._mishap(tick.at_ns)
        if tick.at_ns >= self.deep_ns and not self.deep and self.nobody_waits():
            self._fork_deep()
        for _ in range(SLOTS_A_TICK):
            self._slot(self._next_slot(), tick.at_ns, 0.15)
        self.head_ns = tick.at_ns

    def _next_slot(self) -> int:
        return max(self.head.slot, self.left[0][-1].slot if self.left[0] else 0) + 1

    def _mishap(self, at_ns: int) -> None:
        lot = self.chance.random()
        if lot < 0.15 and self.height > self.stays:
            self._fork(self.chance.randint(1, self.height - self.stays))
        elif lot < 0.20:
            self.cut_slot = self.head.slot
            self.cut_until_ns = at_ns + self.chance.choice([2, 4, 8]) * MINUTE_NS

    @property
    def stays(self) -> int:
        """What somebody has called final is undone by the one fork alone that is to undo it."""
        return self.final if self.deep else max(self.final, self.believed)

    def _fork_deep(self) -> None:
        """Down to the newest of the final blocks in which something of the wallet is.  Nobody is left behind,
        and whatever had expired for good stays so.
        """
        used = [height for height in range(1, self.stays + 1) if self.blocks[height].receipts]
        if used:
            self.deep = True
            self.undone = {tx_id for block in self.blocks[used[-1] :] for tx_id in block.receipts}
            self.expired_height, self.final = self.final, min(self.final, used[-1] - 1)
            self._fork(self.height - used[-1] + 1)
            self.left = ([], 0, "")

    def _fork(self, depth: int) -> None:
        """Another branch over the same slots; it skips more of them, so the height goes back."""
        self.forks += 1
        self.left = (list(self.blocks), self.final, self.chance.choice(self.providers))
        gone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.balance = dict(gone[0].before)
        for block in gone:
            for tx_id in block.receipts:
                if self.chance.random() < 0.6:
                    self.flights.setdefault(tx_id, []).append(Flight(block.slot - 1, block.slot, 0))
        for block in gone:
            self._slot(block.slot, block.at_ns, 0.5)

    def _slot(self, slot: int, at_ns: int, skipped: float) -> None:
        if self.faults and self.chance.random() < skipped:
            return
        for tx_id, receipt in self.head.receipts.items():
            self.ever.setdefault(tx_id, []).append(receipt)  # A block on top of it: confirmed.
        self.made += 1
        block = Block(slot, at_ns, dict(self.balance), hash=f"block {self.made}")
        self.blocks.append(block)
        for tx_id in list(self.flights):
            if self._lands(tx_id, block):
                del self.flights[tx_id]
                block.receipts[tx_id] = self._executed(tx_id, swap_of(self.raws[tx_id]), block)
        self.final = max(self.final, self.height - FINAL_DEPTH)

    def _lands(self, tx_id: str, block: Block) -> bool:
        tx = swap_of(self.raws[tx_id])
        due = any(
            each.sent_slot < block.slot and each.slot <= block.slot and each.height <= self.height
            for each in self.flights[tx_id]
        )
        known = tx["token"] in self.prices and self.receipt(tx_id) is None
        return due and known and max(self.height, self.expired_height) <= tx["last_valid_height"]

    def _executed(self, tx_id: str, tx: dict, block: Block) -> Receipt:
        self.balance[USDC] -= GAS
        amounts = (0, 0)
        paid, got, out = exchanged(tx, self.prices[tx["token"]])
        lucky = drawn(self.seed, tx_id, self.forks) < 0.75
        if lucky and out >= tx["minimum"] and self.balance.get(paid, 0) >= tx["amount_in"]:
            amounts = (tx["amount_in"], out)
            self.balance[paid] -= amounts[0]
            self.balance[got] = self.balance.get(got, 0) + out
            block.landed.append(tx["order"])
        place = (block.at_ns, block.slot, block.hash)
        return Receipt(tx_id, amounts != (0, 0), *map(Units, amounts), Units(GAS), *place)


@lru_cache(maxsize=4_096)
def _hole(seed: int, tx_id: str) -> str:
    hole = chance_of(seed, tx_id, "hole")
    return hole.choice(PROVIDERS) if hole.random() < 0.15 else ""


class SvmVenue(ForkVenue):
    """Our client of one provider or two: silent, behind, on dead forks, without all of the ledger."""

    def __init__(self, *_: object) -> None:
        """As the paper venue is made; what it remembers of the fence dies with it."""
        self.progress: dict[str, Progress] = {}

    def build(self, order, quote, nonce, now_ns) -> Attempt:  # noqa: ARG002
        minimum = quote.amount_out * (10_000 - order.slippage_bps) // 10_000
        last, slot = self.chain.final + self.chain.validity, self.chain.head.slot
        raw = json.dumps(
            {"order": order.id, "token": order.token, "side": order.side, "amount_in": order.amount_in,
             "minimum": minimum, "serial": nonce, "last_valid_height": last}
        )  # fmt: skip
        channel = "private" if self.chain.private else "public"
        return Attempt(raw, f"tx {raw}", nonce, Units(minimum), NEVER, channel, last, slot)

    def see(self, case, wallet, at_ns) -> Seen:
        """The second provider is asked about what the first does not know: it may matter."""
        tx_id = case.live.attempts[-1].tx_id if case.live.attempts else ""
        question = Question(case, wallet, at_ns, len(self.chain.providers))
        names = self.chain.chance.sample(self.chain.providers, len(self.chain.providers))
        first = self._view(case, tx_id, names[0])
        doubtful = first and ((tx_id and not first.status) or is_undone(case, first))
        second = self._view(case, tx_id, names[1]) if doubtful and names[1:] else None
        found, self.progress[tx_id] = seen(question, first, second, self.progress.get(tx_id, Progress()))
        return found

    def _view(self, case, tx_id: str, provider: str) -> View | None:
        chain = self.chain
        if self._happens(0.08):
            return None
        final = max(0, chain.final - self._lag(0.05))
        first_slot = self._first_slot()
        blocks, known_final = self._branch(provider)
        head = max(0, len(blocks) - 1 - self._lag(0.15))
        status = self._status(tx_id, provider, blocks[: head + 1], min(known_final, head - FINAL_DEPTH))
        if status and status.slot < first_slot:
            status = None
        told = View(provider, chain.blocks[final].slot, final, blocks[head].slot, True, status, first_slot)
        if case.booked and not status:
            ended = blocks[: max(0, min(known_final, head - FINAL_DEPTH) + 1)]
            torn = self._hole(tx_id) == provider
            place = Place.HAS_IT_NOT if torn else self._place(case.booked, ended, first_slot)
            told = replace(told, booked_in=place)
        if case.last_final is None:
            return told
        return replace(told, last_final=chain.hash_of(case.last_final.number, blocks[: head + 1]))

    def _lag(self, share: float) -> int:
        return self.chain.chance.randint(1, 12) if self._happens(share) else 0

    def _branch(self, provider: str) -> tuple[list[Block], int]:
        """One of two providers may still be on the branch that all others have left."""
        blocks, final, stuck = self.chain.left
        if blocks and stuck == provider and len(self.chain.providers) > 1 and self._happens(0.3):
            return blocks, final
        if self._happens(0.06):  # On a branch without any of ours, so far.
            common = self.chain.final + 1
            empty = [Block(each.slot, each.at_ns) for each in self.chain.blocks[common:]]
            return [*self.chain.blocks[:common], *empty], self.chain.final
        return self.chain.blocks, self.chain.final

    def _status(self, tx_id: str, provider: str, blocks: list[Block], final: int) -> Status | None:
        height = next((n for n, block in enumerate(blocks) if tx_id in block.receipts), None)
        if height is None or self._hole(tx_id) == provider:
            return None
        receipt = blocks[height].receipts[tx_id]
        processed = Level.PROCESSED if height == len(blocks) - 1 else Level.CONFIRMED
        level = Level.FINALIZED if height <= final else processed
        lies = self.chain.liar and not self.chain.deep and provider == PROVIDERS[0]
        if (
            lies
            and level is Level.CONFIRMED
            and self.chain.blocks[height : height + 1] == blocks[height : height + 1]
        ):
            level = Level.FINALIZED
            self.chain.believed = max(self.chain.believed, height)
            self.chain.called_final.add(tx_id)
        told = None if self._happens(0.03) else receipt
        return Status(blocks[height].slot, level, not receipt.landed, told)

    def _place(self, booked: Landed, ended: list[Block], first_slot: int) -> Place:
        if not ended or not first_slot <= booked.block <= ended[-1].slot or self._happens(0.1):
            return Place.UNKNOWN
        there = any(block.slot == booked.block and booked.tx_id in block.receipts for block in ended)
        return Place.HAS_IT if there else Place.HAS_IT_NOT

    def _hole(self, tx_id: str) -> str:
        """An error inside the archive becomes an absence: of one provider, for good."""
        torn = self.chain.faults and len(self.chain.providers) > 1
        return _hole(self.chain.seed, tx_id) if torn else ""

    def _first_slot(self) -> int:
        if self.chain.head_ns < self.chain.cut_until_ns:
            return self.chain.cut_slot
        recent = self.chain.blocks[-min(len(self.chain.blocks), 8) :]
        return self.chain.chance.choice(recent).slot if self._happens(0.05) else 0
