"""What a transaction did, out of its receipt: what was paid, what arrived, what it cost.

The amounts are those of the `Transfer` logs from and to the wallet, so a token that keeps a part of a
transfer is counted as it arrived.  A token can log what it likes: the pools' own `Swap` logs bound it.  The
native coin logs nothing: what was paid of it is the transaction's value, which the router keeps whole; what
arrived is what the router has unwrapped last, for after that no token's code runs any more.  A receipt that
contradicts the order or itself is a ValueError; one that does not tell an amount is Unanswered.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from actors.messages import Units
from chains.evm import wire
from chains.evm.logs import PoolSwap, Transfer, in_order, swap, transfers, unwrapped
from chains.evm.routes import Version, zero_for_one
from chains.evm.wire import Log
from chains.venue import Receipt, Unanswered


class Sent(Struct, frozen=True):
    """A transaction of ours, as we know it without the node."""

    tx_id: str
    wallet: str
    l1_fee: bool = False  # The chain charges for its data on L1, beside the gas.


class Trade(Struct, frozen=True):
    """A swap of ours: an exact input along pools, hop by hop."""

    version: Version
    path: tuple[str, ...]
    pools: tuple[str, ...]  # Their addresses.
    amount_in: int
    min_amount_out: int
    router: str
    pays_native: bool = False  # The end of the path is the native coin's wrapped form.
    gets_native: bool = False


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
    if sent.l1_fee and found.rollup_fee is None:
        raise ValueError("the receipt has no l1Fee, and its chain charges one: ask a node of the OP Stack")


def cost(found: wire.Receipt, sent: Sent, at_ns: int) -> Receipt:
    """Of a transaction that trades nothing: an approval, a cancellation."""
    _check(found, sent)
    return _receipt(found, 0, 0, at_ns)


def fill(found: wire.Receipt, sent: Sent, trade: Trade, at_ns: int) -> Receipt | Unanswered:
    """Of a swap; `at_ns` is the time of its block.  A reverted one has cost its fee and moved nothing."""
    _check(found, sent)
    if not found.succeeded:
        return _receipt(found, 0, 0, at_ns)
    logs = in_order(found.logs)
    moved = transfers(logs)
    payee = trade.router if trade.gets_native else sent.wallet
    paid = trade.amount_in if trade.pays_native else -_change(moved, trade.path[0], sent.wallet)
    given = _along(trade, hops(trade.version, trade.pools, payee, logs), paid)
    if trade.gets_native:  # With what others have left in the router.
        got = paid_out(logs, trade.path[-1], trade.router)
    elif (got := _change(moved, trade.path[-1], sent.wallet)) > given:
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


def paid_out(logs: Iterable[Log], wrapped: str, router: str) -> int:
    """What a router has unwrapped, and paid out, at the end of a transaction; ValueError if nothing."""
    every = [amount for log in logs if (amount := unwrapped(log, wrapped, router)) is not None]
    if not every:
        raise ValueError(f"the receipt's logs: {router} has unwrapped nothing of {wrapped}")
    return every[-1]


def _change(moved: Iterable[Transfer], token: str, wallet: str) -> int:
    """What the logs say that the wallet's balance of a token has changed by."""
    mine = [each for each in moved if each.token == token]
    received = sum(each.amount for each in mine if each.recipient == wallet)
    return received - sum(each.amount for each in mine if each.sender == wallet)


def hops(version: Version, pools: Sequence[str], payee: str, logs: Iterable[Log]) -> tuple[PoolSwap, ...]:
    """Our swap in each of the pools, in order; the last of them pays the payee.

    A token may swap for itself in the same transaction and even the same pool (to sell the tax it took): ours
    are those that pay the next pair (V2), the router that called (V3), and at the end the wallet, or the
    router that unwraps for it.
    """
    swaps = [each for log in logs if (each := swap(log))]
    payees = [*pools[1:], payee] if version is Version.V2 else [*[None] * (len(pools) - 1), payee]
    ours: list[PoolSwap] = []
    for pool, to in zip(pools, payees, strict=True):
        found = [each for each in swaps if (each.pool, each.recipient) == (pool, to or each.sender)]
        if len(found) != 1:
            raise ValueError(f"logs: pool {pool} has {len(found)} swaps of this transaction instead of one")
        ours += found
    return tuple(ours)


def _along(trade: Trade, swaps: Sequence[PoolSwap], paid: int) -> int:
    """What the last pool gave.  A V3 pool takes exactly what is sent to it.

    A V2 pair takes what it finds: less, if the token keeps a part, or more, if somebody left some there.  Of
    the native coin a V3 pool that ran dry leaves a part in the router, and it is paid all the same.
    """
    given = paid
    for at, each in enumerate(swaps):
        took, gave = amounts(each, trade.path[at], trade.path[at + 1])
        short = given - took if trade.version is Version.V3 else 0
        if took <= 0 or short < 0 or (short > 0 and not (trade.pays_native and at == 0)):
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
    fee = Units(found.gas_used * found.gas_price + (found.rollup_fee or 0))
    return Receipt(
        found.tx_hash, found.succeeded, Units(paid), Units(got), fee, at_ns, found.block, found.block_hash
    )
