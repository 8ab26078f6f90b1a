"""What nodes answer, read strictly.  Pure.

A node's JSON is somebody else's word: every value is checked, and whatever has not the form that the
protocol promises raises `Malformed`, whose sentence names the field.  Null is a value of its own: of a
receipt it means "not known here", of a block number it is malformed.  Numbers are whole, wei or units;
times nanoseconds.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from chains.evm.values import checksummed

SECOND_NS = 10**9
LARGEST = 2**256
HEX = frozenset("0123456789abcdefABCDEF")


class Malformed(ValueError):
    """An answer that can not be one."""


class Block(Struct, frozen=True):
    number: int
    hash: str
    parent_hash: str
    at_ns: int
    base_fee: int | None  # Wei; None before EIP-1559.


class Log(Struct, frozen=True):
    address: str
    topics: tuple[str, ...]
    data: bytes
    block: int
    block_hash: str
    tx_hash: str
    index: int  # In its block.
    at_ns: int | None = None  # Of its block; many nodes do not say it.


class Receipt(Struct, frozen=True):
    """Of a transaction that is in a block."""

    tx_hash: str
    block: int
    block_hash: str
    index: int
    succeeded: bool
    sender: str
    gas_used: int
    gas_price: int  # That was paid, wei.
    rollup_fee: int | None  # Wei on top, as the OP Stack charges them; None: it says nothing of any.
    logs: tuple[Log, ...]


class Transaction(Struct, frozen=True):
    tx_hash: str
    sender: str
    to: str  # "" for a creation.
    nonce: int
    value: int
    data: bytes
    block: int | None  # None: it waits in the node's pool.


class Call(Struct, frozen=True):
    """One call of a simulation."""

    succeeded: bool
    output: bytes
    error: str = ""


def table(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{what} is {_shown(value)}, and no object")
    return value


def rows(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(f"{what} is {_shown(value)}, and no list")
    return value


def quantity(value: Any, what: str) -> int:
    """0x1f; at most 256 bits."""
    if not _is_hex(value) or len(value) < 3:
        raise Malformed(f"{what} is {_shown(value)}, and no number")
    number = int(value, 16) if len(value) <= 66 else LARGEST
    if number >= LARGEST:
        raise Malformed(f"{what} has more than 256 bits")
    return number


def data(value: Any, what: str) -> bytes:
    if not _is_hex(value) or len(value) % 2:
        raise Malformed(f"{what} is {_shown(value)}, and no bytes")
    return bytes.fromhex(value[2:])


def hash32(value: Any, what: str) -> str:
    """0x and 64 digits, in lower case."""
    if not _is_hex(value) or len(value) != 66:
        raise Malformed(f"{what} is {_shown(value)}, and no hash")
    return str(value).lower()


def address(value: Any, what: str) -> str:
    if not _is_hex(value) or len(value) != 42:
        raise Malformed(f"{what} is {_shown(value)}, and no address")
    return checksummed(value)


def block(value: Any) -> Block:
    fields = table(value, "the block")
    fee = fields.get("baseFeePerGas")
    return Block(
        quantity(fields.get("number"), "the block's number"),
        hash32(fields.get("hash"), "the block's hash"),
        hash32(fields.get("parentHash"), "the block's parentHash"),
        quantity(fields.get("timestamp"), "the block's timestamp") * SECOND_NS,
        None if fee is None else quantity(fee, "the block's baseFeePerGas"),
    )


def log(value: Any) -> Log:
    fields = table(value, "the log")
    if fields.get("removed"):
        raise Malformed("the log is of a block that is no longer in the chain")
    at = fields.get("blockTimestamp")
    return Log(
        address(fields.get("address"), "the log's address"),
        tuple(hash32(topic, "the log's topic") for topic in rows(fields.get("topics"), "the log's topics")),
        data(fields.get("data"), "the log's data"),
        quantity(fields.get("blockNumber"), "the log's blockNumber"),
        hash32(fields.get("blockHash"), "the log's blockHash"),
        hash32(fields.get("transactionHash"), "the log's transactionHash"),
        quantity(fields.get("logIndex"), "the log's logIndex"),
        None if at is None else quantity(at, "the log's blockTimestamp") * SECOND_NS,
    )


def logs(value: Any) -> tuple[Log, ...]:
    return tuple(log(each) for each in rows(value, "the list of logs"))


def receipt(value: Any) -> Receipt:
    """ValueError too if its logs are not of its own block and transaction."""
    fields = table(value, "the receipt")
    status = quantity(fields.get("status"), "the receipt's status")
    if status not in {0, 1}:
        raise Malformed(f"the receipt's status is {status}")
    gas_used = quantity(fields.get("gasUsed"), "the receipt's gasUsed")
    found = Receipt(
        hash32(fields.get("transactionHash"), "the receipt's transactionHash"),
        quantity(fields.get("blockNumber"), "the receipt's blockNumber"),
        hash32(fields.get("blockHash"), "the receipt's blockHash"),
        quantity(fields.get("transactionIndex"), "the receipt's transactionIndex"),
        status == 1,
        address(fields.get("from"), "the receipt's from"),
        gas_used,
        quantity(fields.get("effectiveGasPrice"), "the receipt's effectiveGasPrice"),
        _rollup_fee(fields, gas_used),
        logs(fields.get("logs")),
    )
    if any((each.tx_hash, each.block_hash) != (found.tx_hash, found.block_hash) for each in found.logs):
        raise Malformed("the receipt has a log of another transaction or block")
    return found


def _rollup_fee(fields: Mapping[str, Any], gas_used: int) -> int | None:
    """For the data on L1, and since Isthmus for the operator, whose numbers are only there if one is not 0.

    Since Jovian, whose receipts have a `daFootprintGasScalar`, the operator's scalar counts in other units.
    Arbitrum needs none of this: its gas has what L1 costs in it.
    """
    l1_fee = fields.get("l1Fee")
    if l1_fee is None:
        return None
    scalar, constant = (_or_zero(fields, name) for name in ("operatorFeeScalar", "operatorFeeConstant"))
    jovian = fields.get("daFootprintGasScalar") is not None
    share = gas_used * scalar * 100 if jovian else gas_used * scalar // 10**6
    return quantity(l1_fee, "the receipt's l1Fee") + share + constant


def _or_zero(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return 0 if value is None else quantity(value, f"the receipt's {name}")


def transaction(value: Any) -> Transaction:
    fields = table(value, "the transaction")
    to, mined = fields.get("to"), fields.get("blockNumber")
    return Transaction(
        hash32(fields.get("hash"), "the transaction's hash"),
        address(fields.get("from"), "the transaction's from"),
        "" if to is None else address(to, "the transaction's to"),
        quantity(fields.get("nonce"), "the transaction's nonce"),
        quantity(fields.get("value"), "the transaction's value"),
        data(fields.get("input"), "the transaction's input"),
        None if mined is None else quantity(mined, "the transaction's blockNumber"),
    )


def simulated(value: Any) -> tuple[Call, ...]:
    """The calls of the one block that was simulated."""
    blocks = [table(each, "the simulated block") for each in rows(value, "the simulation")]
    if len(blocks) != 1:
        raise Malformed(f"the simulation has {len(blocks)} blocks, not 1")
    return tuple(_call(call) for call in rows(blocks[0].get("calls"), "the calls"))


def _call(value: Any) -> Call:
    fields = table(value, "the call")
    status = quantity(fields.get("status"), "the call's status")
    error = fields.get("error")
    message = table(error, "the call's error").get("message") if error is not None else ""
    return Call(
        status == 1,
        data(fields.get("returnData"), "the call's returnData"),
        words(message),
    )


def words(value: Any) -> str:
    """A node's own words, on one line and not too many."""
    return " ".join(str(value).split())[:200]


def _is_hex(value: Any) -> bool:
    return isinstance(value, str) and value[:2] == "0x" and HEX.issuperset(value[2:])


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case str():
            return f'"{words(value)[:40]}"'
        case list() | dict():
            return "a list" if isinstance(value, list) else "an object"
        case _:
            return words(value)[:40]
