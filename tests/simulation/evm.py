"""An EVM chain as a schedule draws it: blocks, a pool, reorgs, a stranger with our key, nodes that lie.

It keeps its own books by undoing blocks, and shares no code with ours.  A transaction is its bytes (JSON); a
nonce is used once; what a reorg throws out goes back to the pool or is forgotten.  What a deep one has undone
comes back at once, as it was or as another of ours with its nonce, with whatever result; or later, or never.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.messages import NEVER, Asset, Tick, Units
from chains.evm.evidence import Chain as Depths
from chains.venue import Receipt
from tests.simulation.outside import CAPITAL, GAS, MINUTE_NS, T0, USDC, drawn, exchanged, swap_of

DEPTHS = Depths(booked_depth=2, final_depth=4, patience_ns=3 * MINUTE_NS // 2)


@dataclass
class Block:
    number: int
    at_ns: int
    base_fee: int
    receipts: dict[str, Receipt] = field(default_factory=dict)
    used: int = 0  # Nonces of the wallet, up to its end ...
    nonces: int = 0  # ... and in it.
    stolen: int = 0  # Fees that the stranger paid with our money.
    before: dict[Asset, int] = field(default_factory=dict)  # Balances, to go back to ...
    allowed: dict[Asset, int] = field(default_factory=dict)  # ... and allowances ...
    allowed_to: dict[Asset, str] = field(default_factory=dict)  # ... and whose they are.
    landed: list[str] = field(default_factory=list)
    gift: int = 0  # Gas that the operator has sent.
    hash: str = "genesis"


@dataclass
class EvmChain:
    """What really happened.  Lives as long as the schedule, whoever dies."""

    seed: int
    faults: bool = True
    private: bool = False
    blocks: list[Block] = field(default_factory=lambda: [Block(0, T0, GAS // 2)])
    pool: dict[str, dict] = field(default_factory=dict)
    raws: dict[str, str] = field(default_factory=dict)
    fee_asset: Asset = USDC
    balance: dict[Asset, int] = field(default_factory=lambda: {USDC: CAPITAL})
    approves: bool = False  # Some of its tokens ask for approvals.
    allowance: dict[Asset, int] = field(default_factory=dict)  # Of the one router, where one is asked for.
    allowed_to: dict[Asset, str] = field(default_factory=dict)  # By asset: the order that it was given for.
    given_up: dict[Asset, int] = field(default_factory=dict)  # Allowances on the branch left last.
    stood: set[str] = field(default_factory=set)  # Orders whose approvals were there when last asked about.
    undid: list[tuple[str, str]] = field(default_factory=list)  # Who replaced or took back whose.
    taken_from: list[tuple[str, str]] = field(default_factory=list)  # Who swapped on whose allowance.
    broadcasts: list[str] = field(default_factory=list)
    channels: dict[str, set[str]] = field(default_factory=dict)  # In which bytes have been sent.
    prices: dict[Asset, int] = field(default_factory=dict)
    ever: dict[str, list[Receipt]] = field(default_factory=dict)  # Reorgs included.
    deep_ns: int = NEVER  # From then on a reorg may reach what is final; it does so once.
    nobody_waits: Callable[[], bool] = lambda: True  # For what was asked before it, or is being written.
    mined: int = 0  # Blocks, those that a reorg has thrown out too.
    deep: bool = False  # It has ...
    undone_from: int = 0  # ... and the wallet's next nonce was then this one.
    lost: dict[str, dict] = field(default_factory=dict)  # What was final, and is gone.
    lacks_gas: Callable[[], bool] = lambda: False  # An executor says so.
    halted: bool = False  # Whoever keeps the books has seen that, so anything may come in its stead.
    thefts: int = 0
    stolen_nonces: set[int] = field(default_factory=set)
    reorgs: int = 0
    gas_at_start: dict[Asset, int] = field(default_factory=dict)
    head_ns: int = T0
    calm_ns: int = T0 + 40 * MINUTE_NS  # Then nothing goes wrong any more.

    def chanced(self, chance: random.Random, deep_ns: int) -> None:
        self.chance, self.deep_ns = chance, deep_ns

    # -- what anybody may know -------------------------------------------------------------------------------
    @property
    def head(self) -> Block:
        return self.blocks[-1]

    def count(self, at: int | None = None) -> int:
        if at is None:
            return self.blocks[-1].used
        return self.blocks[at].used if at >= 0 else 0

    def receipt(self, tx_id: str, at: int | None = None) -> Receipt | None:
        for block in self.blocks if at is None else self.blocks[: at + 1]:
            if tx_id in block.receipts:
                return block.receipts[tx_id]
        return None

    def balance_at(self, number: int) -> dict[Asset, int]:
        """At the end of a block."""
        return self.blocks[number + 1].before if number < self.head.number else self.balance

    @property
    def gifts(self) -> int:
        return sum(block.gift for block in self.blocks)

    def hash_of(self, number: int, at: int | None = None) -> str:
        """Of a block; nothing, if the chain has not come so far."""
        return self.blocks[number].hash if number <= (self.head.number if at is None else at) else ""

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
        tx = swap_of(raw)
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
        if tick.at_ns >= self.deep_ns and not self.deep and self.nobody_waits():
            self._reorg_deep()
        if self.lost and self.halted:
            self._bring_back()
        for share in (2, 1):
            self._mine(tick.at_ns - (share - 1) * MINUTE_NS // 2, self._gift())
        self.head_ns = tick.at_ns

    def _gift(self) -> int:
        """Where there is little gas the operator sends some: if it is needed, and at times unasked."""
        if not self.gas_at_start or sum(self.gas_at_start.values()) > 100 * GAS:
            return 0
        stuck = any(each["nonce"] == self.count() and self._poor(id, each) for id, each in self.pool.items())
        share = 0.1 if stuck or self.lacks_gas() else 0.02 * self.faults
        return 20 * GAS if self.chance.random() < share else 0

    def _mishap(self) -> None:
        lot = self.chance.random()
        if lot < 0.10 and len(self.blocks) > 1:
            self._reorg(self.chance.randint(1, min(DEPTHS.final_depth - 1, len(self.blocks) - 1)))
        elif lot < 0.13 and self.thefts < 2 and (self.halted or not self.deep):
            self._steal()
        elif lot < 0.25 and self.pool:
            del self.pool[self.chance.choice(sorted(self.pool))]

    def _reorg_deep(self) -> None:
        """Down to the newest of the final blocks in which something of the wallet is."""
        used = [block.number for block in self.blocks[: 1 - DEPTHS.final_depth] if block.nonces]
        if used:
            self.deep = True
            self._reorg(self.head.number - used[-1] + 1)

    def _bring_back(self) -> None:
        """Some of it, at any time: in other blocks it may do something else."""
        for tx_id in [each for each in self.lost if self.chance.random() < 0.3]:
            tx = self.lost.pop(tx_id)
            if self.chance.random() < 0.8:
                self.pool[tx_id] = tx

    def _reorg(self, depth: int) -> None:
        """Newest first.  A longer branch follows: as many blocks again, and two more."""
        self.reorgs += 1
        at_once = self.chance.random() < 0.5
        final = self.head.number - DEPTHS.final_depth + 1
        gone = [self.blocks.pop() for _ in range(depth)]
        self.given_up = self.allowance
        self.balance, self.allowance = gone[-1].before, gone[-1].allowed
        self.allowed_to = gone[-1].allowed_to
        for block in gone:
            again = {id: swap_of(self.raws[id]) for id in block.receipts if id in self.raws}
            if block.number <= final:
                self.undone_from = gone[-1].used - gone[-1].nonces
            if block.number <= final and at_once:
                self.pool |= dict(map(self._one_under_its_nonce, again))
            elif block.number <= final:
                self.lost |= again
            else:
                self.pool |= {id: tx for id, tx in again.items() if self.chance.random() < 0.6}
        for block in reversed(gone):
            self._mine(block.at_ns, block.gift)

    def _one_under_its_nonce(self, tx_id: str) -> tuple[str, dict]:
        nonce = swap_of(self.raws[tx_id])["nonce"]
        rivals = [id for id, raw in self.raws.items() if swap_of(raw)["nonce"] == nonce]
        found = self.chance.choice(rivals)
        return found, swap_of(self.raws[found])

    def _steal(self) -> None:
        """A stranger uses our next nonce, if one of ours waits for it, and pays well."""
        self.thefts += 1
        nonce = self.count()
        for other in [id for id, each in self.pool.items() if each["nonce"] == nonce]:
            del self.pool[other]
        self.pool["stranger"] = {"nonce": nonce, "fee": 10**9, "stranger": True}

    def _mine(self, at_ns: int, gift: int = 0) -> None:
        base_fee = int(GAS * self.chance.choice([0.5, 0.5, 0.8, 1.1, 1.6])) if self.faults else GAS // 2
        self.mined += 1
        hash = f"block {self.mined}"
        block = Block(self.head.number + 1, at_ns, base_fee, used=self.count(), hash=hash)
        block.before, block.allowed = dict(self.balance), dict(self.allowance)
        block.allowed_to, block.gift = dict(self.allowed_to), gift
        if gift:
            self.balance[self.fee_asset] += gift
        self.blocks.append(block)
        while (tx_id := self._next(base_fee)) is not None:
            tx = self.pool.pop(tx_id)
            block.used, block.nonces = block.used + 1, block.nonces + 1
            if "stranger" in tx:
                self.balance[self.fee_asset] -= GAS
                block.stolen += GAS
                self.stolen_nonces.add(tx["nonce"])
            else:
                receipt = self._executed(tx_id, tx, block)
                block.receipts[tx_id] = receipt
                self.ever.setdefault(tx_id, []).append(receipt)
        used = self.count()
        self.pool = {id: tx for id, tx in self.pool.items() if tx["nonce"] >= used}

    def _next(self, base_fee: int) -> str | None:
        fits = [id for id, tx in self.pool.items() if self._fits(tx, base_fee) and not self._poor(id, tx)]
        if not fits or (self.faults and self.chance.random() < 0.3):
            return None
        return max(fits, key=lambda each: self.pool[each]["fee"])

    def _fits(self, tx: dict, base_fee: int) -> bool:
        swaps = tx.get("leg") == "swap" and not tx["cancel"]
        known = not swaps or tx["token"] in self.prices
        return tx["nonce"] == self.count() and tx["fee"] >= base_fee and known

    def _poor(self, tx_id: str, tx: dict) -> bool:
        """No block takes what its wallet can not pay."""
        return "stranger" not in tx and self.balance[self.fee_asset] < tx["fee"] + self._beside(tx_id)

    def _executed(self, tx_id: str, tx: dict, block: Block) -> Receipt:
        fee = tx["fee"] + self._beside(tx_id)
        self.balance[self.fee_asset] -= fee
        landed, amounts = False, (0, 0)
        lucky = drawn(self.seed, tx_id, self.reorgs) < (0.8 if tx["leg"] == "swap" else 0.9)
        if not tx["cancel"] and tx["leg"] != "swap":
            landed = lucky and self._allow(tx)
        elif not tx["cancel"]:
            paid, got, out = exchanged(tx, self.prices[tx["token"]])
            timely = block.at_ns <= tx["deadline_ns"]
            if lucky and timely and out >= tx["minimum"] and self._may_pay(paid, tx):
                amounts = (tx["amount_in"], out)
                self.balance[paid] -= amounts[0]
                self.balance[got] = self.balance.get(got, 0) + out
                block.landed.append(tx["order"])
            landed = amounts != (0, 0)
        place = (block.at_ns, block.number, block.hash)
        return Receipt(tx_id, landed, *map(Units, amounts), Units(fee), *place)

    def _beside(self, tx_id: str) -> int:
        """A rollup's fee for L1: in none of the bytes, and now and then more than the order may pay."""
        dear = self.faults and drawn(self.seed, tx_id, "l1") < 0.1
        return 12 * GAS if dear else 0

    def zero_first(self, asset: Asset) -> bool:
        """Whether it takes a new amount only where none is left of an old one."""
        return drawn("zero first", self.seed, asset) < 0.5

    def _allow(self, tx: dict) -> bool:
        asset = tx["asset"]
        if tx["allows"] and self.allowance.get(asset) and self.zero_first(asset):
            return False
        if self.allowance.get(asset) and tx["order"] != (owner := self.allowed_to.get(asset, "nobody")):
            self.undid.append((tx["order"], owner))
        self.allowance[asset], self.allowed_to[asset] = tx["allows"], tx["order"]
        return True

    def _may_pay(self, asset: Asset, tx: dict) -> bool:
        """A swap takes what it pays from its allowance."""
        amount = tx["amount_in"]
        if self.balance.get(asset, 0) < amount or self.allowance.get(asset, amount) < amount:
            return False
        if asset in self.allowance:
            self.allowance[asset] -= amount
            self.taken_from.append((tx["order"], self.allowed_to.get(asset, "nobody")))
        return True
