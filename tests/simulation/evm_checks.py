"""The naive books of a schedule on an EVM chain: a nonce ends an order, and a stranger may use it."""

from actors.messages import Side
from tests.simulation.checks import demand
from tests.simulation.fork_checks import ForkNaive


class EvmNaive(ForkNaive):
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
        return super().torn or (self.chain.deep and self.chain.count() < self.settled_nonces)

    def write(self, append) -> None:
        super().write(append)
        demand(self.noticed <= self.chain.gifts, f"settle-from-chain: {self.noticed} of gas never came")
        strange = [(order, owner) for order, owner in self.chain.taken_from if order != owner]
        demand(not strange, f"caps-on-bytes: {strange}: who swapped on what whom was allowed")
        for order, owner in self.chain.undid:
            needed = owner in self.live and not self.swaps(owner)
            demand(not needed, f"liveness: {order} has undone what {owner} was allowed, and still needs")
        self.chain.undid.clear()

    def swaps(self, order: str) -> bool:
        """Its swap has bytes, so nothing else can come before it."""
        return any(self.signed[each].leg == "swap" for each in self.attempts(order))

    def sign(self, signed) -> None:
        first = signed.leg == "swap" and not self.attempts(signed.order)
        founded = not first or signed.order in self.chain.stood
        demand(founded, f"no-guess: {signed.order} swaps on an approval that was not there")
        super().sign(signed)

    def at_the_end(self) -> None:
        """A stranger with the key leaves the wallet blocked, with whatever may still land; what takes a
        leftover back may have been opened last of all, and is for the next start.
        """
        if self.blocked:
            for order in self.live:
                begun = self.attempts(order) or self.orders[order].side is Side.REVOKE
                demand(begun, f"liveness: {order} has no bytes and never ended")
        if self.broken:
            self.halted_and_explained()
        elif not self.halted:
            self.all_ended(self.chain.stolen)

    def replaced(self) -> bool:
        gone = [id for id in self.effects.keys() & self.done if not self.chain.receipt(id)]
        return self.chain.deep and any(self.signed[id].nonce < self.chain.count() for id in gone)

    def unnoticed(self) -> int:
        return self.chain.gifts - self.noticed

    def lost_fees(self) -> int:
        gone = {id for id in self.effects.keys() & self.done if not self.chain.receipt(id)}
        return sum(self.effects[id][2] - self.instead_of(id) for id in gone) + self.given_back()

    def given_back(self) -> int:
        """What approvals without a swap cost less in the blocks to which a reorg has moved them: it is there,
        and nobody knows of it.
        """
        swapped = {each.order for each in self.signed.values() if each.leg == "swap"}
        alone = [id for id in self.effects.keys() & self.done if self.signed[id].order not in swapped]
        stand = [(id, real.fee) for id in alone if (real := self.chain.receipt(id))]
        return sum(max(0, self.effects[id][2] - fee) for id, fee in stand)

    def instead_of(self, tx_id: str) -> int:
        """What other bytes of ours have cost under its nonce.  After the end of its order nobody looks."""
        nonce, order = self.signed[tx_id].nonce, self.signed[tx_id].order
        under = [id for id, each in self.signed.items() if each.nonce == nonce]
        others = [real.fee for id in under if (real := self.chain.receipt(id))]
        unseen = self.chain.deep and order not in self.live and order not in self.latest_ended
        taken = nonce in self.chain.stolen_nonces or nonce >= self.chain.count() or (unseen and others)
        demand(taken, f"no-guess: {tx_id} is booked, and never was there")
        return sum(others) if unseen else 0

    def undone(self, tx_id: str) -> bool:
        """Or it was an approval."""
        signed = self.signed[tx_id]
        before = signed.order not in self.latest_ended or tx_id in self.done
        return before and signed.nonce >= self.chain.undone_from

    def may_be_gone(self, tx_id: str) -> bool:
        return self.signed[tx_id].nonce >= self.chain.count()
