"""One EVM node: typed questions, and answers that have been checked, or `Unanswered` with the reason.

An answer about something else than was asked (another hash, block or address) is no answer.  Amounts are
whole: wei, or a token's base units.  `at` is a block's number, its hash, "latest" or "pending".
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from eth_utils.crypto import keccak
from msgspec import Struct

from chains.evm import sequence, wire
from chains.evm.connection import TRIES, Connection, Paces, Result, RpcError
from chains.evm.sequence import Overrides
from chains.evm.wire import Block, Call, Log, Malformed, Receipt, Transaction
from chains.venue import Taken, Unanswered

T = TypeVar("T")
At = int | str
SIMULATE = "eth_simulateV1"
NO_METHOD = {-32601, -32004}  # JSON-RPC's own "method not found", and EIP-1474's "method not supported".
REVERTED = 3  # The error code of geth, reth, anvil and erigon for "execution reverted".


class Revert(Struct, frozen=True):
    """The chain's own no to a call: with the reason that the contract gives, and its bytes."""

    reason: str
    data: bytes = b""


class Fees(Struct, frozen=True):
    """Wei for a unit of gas: the head's base fee, and the tip that the node suggests."""

    head: Block
    base_fee: int
    tip: int


class Ask(Struct, frozen=True, kw_only=True):
    """A call: no transaction, nothing changes."""

    to: str
    data: bytes = b""
    sender: str = ""
    value: int = 0
    gas: int = 0  # 0: as much as the node allows.

    def fields(self) -> dict[str, str]:
        given = {"to": self.to, "data": "0x" + self.data.hex(), "from": self.sender}
        given["value"] = hex(self.value) if self.value else ""
        given["gas"] = hex(self.gas) if self.gas else ""
        return {name: text for name, text in given.items() if text}


class Node:
    def __init__(self, url: str, chain_id: int, paces: Paces, tries: int = TRIES) -> None:
        self._connection = Connection(url, chain_id, paces)
        self._tries = tries
        self._simulates = True  # Until it says that it does not know how.

    @property
    def name(self) -> str:
        return self._connection.host

    @property
    def failures(self) -> int:
        """Questions in a row without an answer."""
        return self._connection.failures

    async def check(self) -> Unanswered | None:
        """None if it is there and of the right chain; `WrongChain` names both."""
        return await self._connection.check()

    async def close(self) -> None:
        await self._connection.close()

    # -- blocks --
    async def head(self) -> Block | Unanswered:
        return self._there("the head", await self._block("latest"))

    async def block(self, at: At) -> Block | Unanswered | None:
        """None if the node has none (yet) of this number or hash."""
        found = await self._block(at)
        if isinstance(found, Block) and at not in {found.number, found.hash, "latest", "pending"}:
            return self._other("block", str(at), f"{found.number} ({found.hash})")
        return found

    async def logs(
        self, first: int, last: int, addresses: Sequence[str], topics: Sequence[Any] = ()
    ) -> tuple[Log, ...] | Unanswered:
        """Of all blocks from `first` up to and with `last`; those that it has, so ask it for `last` too."""
        found = await self._logs({"fromBlock": hex(first), "toBlock": hex(last)}, addresses, topics)
        if isinstance(found, Unanswered) or all(first <= log.block <= last for log in found):
            return found
        return self._other("logs", f"blocks {first} to {last}", "logs of other blocks")

    async def logs_of(
        self, block_hash: str, addresses: Sequence[str], topics: Sequence[Any] = ()
    ) -> tuple[Log, ...] | Unanswered:
        """Of one block, whatever becomes of it; a node that does not know it does not answer."""
        found = await self._logs({"blockHash": block_hash}, addresses, topics)
        if isinstance(found, Unanswered) or all(log.block_hash == block_hash for log in found):
            return found
        return self._other("logs", block_hash, "logs of other blocks")

    # -- transactions --
    async def receipt(self, tx_hash: str) -> Receipt | Unanswered | None:
        """None if it knows of no block with this transaction."""
        found = await self._read("eth_getTransactionReceipt", [tx_hash], _unless_null(wire.receipt))
        if isinstance(found, Receipt) and found.tx_hash != tx_hash:
            return self._other("the receipt", tx_hash, found.tx_hash)
        return found

    async def transaction(self, tx_hash: str) -> Transaction | Unanswered | None:
        """None if it has not heard of it: of a private transaction that says nothing."""
        found = await self._read("eth_getTransactionByHash", [tx_hash], _unless_null(wire.transaction))
        if isinstance(found, Transaction) and found.tx_hash != tx_hash:
            return self._other("the transaction", tx_hash, found.tx_hash)
        return found

    async def send_raw(self, raw: str, tx_hash: str) -> Taken | Unanswered:
        """Hand over signed bytes (0x and hex), once.

        What the node says against it decides nothing: whether it has the transaction is looked up.
        """
        ours = "0x" + keccak(hexstr=raw).hex()
        assert ours == tx_hash, f"these bytes have the hash {ours}, not {tx_hash}"
        answer = await self._connection.ask("eth_sendRawTransaction", [raw], tries=1)
        if isinstance(answer, Result):
            return self._accepted(answer.value, tx_hash)
        reason = answer if isinstance(answer, Unanswered) else self._said("eth_sendRawTransaction", answer)
        return Taken(tx_hash) if isinstance(await self.transaction(tx_hash), Transaction) else reason

    def _accepted(self, value: Any, tx_hash: str) -> Taken | Unanswered:
        try:
            found = wire.hash32(value, "the answer")
        except Malformed as error:
            return self._connection.no("eth_sendRawTransaction", str(error))
        return Taken(tx_hash) if found == tx_hash else self._other("sending", tx_hash, found)

    # -- accounts and contracts --
    async def count(self, address: str, at: At) -> int | Unanswered:
        """Of the transactions that it has sent: the next nonce."""
        return await self._quantity("eth_getTransactionCount", [address, _at(at)], "the count")

    async def balance(self, address: str, at: At = "latest") -> int | Unanswered:
        """Of the native currency, wei."""
        return await self._quantity("eth_getBalance", [address, _at(at)], "the balance")

    async def code(self, address: str, at: At = "latest") -> bytes | Unanswered:
        """Empty if there is no contract."""
        return await self._read("eth_getCode", [address, _at(at)], lambda value: wire.data(value, "the code"))

    async def call(
        self, ask: Ask, at: At = "latest", overrides: Overrides | None = None
    ) -> bytes | Revert | Unanswered:
        """`overrides`: address to balance, nonce, code, state or stateDiff, as in geth's eth_call."""
        params = [ask.fields(), _at(at), *([overrides] if overrides else [])]
        return await self._read_or_revert("eth_call", params, lambda value: wire.data(value, "the output"))

    async def estimate_gas(self, ask: Ask) -> int | Revert | Unanswered:
        return await self._read_or_revert(
            "eth_estimateGas", [ask.fields()], lambda value: wire.quantity(value, "the gas")
        )

    async def simulate(
        self, asks: Sequence[Ask], at: At = "latest", overrides: Overrides | None = None
    ) -> tuple[Call, ...] | Unanswered:
        """The calls of one sender, one after the other in one block on top of `at`; one result for each."""
        found = await self._simulated(asks, at, overrides) if self._simulates else None
        if found is None:
            self._simulates = False
            found = await self._in_sequence(asks, at, overrides or {})
        if isinstance(found, Unanswered) or len(found) == len(asks):
            return found
        return self._other("the simulation", f"{len(asks)} calls", "another number")

    async def _simulated(
        self, asks: Sequence[Ask], at: At, overrides: Overrides | None
    ) -> tuple[Call, ...] | Unanswered | None:
        """None: the node has no such method."""
        calls: dict[str, Any] = {"calls": [ask.fields() for ask in asks]}
        block = {**calls, "stateOverrides": overrides} if overrides else calls
        params = [{"blockStateCalls": [block]}, _at(at)]
        answer = await self._connection.ask(SIMULATE, params, self._tries)
        if isinstance(answer, RpcError):
            return None if _lacks(answer) else self._said(SIMULATE, answer)
        return self._checked(SIMULATE, answer, wire.simulated)

    async def _in_sequence(
        self, asks: Sequence[Ask], at: At, overrides: Overrides
    ) -> tuple[Call, ...] | Unanswered:
        sender = asks[0].sender or sequence.NOBODY
        assert all(ask.sender in {sender, ""} for ask in asks), "only the calls of one sender have a sequence"
        data = sequence.question([(ask.to, ask.value, ask.data) for ask in asks])
        whole = Ask(to=sender, data=data, sender=sender)
        found = await self.call(whole, at, {**overrides, **sequence.overrides(sender)})
        if isinstance(found, Revert):
            return self._connection.no("eth_call", f"the calls in sequence revert ({found.reason})")
        return (
            found
            if isinstance(found, Unanswered)
            else self._checked("eth_call", Result(found), sequence.answers)
        )

    async def fees(self) -> Fees | Unanswered:
        head, tip = await asyncio.gather(
            self.head(), self._quantity("eth_maxPriorityFeePerGas", [], "the tip")
        )
        if isinstance(head, Unanswered):
            return head
        if head.base_fee is None:
            return self._connection.no("eth_getBlockByNumber", "its blocks have no base fee (EIP-1559)")
        return tip if isinstance(tip, Unanswered) else Fees(head, head.base_fee, tip)

    # -- how questions are asked --
    async def _block(self, at: At) -> Block | Unanswered | None:
        by_hash = isinstance(at, str) and len(at) == 66
        method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
        number = hex(at) if isinstance(at, int) else at
        return await self._read(method, [number, False], _unless_null(wire.block))

    async def _logs(
        self, where: dict[str, str], addresses: Sequence[str], topics: Sequence[Any]
    ) -> tuple[Log, ...] | Unanswered:
        filter = {**where, "address": list(addresses), "topics": list(topics)}
        found = await self._read("eth_getLogs", [filter], wire.logs)
        if isinstance(found, Unanswered) or {log.address for log in found} <= set(addresses):
            return found
        return self._other("logs", ", ".join(addresses), "logs of other contracts")

    async def _quantity(self, method: str, params: list[Any], what: str) -> int | Unanswered:
        return await self._read(method, params, lambda value: wire.quantity(value, what))

    async def _read(self, method: str, params: list[Any], read: Callable[[Any], T]) -> T | Unanswered:
        answer = await self._connection.ask(method, params, self._tries)
        if isinstance(answer, RpcError):
            return self._said(method, answer)
        return self._checked(method, answer, read)

    async def _read_or_revert(
        self, method: str, params: list[Any], read: Callable[[Any], T]
    ) -> T | Revert | Unanswered:
        answer = await self._connection.ask(method, params, self._tries)
        if isinstance(answer, RpcError):
            return _revert(answer) or self._said(method, answer)
        return self._checked(method, answer, read)

    def _checked(self, method: str, answer: Result | Unanswered, read: Callable[[Any], T]) -> T | Unanswered:
        if isinstance(answer, Unanswered):
            return answer
        try:
            return read(answer.value)
        except Malformed as error:
            self._connection.failures += 1
            return self._connection.no(method, str(error))

    def _said(self, method: str, error: RpcError) -> Unanswered:
        return self._connection.no(method, f"it says {error.code}: {error.message}")

    def _other(self, what: str, asked: str, found: str) -> Unanswered:
        self._connection.failures += 1
        return self._connection.no(what, f"asked for {asked}, it answers with {found}")

    def _there(self, what: str, found: Block | Unanswered | None) -> Block | Unanswered:
        return self._connection.no(what, "it has none") if found is None else found


def _unless_null(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else read(value)


def _at(at: At) -> Any:
    if isinstance(at, int):
        return hex(at)
    return {"blockHash": at, "requireCanonical": True} if len(at) == 66 else at


def _lacks(error: RpcError) -> bool:
    """Whether the node does not know the method; some have other codes for that, and say it in words."""
    said = error.message.lower()
    absent = ("not found", "not exist", "not available", "not supported", "unsupported", "unknown")
    return error.code in NO_METHOD or ("method" in said and any(word in said for word in absent))


def _revert(error: RpcError) -> Revert | None:
    """What a call ends with if the contract refuses; older nodes have no code of its own for it."""
    if error.code != REVERTED and not error.message.startswith("execution reverted"):
        return None
    try:
        return Revert(error.message, wire.data(error.data, "the reason") if error.data else b"")
    except Malformed:
        return Revert(error.message)
