"""The naive books of a schedule on an EVM chain: a fill can be undone until it is final."""

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
from tests.simulation.outside import USDC


class EvmNaive(Naive):
    def __init__(self, chain) -> None:
        super().__init__(chain)
        self.fills: dict[str, Landed] = {}  # Booked, not final; by order.

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
                demand(
                    not self.chain.can_land(self.signed[tx_id].nonce), f"{tx_id} is called final too early"
                )
                demand(self.chain.receipt(tx_id), f"no-guess: {tx_id} is called final and not on chain")
                self.end(order, "landed")
            case Reversed(order, tx_id):
                self.undo(self.fills.pop(order), tx_id)
            case Dead(order, tx_id, _):
                nonce = self.signed[tx_id].nonce
                landed = [each for each in self.attempts(order) if self.chain.receipt(each)]
                demand(not self.chain.can_land(nonce), f"no-guess: {order} is called dead and may still land")
                demand(not landed, f"no-guess: {order} is called dead and {landed} is on chain")
                self.end(order, "dead")
            case PositionReversed():
                """It follows from what comes after it."""
            case _:
                super().take(body)

    def attempts(self, order: str) -> list[str]:
        return [tx for tx, signed in self.signed.items() if signed.order == order]

    def land(self, body: Landed) -> None:
        receipt = self.real(body.tx_id, body.fee)
        booked, real = (body.amount_in, body.amount_out), (receipt.amount_in, receipt.amount_out)
        demand(receipt.landed and booked == real, f"settle-from-chain: {booked} booked, {real} real")
        self.move(body, 1)
        if body.final:
            self.end(body.order, "landed")
        else:
            self.fills[body.order] = body

    def revert(self, body: Reverted) -> None:
        receipt = self.real(body.tx_id, body.fee)
        demand(not receipt.landed, f"no-guess: {body.tx_id} is booked as reverted and landed")
        demand(not self.chain.can_land(self.signed[body.tx_id].nonce), f"{body.tx_id} is booked too early")
        self.cash -= body.fee
        self.end(body.order, "reverted")

    def real(self, tx_id: str, fee: int):
        """What was booked was once on chain, with this very fee."""
        receipts = [each for each in self.chain.ever.get(tx_id, []) if each.fee == fee]
        demand(receipts, f"no-guess: {tx_id} is booked and never was on chain")
        return receipts[-1]

    def undo(self, fill: Landed, tx_id: str) -> None:
        demand(fill.tx_id == tx_id, f"{tx_id} is undone, and {fill.tx_id} was booked")
        self.move(fill, -1)

    def move(self, fill: Landed, sign: int) -> None:
        order = self.orders[fill.order]
        buy = order.side is Side.BUY
        spent = fill.fee + (fill.amount_in if buy else 0)
        self.cash -= sign * (spent - (0 if buy else fill.amount_out))
        self.set_aside[order.id] -= sign * spent
        change = fill.amount_out if buy else -fill.amount_in
        self.held[order.token] = self.held.get(order.token, 0) + sign * change

    def at_the_end(self) -> None:
        """A stranger with the key leaves the wallet blocked, with whatever may still land."""
        if self.halted:
            for order in self.live:
                nonce = self.signed[self.attempts(order)[0]].nonce if self.attempts(order) else None
                demand(nonce is not None, f"liveness: {order} has no bytes and never ended")
            return
        demand(not self.live, f"liveness: {sorted(self.live)} never ended")
        landed = self.chain.landed_orders
        demand(len(landed) == len(set(landed)), "exactly-once: an order has landed twice")
        chain = {asset: amount for asset, amount in self.chain.balance.items() if amount}
        cash = self.cash - self.chain.stolen
        ours = {asset: amount for asset, amount in {**self.held, USDC: cash}.items() if amount}
        demand(ours == chain, f"the chain has {chain}, our books {ours}")
