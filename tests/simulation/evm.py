"""An EVM chain as a schedule draws it: blocks, a pool, reorgs, a stranger with our key, nodes that lie.

It keeps its own books by undoing blocks, and shares no code with ours.  A transaction is its bytes (JSON); a
nonce is used once; what a reorg throws out goes back to the pool or is forgotten.
"""

import json
import random
from dataclasses import dataclass, field

from msgspec.structs import replace

from actors.messages import NEVER, Asset, Tick, Units
from chains.evm.evidence import Chain as Depths
from chains.evm.evidence import Question, View, in_doubt, raised, seen
from chains.venue import Attempt, Receipt, Seen, Unanswered
from tests.simulation.outside import CAPITAL, GAS, MINUTE_NS, T0, USDC, ForkVenue, exchanged

DEPTHS = Depths(booked_depth=2, final_depth=4, patience_ns=3 * MINUTE_NS // 2)


@dataclass
class Block:
    number: int
    at_ns: int
    base_fee: int
    receipts: dict[str, Receipt] = field(default_factory=dict)
    nonces: int = 0  # Of the wallet, used in it.
    stolen: int = 0  # Fees that the stranger paid with our money.
    before: dict[Asset, int] = field(default_factory=dict)  # Balances, to go back to.
    landed: list[str] = field(default_factory=list)


@dataclass
class EvmChain:
    """What really happened.  Lives as long as the schedule, whoever dies."""

    seed: int
    chance: random.Random
    faults: bool = True
    private: bool = False
    blocks: list[Block] = field(default_factory=lambda: [Block(0, T0, GAS // 2)])
    pool: dict[str, dict] = field(default_factory=dict)
    raws: dict[str, str] = field(default_factory=dict)
    balance: dict[Asset, int] = field(default_factory=lambda: {USDC: CAPITAL})
    broadcasts: list[str] = field(default_factory=list)
    channels: dict[str, set[str]] = field(default_factory=dict)  # In which bytes have been sent.
    prices: dict[Asset, int] = field(default_factory=dict)
    ever: dict[str, list[Receipt]] = field(default_factory=dict)  # Reorgs included.
    thefts: int = 0
    reorgs: int = 0
    head_ns: int = T0
    calm_ns: int = T0 + 40 * MINUTE_NS  # Then nothing goes wrong any more.

    # -- what anybody may know -------------------------------------------------------------------------------
    @property
    def head(self) -> Block:
        return self.blocks[-1]

    def count(self, at: int | None = None) -> int:
        return sum(block.nonces for block in self.blocks if at is None or block.number <= at)

    def receipt(self, tx_id: str, at: int | None = None) -> Receipt | None:
        for block in self.blocks:
            if tx_id in block.receipts and (at is None or block.number <= at):
                return block.receipts[tx_id]
        return None

    @property
    def landed_orders(self) -> list[str]:
        return [order for block in self.blocks for order in block.landed]

    @property
    def stolen(self) -> int:
        return sum(block.stolen for block in self.blocks)

    def can_land(self, nonce: int) -> bool:
        """As far as anybody can tell: what is final is taken to stay."""
        return self.count(self.head.number - DEPTHS.final_depth + 1) <= nonce

    # -- what happens ----------------------------------------------------------------------------------------
    def receive(self, raw: str, tx_id: str) -> None:
        self.broadcasts.append(tx_id)
        self.raws[tx_id] = raw
        tx = json.loads(raw)
        rivals = [other for other, each in self.pool.items() if each["nonce"] == tx["nonce"]]
        if any(self.pool[other]["fee"] * 110 // 100 > tx["fee"] for other in rivals if other != tx_id):
            return  # Underpriced: a node keeps what it has.
        for other in rivals:
            del self.pool[other]
        if tx["nonce"] >= self.count():
            self.pool[tx_id] = tx

    def advance(self, tick: Tick) -> None:
        """Two blocks a tick, and whatever goes wrong between them."""
        if tick.at_ns <= self.head_ns:
            return
        self.prices.update({bar.token: bar.open for bar in tick.bars})
        self.faults = self.faults and tick.at_ns < self.calm_ns
        if self.faults:
            self._mishap()
        for share in (2, 1):
            self._mine(tick.at_ns - (share - 1) * MINUTE_NS // 2)
        self.head_ns = tick.at_ns

    def _mishap(self) -> None:
        lot = self.chance.random()
        if lot < 0.10 and len(self.blocks) > 1:
            self._reorg(self.chance.randint(1, min(DEPTHS.final_depth - 1, len(self.blocks) - 1)))
        elif lot < 0.13 and self.thefts < 2:
            self._steal()
        elif lot < 0.25 and self.pool:
            del self.pool[self.chance.choice(sorted(self.pool))]

    def _reorg(self, depth: int) -> None:
        """Newest first.  A longer branch follows: as many blocks again, and two more."""
        self.reorgs += 1
        gone = [self.blocks.pop() for _ in range(depth)]
        self.balance = gone[-1].before
        for block in gone:
            for tx_id in block.receipts:
                if tx_id in self.raws and self.chance.random() < 0.6:
                    self.pool[tx_id] = json.loads(self.raws[tx_id])
        for block in reversed(gone):
            self._mine(block.at_ns)

    def _steal(self) -> None:
        """A stranger uses our next nonce, if one of ours waits for it, and pays well."""
        self.thefts += 1
        nonce = self.count()
        for other in [id for id, each in self.pool.items() if each["nonce"] == nonce]:
            del self.pool[other]
        self.pool["stranger"] = {"nonce": nonce, "fee": 10**9, "stranger": True}

    def _mine(self, at_ns: int) -> None:
        base_fee = int(GAS * self.chance.choice([0.5, 0.5, 0.8, 1.1, 1.6])) if self.faults else GAS // 2
        block = Block(self.head.number + 1, at_ns, base_fee, before=dict(self.balance))
        self.blocks.append(block)
        while (tx_id := self._next(base_fee)) is not None:
            tx = self.pool.pop(tx_id)
            block.nonces += 1
            if "stranger" in tx:
                self.balance[USDC] -= GAS
                block.stolen += GAS
            else:
                receipt = self._executed(tx_id, tx, block)
                block.receipts[tx_id] = receipt
                self.ever.setdefault(tx_id, []).append(receipt)
        used = self.count()
        self.pool = {id: tx for id, tx in self.pool.items() if tx["nonce"] >= used}

    def _next(self, base_fee: int) -> str | None:
        fits = [id for id, tx in self.pool.items() if self._fits(tx, base_fee)]
        if not fits or (self.faults and self.chance.random() < 0.3):
            return None
        return max(fits, key=lambda each: self.pool[each]["fee"])

    def _fits(self, tx: dict, base_fee: int) -> bool:
        known = tx.get("cancel", True) or tx["token"] in self.prices  # A cancel or a theft swaps nothing.
        return tx["nonce"] == self.count() and tx["fee"] >= base_fee and known

    def _executed(self, tx_id: str, tx: dict, block: Block) -> Receipt:
        self.balance[USDC] -= tx["fee"]
        amounts = (0, 0)
        if not tx["cancel"]:
            paid, got, out = exchanged(tx, self.prices[tx["token"]])
            lucky = random.Random(f"{self.seed}/{tx_id}/{self.reorgs}").random() < 0.8
            timely = block.at_ns <= tx["deadline_ns"]
            if lucky and timely and out >= tx["minimum"] and self.balance.get(paid, 0) >= tx["amount_in"]:
                amounts = (tx["amount_in"], out)
                self.balance[paid] -= amounts[0]
                self.balance[got] = self.balance.get(got, 0) + out
                block.landed.append(tx["order"])
        landed = amounts != (0, 0)
        return Receipt(tx_id, landed, *map(Units, amounts), Units(tx["fee"]), block.at_ns, block.number)


class EvmVenue(ForkVenue):
    """Our client of two nodes: silent at times, behind at times, and sometimes of two minds."""

    def build(self, order, quote, nonce, now_ns) -> Attempt:  # noqa: ARG002
        minimum = quote.amount_out * (10_000 - order.slippage_bps) // 10_000
        dear = random.Random(f"{self.chain.seed}/{order.id}").random() < 0.15
        fee = order.max_fee * 19 // 20 if dear else GAS
        return self._attempt(order, nonce, minimum, fee, cancel=False)

    def replacement(self, live, cancel, now_ns) -> Attempt | Unanswered:  # noqa: ARG002
        newest = live.attempts[-1]
        fee = raised(json.loads(newest.raw)["fee"])
        fee = min(fee, live.order.max_fee)  # Nothing was seen that it would have to outbid.
        return self._attempt(live.order, newest.nonce, newest.min_amount_out, fee, cancel)

    def _attempt(self, order, nonce, minimum, fee, cancel) -> Attempt:
        raw = json.dumps(
            {"order": order.id, "token": order.token, "side": order.side, "amount_in": order.amount_in,
             "minimum": minimum, "nonce": nonce, "fee": fee, "cancel": cancel,
             "deadline_ns": order.deadline_ns}
        )  # fmt: skip
        channel = "private" if self.chain.private else "public"
        return Attempt(raw, f"tx {raw}", nonce, Units(minimum), NEVER, channel)

    def look(self, case, wallet, at_ns) -> Seen:
        newest = case.live.attempts[-1] if case.live.attempts else None
        fee = json.loads(newest.raw)["fee"] if newest else GAS
        question = Question(case, wallet, at_ns, fee, case.live.order.max_fee)
        node = self.chain.chance.randint(0, 1)
        first, second = self._view(case, node), None
        unexplained = first and newest and not first.receipts and first.count > newest.nonce
        if first and (unexplained or in_doubt(case, first)):
            second = self._view(case, 1 - node)
        return seen(DEPTHS, question, first, second)

    def _hole(self, tx_id: str) -> int:
        """One of the two nodes may not have a receipt at all."""
        lot = random.Random(f"{self.chain.seed}/{tx_id}/hole")
        return lot.randint(0, 1) if self.chain.faults and lot.random() < 0.15 else -1

    def _view(self, case, node: int) -> View | None:
        if self._happens(0.08):
            return None
        behind = self.chain.chance.randint(1, 5) if self._happens(0.1) else 0
        at = max(0, self.chain.head.number - behind)
        ids = [each.tx_id for each in case.live.attempts]
        kept = [id for id in ids if self._hole(id) != node]
        receipts = tuple(each for id in kept if (each := self.chain.receipt(id, at)))
        if self._happens(0.03):
            receipts = tuple(replace(each, block=at + 1) for each in receipts)  # Torn: of another block.
        pooled = frozenset() if self.chain.private else frozenset(id for id in ids if id in self.chain.pool)
        at_ns = next(block.at_ns for block in self.chain.blocks if block.number == at)
        final = at - DEPTHS.final_depth + 1
        counted = at - self.chain.chance.randint(1, 3) if self._happens(0.03) else at  # Torn: an older count.
        count = max(self.chain.count(counted), self.chain.count(final))
        return View(at, at_ns, count, self.chain.count(final), receipts, pooled)
