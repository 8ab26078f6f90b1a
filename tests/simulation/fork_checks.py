"""The naive books of a schedule on a chain that forks: a fill can be undone until it is final.

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
    PositionReversed,
    Reversed,
    Reverted,
    Side,
    Signed,
)
from tests.simulation.checks import Naive, demand
from tests.simulation.outside import CAPITAL, USDC


class ForkNaive(Naive):
    """`chain.receipt` is what stands now, `chain.ever` what has stood at any time."""

    def __init__(self, chain) -> None:
        super().__init__(chain)
        self.fills: dict[str, Landed] = {}  # Booked, not final; by order.
        self.effects: dict[str, tuple[int, int, int]] = {}  # Booked: in, out, fee; by transaction.
        self.latest_ended: set[str] = set()  # Orders that ended after what was final had gone.
        self.last_final = (0, "")  # The newest block in which one has ended, and its hash.

    def open(self, tx_id: str) -> bool:
        """Whether what is on chain of it can still change."""
        raise NotImplementedError

    def undone(self, tx_id: str) -> bool:
        """By the deep reorg, so that anything may stand in its place."""
        raise NotImplementedError

    def may_be_gone(self, tx_id: str) -> bool:
        """Nothing has come in its place, so it need not be explained."""
        raise NotImplementedError

    def replaced(self) -> bool:
        """Whether other bytes stand in the place of what was done before a swap."""
        return False

    @property
    def torn(self) -> bool:
        """What was final is gone, whatever has come in its place."""
        number, hash = self.last_final
        return self.chain.deep and number > 0 and self.chain.hash_of(number) != hash

    @property
    def broken(self) -> bool:
        return self.chain.halted or self.torn

    def free(self) -> int:
        unsettled = sum(
            fill.amount_out for id, fill in self.fills.items() if self.orders[id].side is Side.SELL
        )
        return super().free() - unsettled

    def take(self, body) -> None:
        if isinstance(body, Signed | Landed | Reverted | Dead | Finalized | Reversed):
            demand(not self.torn, f"no-guess: {type(body).__name__} of {body.order} on a broken chain")
        if isinstance(body, Halted) and body.scope == WALLET and "is gone.  Compare" in body.reason:
            demand(self.torn or self.replaced(), f"no-guess: {body.reason}")
            self.chain.halted = True
        if isinstance(body, Lifted) and body.scope == WALLET:
            demand(not self.chain.halted, "halt-latch: nobody lifts this")
        match body:
            case Landed():
                self.land(body)
            case Reverted():
                self.revert(body)
            case Finalized(order, tx_id):
                fill = self.fills.pop(order)
                demand(fill.tx_id == tx_id, f"{tx_id} is final, and {fill.tx_id} was booked")
                demand(not self.open(tx_id), f"{tx_id} is called final too early")
                real = self.chain.receipt(tx_id)
                demand(real and amounts(real) == amounts(fill), f"no-guess: {tx_id}: final is {real}")
                self.end(order, "landed")
            case Reversed(order, tx_id):
                self.undo(self.fills.pop(order), tx_id)
            case Dead(order, tx_id, _):
                landed = [each for each in self.attempts(order) if self.chain.receipt(each)]
                demand(not landed, f"no-guess: {order} is called dead and {landed} is on chain")
                demand(not self.open(tx_id), f"no-guess: {order} is called dead and may still land")
                self.end(order, "dead")
            case PositionReversed():
                """It follows from what comes after it."""
            case _:
                super().take(body)

    def broadcast(self, tx_id: str) -> None:
        super().broadcast(tx_id)
        used, own = self.chain.channels[tx_id], self.signed[tx_id].channel
        demand(used == {own}, f"{tx_id} is made for the {own} channel, and was sent in {used}")
        if self.torn:
            sentence = f"exactly-once: {tx_id} is sent on a broken chain, and is not what was sent last"
            demand(self.needed(tx_id), sentence)

    def needed(self, tx_id: str) -> bool:
        """The newest bytes of what is under way, and legs that have landed, be it of an order that was rolled
        back: what comes after them can not land without them.
        """
        order = self.signed[tx_id].order
        return tx_id in self.done or (order in self.live and tx_id in self.attempts(order)[-1:])

    def end(self, id, how, got=0, fee=0) -> None:
        for tx_id in self.attempts(id):
            if stands := self.chain.receipt(tx_id):
                self.last_final = max(self.last_final, (stands.block, stands.block_hash))
        super().end(id, how, got, fee)
        if self.chain.deep:
            self.latest_ended.add(id)

    def sign(self, signed) -> None:
        others = {self.signed[each].channel for each in self.attempts(signed.order)}
        demand(others <= {signed.channel}, f"{signed.order} is signed for {signed.channel}, and for {others}")
        super().sign(signed)

    def allow(self, body) -> None:
        super().allow(body)
        if body.in_block or self.takes_back(body):
            stands = self.chain.receipt(body.tx_id)
            demand(stands and not self.open(body.tx_id), f"{body.tx_id} is called final too early")
            self.last_final = max(self.last_final, (stands.block, stands.block_hash))
        self.effects[body.tx_id] = (0, 0, body.fee)

    def takes_back(self, body) -> bool:
        """It undoes the approval of its order, or another's: then its end is to be for good."""
        legs = [self.signed[id].leg for id in self.effects if self.signed[id].order == body.order]
        last = "approve" if self.orders[body.order].side is Side.REVOKE else "".join(legs[-1:])
        return body.leg == "revoke" and last == "approve"

    def receipts(self, tx_id: str) -> list:
        return self.chain.ever.get(tx_id, [])

    def land(self, body: Landed) -> None:
        real = self.receipts(body.tx_id)
        demand(real, f"no-guess: {body.tx_id} is booked and never was on chain to stay")
        demand(self.signed[body.tx_id].leg == "swap", f"no-guess: {body.tx_id} is no swap")
        same = any(each.landed and amounts(each) == amounts(body) for each in real)
        demand(same, f"settle-from-chain: {amounts(body)} booked, {real} real")
        self.move(body, 1)
        self.effects[body.tx_id] = amounts(body)
        if body.final:
            demand(not self.open(body.tx_id), f"{body.tx_id} is called final too early")
            self.end(body.order, "landed")
        else:
            self.fills[body.order] = body

    def revert(self, body: Reverted) -> None:
        real = self.chain.receipt(body.tx_id)
        demand(real and not real.landed, f"no-guess: {body.tx_id} is booked as reverted, and is {real}")
        demand(real.fee == body.fee, f"settle-from-chain: a fee of {body.fee} is booked, and is {real.fee}")
        demand(not self.open(body.tx_id), f"no-guess: {body.tx_id} is booked too early")
        self.pay(body.order, body.fee)
        self.effects[body.tx_id] = (0, 0, body.fee)
        self.end(body.order, "reverted")

    def undo(self, fill: Landed, tx_id: str) -> None:
        demand(fill.tx_id == tx_id, f"{tx_id} is undone, and {fill.tx_id} was booked")
        real = self.chain.receipt(tx_id)
        there = real and (real.block, amounts(real)) == (fill.block, amounts(fill))
        demand(not there, f"no-guess: {tx_id} is undone, and is on chain as it was booked")
        self.move(fill, -1)
        del self.effects[tx_id]

    def move(self, fill: Landed, sign: int) -> None:
        order = self.orders[fill.order]
        buy = order.side is Side.BUY
        self.pay(order.id, sign * fill.fee)
        self.cash -= sign * (fill.amount_in if buy else -fill.amount_out)
        self.set_aside[order.id] = self.set_aside.get(order.id, 0) - sign * (fill.amount_in if buy else 0)
        change = fill.amount_out if buy else -fill.amount_in
        self.held[order.token] = self.held.get(order.token, 0) + sign * change

    def all_ended(self, stolen: int = 0) -> None:
        demand(not self.live, f"liveness: {sorted(self.live)} never ended")
        landed = self.chain.landed_orders
        demand(len(landed) == len(set(landed)), "exactly-once: an order has landed twice")
        chain = {asset: amount for asset, amount in self.chain.balance.items() if amount}
        ours = self.owned()
        ours[self.chain.fee_asset] += self.lost_fees() - stolen + self.unnoticed()
        ours = {asset: amount for asset, amount in ours.items() if amount}
        demand(ours == chain, f"the chain has {chain}, our books {ours}")

    def halted_and_explained(self) -> None:
        halted = self.halts & {WALLET, KEY} or not self.live
        demand(halted, f"halt-latch: what was final is gone, {sorted(self.live)} wait, and nobody halts")
        self.explained()

    def explained(self) -> None:
        """Of orders that have ended: what stands on the chain is booked as it stands, and what is booked and
        does not stand was undone.  All others are blocked, whatever became of them.
        """
        standing = {id: amounts(each) for block in self.chain.blocks for id, each in block.receipts.items()}
        for tx_id, effect in standing.items():
            booked, loose = self.effects.get(tx_id), self.signed[tx_id].order in self.live
            known = effect == booked or loose or self.undone(tx_id)
            demand(known, f"{tx_id}: {effect} stands, {booked} is booked")
        ended = [id for id in self.effects if self.signed[id].order not in self.live]
        gone = [id for id in ended if id not in standing and not self.may_be_gone(id)]
        wrong = [id for id in gone if not self.undone(id)]
        demand(not wrong, f"{wrong} are booked, and are not there")
        real = self.summed(standing)
        real[self.chain.fee_asset] += self.unnoticed() - self.chain.stolen
        chain = {asset: amount for asset, amount in self.chain.balance.items() if amount}
        demand(chain == {asset: amount for asset, amount in real.items() if amount}, f"{chain}, and {real}")
        ours = {asset: amount for asset, amount in self.owned().items() if amount}
        booked = {asset: amount for asset, amount in self.summed(self.effects).items() if amount}
        demand(ours == booked, f"our books have {ours}, what is booked adds up to {booked}")

    def summed(self, effects: dict[str, tuple[int, int, int]]) -> Counter[str]:
        """What we would have if this were all that has ever happened."""
        sums = Counter({USDC: CAPITAL})
        sums.update(self.chain.gas_at_start)
        sums.update({self.chain.fee_asset: self.noticed})
        for tx_id, (paid, got, fee) in effects.items():
            order = self.orders[self.signed[tx_id].order]
            into, out_of = (order.token, USDC) if order.side is Side.BUY else (USDC, order.token)
            sums.update({into: got})
            sums.subtract({out_of: paid})
            sums.subtract({order.fee_asset: fee})
        return sums

    def unnoticed(self) -> int:
        """Gas that has come, and that nobody has needed."""
        return 0

    def lost_fees(self) -> int:
        """Of approvals that a reorg has undone, and that nobody needs any more."""
        return 0


def amounts(fill) -> tuple[int, int, int]:
    return fill.amount_in, fill.amount_out, fill.fee
