"""The naive books of a schedule on a chain that forks: a fill can be undone until it is final."""

from actors.messages import (
    Dead,
    Finalized,
    Landed,
    PositionReversed,
    Reversed,
    Reverted,
    Side,
)
from tests.simulation.checks import Naive, demand


class ForkNaive(Naive):
    """`chain.receipt` is what stands now, `chain.ever` what has stood at any time."""

    def __init__(self, chain) -> None:
        super().__init__(chain)
        self.fills: dict[str, Landed] = {}  # Booked, not final; by order.
        self.effects: dict[str, tuple[int, int, int]] = {}  # Booked: in, out, fee; by transaction.

    def open(self, tx_id: str) -> bool:
        """Whether what is on chain of it can still change."""
        raise NotImplementedError

    def free(self) -> int:
        unsettled = sum(
            fill.amount_out for id, fill in self.fills.items() if self.orders[id].side is Side.SELL
        )
        return super().free() - unsettled

    def take(self, body) -> None:
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

    def sign(self, signed) -> None:
        others = {self.signed[each].channel for each in self.attempts(signed.order)}
        demand(others <= {signed.channel}, f"{signed.order} is signed for {signed.channel}, and for {others}")
        super().sign(signed)

    def allow(self, body) -> None:
        super().allow(body)
        self.effects[body.tx_id] = (0, 0, body.fee)

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
        ours[self.chain.fee_asset] += self.lost_fees() - stolen
        ours = {asset: amount for asset, amount in ours.items() if amount}
        demand(ours == chain, f"the chain has {chain}, our books {ours}")

    def lost_fees(self) -> int:
        """Of approvals that a reorg has undone, and that nobody needs any more."""
        return 0


def amounts(fill) -> tuple[int, int, int]:
    return fill.amount_in, fill.amount_out, fill.fee
