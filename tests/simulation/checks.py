"""The promises, checked by a second, naive set of books that knows the chain and shares no code with ours."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from actors.messages import (
    KEY,
    WALLET,
    Adopted,
    Allowed,
    AlreadyClosing,
    Append,
    Approved,
    Committed,
    Dead,
    Deposited,
    Durable,
    Execute,
    Executing,
    Halted,
    Landed,
    Lifted,
    Operation,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Rebalanced,
    Refused,
    Reserved,
    Returned,
    Reverted,
    RolledBack,
    Side,
    Signed,
    StateSaved,
)
from tests.simulation.outside import USDC, Chain

# They follow from the others, or move nothing.
FOLLOWING = (Adopted, PositionClosed, PositionOpened, PositionReduced, Rebalanced, Returned, StateSaved)


class Violation(AssertionError):
    """A promise is broken."""


def demand(truth: object, sentence: str) -> None:
    if not truth:
        raise Violation(sentence)


class Naive:
    """Cash in hand, what each order may still take of it, what is held; one record after the other."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.cash = 0
        self.gas: Counter[str] = Counter()  # What is had of assets in which fees alone are paid.
        self.gas_aside: dict[str, int] = {}  # By order.
        self.noticed = 0  # Gas that has come later.
        self.held: dict[str, int] = {}
        self.orders: dict[str, OrderOpened] = {}
        self.set_aside: dict[str, int] = {}
        self.live: dict[str, str] = {}  # Order -> token.
        self.signed: dict[str, Signed] = {}
        self.settled: set[str] = set()
        self.done: set[str] = set()  # Transactions of legs that are over, of orders that go on.
        self.halts: set[str] = set()
        self.records = 0
        self.appends: dict[str, tuple[int, tuple]] = {}
        self.answers: dict[tuple[str, str], Any] = {}  # Given by a portfolio, taken by somebody.
        self.trades: list[tuple] = []  # How each order ended, in this order.
        self.status: dict[str, str] = {}
        self.kinds: Counter[str] = Counter()
        self.transitions: Counter[tuple[str | None, str]] = Counter()
        self.repeated = 0  # Questions about orders that have ended, answered as ever.

    def write(self, append: Append) -> None:
        for record in append.records:
            self.records += 1
            kind = type(record.body).__name__
            self.kinds[kind] += 1
            if record.operation is Operation.TRADE_EXECUTE:
                id = record.operation_id
                self.transitions[self.status.get(id), kind] += 1
                self.status[id] = record.status
            self.take(record.body)
        demand(append.id not in self.appends, f"exactly-once: {append.id} is written twice")
        self.appends[append.id] = (self.records, append.records)
        if (free := self.free()) < 0:
            raise Violation(f"no-overdraft: {free} is free")
        if self.gas and min(map(self.free_gas, self.gas)) < 0:
            raise Violation(f"no-overdraft: {self.gas} for fees")
        if min(self.held.values(), default=0) < 0:
            raise Violation(f"no-overdraft: holds {self.held}")

    @property
    def halted(self) -> bool:
        """Nothing can be signed, so nothing need come to an end."""
        return bool(self.halts & {WALLET, KEY})

    @property
    def broken(self) -> bool:
        """The chain is not what it was said to be for good."""
        return False

    @property
    def blocked(self) -> bool:
        return self.halted or self.broken

    @property
    def known_blocked(self) -> bool:
        """Else somebody has yet to see it."""
        return self.halted or self.chain.halted

    def free(self) -> int:
        return self.cash - sum(self.set_aside.values())

    def owned(self) -> Counter[str]:
        """What pays for gas may be held as a position too."""
        sums = Counter({USDC: self.cash})
        sums.update(self.gas)
        sums.update(self.held)
        return sums

    def free_gas(self, asset: str) -> int:
        aside = self.gas_aside.items()
        return self.gas[asset] - sum(most for id, most in aside if self.orders[id].fee_asset == asset)

    def take(self, body) -> None:
        match body:
            case Deposited(asset, amount) if asset != USDC:
                self.gas[asset] += amount
                self.noticed += amount if self.orders else 0
            case Deposited(_, amount):
                demand(self.cash == 0, "the first deposit is booked twice")
                self.cash += amount
            case Halted(scope):
                self.halts.add(scope)
            case Lifted(scope):
                demand(scope in self.halts, f"halt-latch: {scope} is lifted and was not halted")
                self.halts.remove(scope)
            case OrderOpened(order):
                sells = order.side is not Side.BUY
                demand(not self.halts or sells, f"halt-latch: {order.id} while halted")
                demand(order.id not in self.orders, f"{order.id} is opened twice")
                traded = f"all of {order.token}" if order.side is Side.REVOKE else order.token
                demand(traded not in self.live.values(), f"two live orders for {traded}")
                self.orders[order.id], self.live[order.id] = order, traded
            case Reserved():
                self.reserve(body)
            case Signed():
                self.sign(body)
            case Allowed():
                self.allow(body)
            case Landed() | Reverted():
                self.settle(body)
            case Dead(order, tx_id):
                demand(self.cannot_land(tx_id), f"no-guess: {order} is called dead and may still land")
                self.end(order, "dead")
            case RolledBack(order):
                demand(not self.attempts(order), f"no-guess: {order} is rolled back, and bytes exist")
                self.end(order, "rolled back")
            case _:
                demand(isinstance(body, FOLLOWING), f"nobody expects {body}")

    def reserve(self, body: Reserved) -> None:
        order = self.orders[body.order]
        aside = self.set_aside if body.asset == USDC else self.gas_aside
        if self.attempts(order.id):  # The chain has taken more.
            aside[order.id] = aside.get(order.id, 0) + body.amount
        elif body.asset != USDC:
            self.gas_aside[order.id] = order.max_fee
        else:
            fee = order.max_fee if order.fee_asset == USDC else 0
            self.set_aside[order.id] = fee + (order.amount_in if order.side is Side.BUY else 0)

    def sign(self, signed: Signed) -> None:
        demand(not self.halted, f"halt-latch: {signed.order} is signed while the wallet is halted")
        demand(signed.order in self.live, f"{signed.order} is signed and not live")
        demand(signed.tx_id not in self.signed, f"{signed.tx_id} is signed twice")
        for other in self.signed.values():
            if other.order != signed.order and other.nonce == signed.nonce:
                raise Violation(f"nonce {signed.nonce} belongs to {other.order} and to {signed.order}")
            own = other.order == signed.order and other.tx_id not in self.done
            if own and other.nonce != signed.nonce:
                raise Violation(f"exactly-once: {signed.order} is signed under two nonces")
            if other.tx_id in self.done and other.nonce == signed.nonce:
                raise Violation(f"exactly-once: nonce {signed.nonce} of {other.tx_id} is used again")
        self.signed[signed.tx_id] = signed

    def attempts(self, order: str) -> list[str]:
        """Of its current leg."""
        return [tx for tx, each in self.signed.items() if each.order == order and tx not in self.done]

    def pay(self, order: str, fee: int) -> None:
        """From what its order has set aside."""
        if self.orders[order].fee_asset == USDC:
            self.cash -= fee
            self.set_aside[order] -= fee
        else:
            self.gas[self.orders[order].fee_asset] -= fee
            self.gas_aside[order] -= fee
            demand(self.gas_aside[order] >= 0, f"no-overdraft: {order} pays more than it may")

    def allow(self, body: Allowed) -> None:
        demand(
            body.tx_id in self.attempts(body.order), f"write-ahead: {body.tx_id} is no leg of {body.order}"
        )
        signed, real = self.signed[body.tx_id], self.receipts(body.tx_id)
        demand(signed.leg == body.leg != "swap", f"no-guess: {body.tx_id} is to {signed.leg}")
        same = [each for each in real if each.landed and each.fee == body.fee]
        demand(same, f"settle-from-chain: {body.tx_id} is booked for {body.fee}, real is {real}")
        self.pay(body.order, body.fee)
        self.done |= {*self.attempts(body.order)}

    def receipts(self, tx_id: str) -> list:
        """Whatever stood on chain at any time."""
        sent = self.chain.sent.get(tx_id)
        return [sent.receipt] if sent and sent.receipt else []

    def settle(self, body: Landed | Reverted) -> None:
        demand(body.tx_id not in self.settled, f"exactly-once: {body.tx_id} is booked twice")
        self.settled.add(body.tx_id)
        sent = self.chain.sent.get(body.tx_id)
        receipt = sent.receipt if sent else None
        demand(receipt, f"no-guess: {body.tx_id} is booked and not on chain")
        order = self.orders[body.order]
        self.pay(body.order, receipt.fee)
        demand(receipt.fee == body.fee, "settle-from-chain: another fee")
        if isinstance(body, Landed):
            demand(self.signed[body.tx_id].leg == "swap", f"no-guess: {body.tx_id} is no swap")
            booked = (body.amount_in, body.amount_out)
            real = (receipt.amount_in, receipt.amount_out)
            demand(receipt.landed and booked == real, f"settle-from-chain: {booked} booked, {real} real")
            buy = order.side is Side.BUY
            self.cash += -receipt.amount_in if buy else receipt.amount_out
            change = receipt.amount_out if buy else -receipt.amount_in
            self.held[order.token] = self.held.get(order.token, 0) + change
        else:
            demand(not receipt.landed, f"no-guess: {body.tx_id} is booked as reverted and landed")
        self.end(body.order, "landed" if receipt.landed else "reverted", receipt.amount_out, receipt.fee)

    def end(self, id: str, how: str, got: int = 0, fee: int = 0) -> None:
        demand(id in self.live, f"exactly-once: {id} ends twice")
        order = self.orders[id]
        self.trades.append((id, order.side.value, order.token, order.amount_in, how, got, fee))
        self._forget(id)

    def _forget(self, order: str) -> None:
        del self.live[order]
        self.set_aside.pop(order, None)
        self.gas_aside.pop(order, None)

    def cannot_land(self, tx_id: str) -> bool:
        sent = self.chain.sent.get(tx_id)
        if sent is None:
            return self.chain.head_ns >= self.signed[tx_id].valid_until_ns
        return sent.ended == "expired" or (not sent.ended and self.chain.head_ns >= sent.valid_until_ns)

    # -- what the actors say --------------------------------------------------------------------------------
    def watched(self) -> dict[type, Callable[[str, Any], None]]:
        """By message: what must be true at the moment at which it is sent."""
        return {
            Durable: self._acknowledged, Committed: self._published, Approved: self._answered,
            Refused: self._answered, AlreadyClosing: self._answered, Execute: self._asked,
            Executing: self._executing,
        }  # fmt: skip

    def _acknowledged(self, _sender: str, said: Durable) -> None:
        lsn, _ = self.appends.get(said.id, (None, ()))
        if lsn != said.lsn:
            raise Violation(f"write-ahead: {said.id} is durable at {said.lsn}, and the log says {lsn}")

    def _published(self, _sender: str, said: Committed) -> None:
        if said.through > self.records:
            raise Violation(f"write-ahead: record {said.through} is told, and not written")

    def accepted(self, who: str, answer: Approved | Refused | AlreadyClosing) -> None:
        before = self.answers.setdefault((who, answer.id), answer)
        same = type(before) is type(answer)
        demand(same, f"one id, one answer: {answer.id} was taken as {before}, and then as {answer}")

    def _answered(self, sender: str, said: Approved | Refused | AlreadyClosing) -> None:
        if not sender.startswith("portfolio"):
            return
        if isinstance(said, Approved):
            known = self.orders.get(said.id)
            demand(known == said.order, f"write-ahead: {said.id} is approved, and its T1 is not written")
        before = self.answers.setdefault((sender, said.id), said)
        same = before == said or (
            isinstance(before, Refused) and isinstance(said, Refused)
        )  # For any reason.
        demand(same, f"one id, one answer: {said.id} was {before}, and is {said}")

    def _asked(self, _sender: str, said: Execute) -> None:
        known = self.orders.get(said.order.id)
        demand(known == said.order, f"write-ahead: {said.order.id} is to be executed, and T1 is not written")

    def _executing(self, _sender: str, said: Executing) -> None:
        demand(said.id in self.orders, f"{said.id} is taken, and nobody has opened it")
        self.repeated += said.id not in self.live

    # -- at any moment, and at the end ----------------------------------------------------------------------
    def reopened(self, lsn: int) -> None:
        demand(lsn == self.records, f"acknowledged is kept: {self.records} written, {lsn} in the log")

    def broadcast(self, tx_id: str) -> None:
        demand(tx_id in self.signed, f"write-ahead: {tx_id} is out and not in the log")

    def same_trades(self, undisturbed: list[tuple]) -> None:
        pairs = itertools.zip_longest(self.trades, undisturbed)
        for number, (ours, theirs) in enumerate(pairs, 1):
            demand(ours == theirs, f"replay: trade {number} is {ours}; if nothing goes wrong, {theirs}")

    def at_the_end(self) -> None:
        demand(not self.live, f"liveness: {sorted(self.live)} never ended")
        landed = self.chain.landed_orders
        demand(len(landed) == len(set(landed)), "exactly-once: an order has landed twice")
        chain = {asset: amount for asset, amount in self.chain.balance.items() if amount}
        ours = {asset: amount for asset, amount in self.owned().items() if amount}
        demand(ours == chain, f"the chain has {chain}, our books {ours}")
