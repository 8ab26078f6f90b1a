"""The naive books of a schedule on an EVM chain: a nonce ends an order, and a stranger may use it.

A reorg that reaches what was final, and settled, breaks the chain as we know it: from then on nothing may be
booked, signed or sent but the bytes that are out already.  Whoever sees it halts the wallet, and from then on
anything may come in the place of what is gone; the operator is left with what he has.
"""

from collections import Counter

from actors.messages import (
    KEY,
    WALLET,
    Dead,
    Finalized,
    Halted,
    Landed,
    Lifted,
    Reversed,
    Reverted,
    Side,
    Signed,
)
from tests.simulation.checks import demand
from tests.simulation.fork_checks import ForkNaive, amounts
from tests.simulation.outside import CAPITAL, USDC


class EvmNaive(ForkNaive):
    def __init__(self, chain) -> None:
        super().__init__(chain)
        self.latest_ended: set[str] = set()  # Orders that ended after what was final had gone.

    def open(self, tx_id: str) -> bool:
        return self.chain.can_land(self.signed[tx_id].nonce)

    @property
    def settled_nonces(self) -> int:
        """So many must be used on chain, for an order with the last of them has ended."""
        final = (id for id in self.signed if id not in self.done)  # Of an approval alone nobody waits for it.
        ended = [self.signed[id].nonce + 1 for id in final if self.signed[id].order not in self.live]
        return max(ended, default=0)

    @property
    def torn(self) -> bool:
        """What was final is gone, and nothing has come in its place."""
        return self.chain.deep and self.chain.count() < self.settled_nonces

    @property
    def broken(self) -> bool:
        return self.chain.halted or self.torn

    def take(self, body) -> None:
        if isinstance(body, Signed | Landed | Reverted | Dead | Finalized | Reversed):
            demand(not self.torn, f"no-guess: {type(body).__name__} of {body.order} on a broken chain")
        if isinstance(body, Halted) and body.scope == WALLET and "what was final is gone" in body.reason:
            demand(self.torn, f"no-guess: {body.reason}")
            self.chain.halted = True
        if isinstance(body, Lifted) and body.scope == WALLET:
            demand(not self.chain.halted, "halt-latch: nobody lifts this")
        super().take(body)

    def end(self, id, how, got=0, fee=0) -> None:
        super().end(id, how, got, fee)
        if self.chain.deep:
            self.latest_ended.add(id)

    def broadcast(self, tx_id: str) -> None:
        super().broadcast(tx_id)
        if self.torn:
            order = self.signed[tx_id].order
            needed = order in self.live and tx_id in {*self.attempts(order)[-1:], *self.done}
            demand(needed, f"exactly-once: {tx_id} is sent on a broken chain, and is not what was sent last")

    def write(self, append) -> None:
        super().write(append)
        strange = [(order, owner) for order, owner in self.chain.taken_from if order != owner]
        demand(not strange, f"caps-on-bytes: {strange}: who swapped on what whom was allowed")
        for order, owner in self.chain.undid:
            needed = owner in self.live and not self.swaps(owner)
            demand(not needed, f"liveness: {order} has undone what {owner} was allowed, and still needs")
        self.chain.undid.clear()

    def swaps(self, order: str) -> bool:
        """Its swap has bytes, so nothing else can come before it."""
        return any(self.signed[each].leg == "swap" for each in self.attempts(order))

    def at_the_end(self) -> None:
        """A stranger with the key leaves the wallet blocked, with whatever may still land."""
        if self.blocked:
            for order in self.live:
                demand(self.attempts(order), f"liveness: {order} has no bytes and never ended")
        if self.broken:
            halted = self.halts & {WALLET, KEY} or not self.live
            demand(halted, f"halt-latch: what was final is gone, {sorted(self.live)} wait, and nobody halts")
            self.explained()
        elif not self.halted:
            self.all_ended(self.chain.stolen)

    def lost_fees(self) -> int:
        gone = {id for id in self.effects.keys() & self.done if not self.chain.receipt(id)}
        for tx_id in gone:
            nonce = self.signed[tx_id].nonce
            taken = nonce in self.chain.stolen_nonces
            demand(taken or nonce >= self.chain.count(), f"no-guess: {tx_id} is booked, and never was there")
        return sum(self.effects[id][2] for id in gone)

    def explained(self) -> None:
        """Of orders that have ended: what stands on the chain is booked as it stands, and what is booked and
        does not stand was undone.  All others are blocked, whatever became of them.
        """
        standing = {id: amounts(each) for block in self.chain.blocks for id, each in block.receipts.items()}
        for tx_id, effect in standing.items():
            booked, loose = self.effects.get(tx_id), self.signed[tx_id].order in self.live
            known = effect == booked or loose or self.undone(tx_id)
            demand(known, f"{tx_id}: {effect} stands, {booked} is booked")
        first = self.chain.count()
        ended = [id for id in self.effects if self.signed[id].order not in self.live]
        gone = [id for id in ended if id not in standing and self.signed[id].nonce < first]
        wrong = [id for id in gone if not self.undone(id)]
        demand(not wrong, f"{wrong} are booked, and {first} is free")
        real = self.summed(standing)
        real[self.chain.fee_asset] -= self.chain.stolen
        chain = {asset: amount for asset, amount in self.chain.balance.items() if amount}
        demand(chain == {asset: amount for asset, amount in real.items() if amount}, f"{chain}, and {real}")
        ours = {asset: amount for asset, amount in self.owned().items() if amount}
        booked = {asset: amount for asset, amount in self.summed(self.effects).items() if amount}
        demand(ours == booked, f"our books have {ours}, what is booked adds up to {booked}")

    def undone(self, tx_id: str) -> bool:
        """By the deep reorg, so that anything may stand in its place: or it was an approval."""
        signed = self.signed[tx_id]
        before = signed.order not in self.latest_ended or tx_id in self.done
        return before and signed.nonce >= self.chain.undone_from

    def summed(self, effects: dict[str, tuple[int, int, int]]) -> Counter[str]:
        """What we would have if this were all that has ever happened."""
        sums = Counter({USDC: CAPITAL})
        sums.update(self.chain.gas_at_start)
        for tx_id, (paid, got, fee) in effects.items():
            order = self.orders[self.signed[tx_id].order]
            into, out_of = (order.token, USDC) if order.side is Side.BUY else (USDC, order.token)
            sums.update({into: got})
            sums.subtract({out_of: paid})
            sums.subtract({order.fee_asset: fee})
        return sums
