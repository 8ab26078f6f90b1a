"""What a transaction did, out of its receipt: what was paid, what arrived, what it cost.

The amounts are those of the `Transfer` logs from and to the wallet, so a token that keeps a part of a
transfer is counted as it arrived.  A token can log what it likes: the pools' own `Swap` logs bound it.  A
receipt that contradicts the order or itself is a ValueError; one that does not tell an amount is Unanswered.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from actors.messages import Units
from chains.evm import wire
from chains.evm.logs import PoolSwap, Transfer, in_order, swap, transfers
from chains.evm.routes import Version, zero_for_one
from chains.evm.wire import Log
from chains.venue import Receipt, Unanswered


class Sent(Struct, frozen=True):
    """A transaction of ours, as we know it without the node."""

    tx_id: str
    wallet: str


class Trade(Struct, frozen=True):
    """A swap of ours: an exact input along pools, hop by hop."""

    version: Version
    path: tuple[str, ...]
    pools: tuple[str, ...]  # Their addresses.
    amount_in: int
    min_amount_out: int


def _check(found: wire.Receipt, sent: Sent) -> None:
    """It is this transaction's and of this wallet, and all of it is of its block."""
    if found.tx_hash != sent.tx_id:
        raise ValueError(f"the receipt is of {found.tx_hash}: asked was for {sent.tx_id}")
    if found.sender != sent.wallet:
        raise ValueError(f"the receipt's sender is {found.sender}: the transaction is of {sent.wallet}")
    if any(log.block != found.block for log in found.logs):
        raise ValueError(f"the receipt's logs are not all of its block {found.block}")
    if found.logs and not found.succeeded:
        raise ValueError("the receipt's status is 0, but it has logs: what reverts leaves none")


def cost(found: wire.Receipt, sent: Sent, at_ns: int) -> Receipt:
    """Of a transaction that trades nothing: an approval, a cancellation, a wrap."""
    _check(found, sent)
    return _receipt(found, 0, 0, at_ns)


def fill(found: wire.Receipt, sent: Sent, trade: Trade, at_ns: int) -> Receipt | Unanswered:
    """Of a swap; `at_ns` is the time of its block.  A reverted one has cost its fee and moved nothing."""
    _check(found, sent)
    if not found.succeeded:
        return _receipt(found, 0, 0, at_ns)
    logs = in_order(found.logs)
    moved = transfers(logs)
    paid = -_change(moved, trade.path[0], sent.wallet)
    got = _change(moved, trade.path[-1], sent.wallet)
    given = _along(trade, hops(trade.version, trade.pools, sent.wallet, logs), paid)
    if got > given:
        raise ValueError(f"the receipt's logs: {got} arrived, but the last pool gave {given}")
    if got < trade.min_amount_out:
        raise ValueError(
            f"the receipt's logs: {got} arrived, and the order takes {trade.min_amount_out} at least"
        )
    if paid > trade.amount_in:
        raise ValueError(f"the receipt's logs: {paid} was paid, and the order pays {trade.amount_in}")
    if paid < trade.amount_in and trade.version is Version.V2:
        return Unanswered(f"the logs show {paid} paid of {trade.amount_in}: the token hides a part")
    return _receipt(found, paid, got, at_ns)


def _change(moved: Iterable[Transfer], token: str, wallet: str) -> int:
    """What the logs say that the wallet's balance of a token has changed by."""
    mine = [each for each in moved if each.token == token]
    received = sum(each.amount for each in mine if each.recipient == wallet)
    return received - sum(each.amount for each in mine if each.sender == wallet)


def hops(version: Version, pools: Sequence[str], wallet: str, logs: Iterable[Log]) -> tuple[PoolSwap, ...]:
    """Our swap in each of the pools, in order.

    A token may swap for itself in the same transaction and even the same pool (to sell the tax it took): ours
    are those that pay the next pair (V2), the router that called (V3), and at the end the wallet.
    """
    swaps = [each for log in logs if (each := swap(log))]
    payees = [*pools[1:], wallet] if version is Version.V2 else [*[None] * (len(pools) - 1), wallet]
    ours: list[PoolSwap] = []
    for pool, payee in zip(pools, payees, strict=True):
        found = [each for each in swaps if (each.pool, each.recipient) == (pool, payee or each.sender)]
        if len(found) != 1:
            raise ValueError(f"logs: pool {pool} has {len(found)} swaps of this transaction instead of one")
        ours += found
    return tuple(ours)


def _along(trade: Trade, swaps: Sequence[PoolSwap], paid: int) -> int:
    """What the last pool gave.  A V3 pool takes exactly what is sent to it.

    A V2 pair takes what it finds: less, if the token keeps a part, or more, if somebody left some there.
    """
    given = paid
    for at, each in enumerate(swaps):
        took, gave = amounts(each, trade.path[at], trade.path[at + 1])
        if took <= 0 or (trade.version is Version.V3 and took != given):
            raise ValueError(f"the receipt's logs: pool {each.pool} took {took}, and {given} was sent to it")
        given = gave
    return given


def amounts(found: PoolSwap, token_in: str, token_out: str) -> tuple[int, int]:
    """What a pool took and gave in this direction."""
    if zero_for_one(token_in, token_out):
        return found.in0 - found.out0, found.out1 - found.in1
    return found.in1 - found.out1, found.out0 - found.in0


def _receipt(found: wire.Receipt, paid: int, got: int, at_ns: int) -> Receipt:
    """The fee, in wei: gas at its price, and what a rollup of the OP stack takes for L1."""
    fee = Units(found.gas_used * found.gas_price + found.rollup_fee)
    return Receipt(
        found.tx_hash, found.succeeded, Units(paid), Units(got), fee, at_ns, found.block, found.block_hash
    )
