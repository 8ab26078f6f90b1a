"""What the bytes of a transaction do, read from the bytes alone; shares no code with what writes them.

Sources: the Solidity ABI specification; IUniswapV2Router02; SwapRouter02's IV3SwapRouter and
IMulticallExtended (Uniswap swap-router-contracts 1.3); EIP-20; WETH9.
"""

from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.address import to_checksum_address
from msgspec import Struct

ADDRESS_BYTES, FEE_BYTES = 20, 3
MOST_BYTES = 8 << 10  # A route of dozens of hops; more is no call of ours.

_APPROVE = ("address", "uint256")
_V2_SWAP = ("uint256", "uint256", "address[]", "address", "uint256")
_V3_SINGLE = ("(address,address,uint24,address,uint256,uint256,uint160)",)
_V3_PATH = ("(bytes,address,uint256,uint256)",)
_MULTICALL = ("uint256", "bytes[]")
SELECTORS = {  # The first four bytes of keccak256 of the signature; tests/chains/evm compares the two.
    "095ea7b3": "approve(address,uint256)",
    "38ed1739": "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
    "5c11d795": "swapExactTokensForTokensSupportingFeeOnTransferTokens"
    "(uint256,uint256,address[],address,uint256)",
    "5ae401dc": "multicall(uint256,bytes[])",
    "04e45aaf": "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))",
    "b858183f": "exactInput((bytes,address,uint256,uint256))",
    "d0e30db0": "deposit()",
    "2e1a7d4d": "withdraw(uint256)",
}


class Nothing(Struct, frozen=True):
    """No call at all."""


class Approve(Struct, frozen=True):
    spender: str
    amount: int


class Deposit(Struct, frozen=True):
    """Native coin into WETH; how much is the transaction's value."""


class Withdraw(Struct, frozen=True):
    amount: int


class Swap(Struct, frozen=True):
    """An exact-input swap; `fees` (millionths, one a hop) make it one of V3."""

    amount_in: int
    min_amount_out: int
    path: tuple[str, ...]
    recipient: str
    deadline: int  # Seconds since 1970; the chain's own clock.
    fees: tuple[int, ...] = ()
    price_limit: int = 0  # V3: at which price to stop half-way.


Call = Nothing | Approve | Deposit | Withdraw | Swap


def decoded(data: str) -> Call:
    """What calldata (hex with 0x) asks for; ValueError with a sentence if it is no call of ours, exactly."""
    raw = _bytes(data)
    if not raw:
        return Nothing()
    name, body = _name(raw), raw[4:]
    match name.partition("(")[0]:
        case "approve":
            return Approve(*_values(_APPROVE, body, name))
        case "deposit":
            _values((), body, name)
            return Deposit()
        case "withdraw":
            return Withdraw(*_values(("uint256",), body, name))
        case "multicall":
            return _multicall(*_values(_MULTICALL, body, name))
        case "exactInput" | "exactInputSingle":
            raise ValueError(
                f"data: {name} has no deadline of its own; multicall(uint256,bytes[]) is allowed"
            )
        case _:
            amount_in, least, path, recipient, deadline = _values(_V2_SWAP, body, name)
            return Swap(amount_in, least, tuple(path), recipient, deadline)


def _bytes(data: str) -> bytes:
    if not data.startswith("0x") or len(data) > 2 + 2 * MOST_BYTES:
        raise ValueError(
            f"data: {data[:20]!r} of {len(data)} characters is not hex with 0x of a call of ours"
        )
    try:
        raw = bytes.fromhex(data[2:])
    except ValueError:
        raise ValueError(f"data: {data[:20]!r} is not hex; hex with 0x is allowed") from None
    if raw.hex() != data[2:]:
        raise ValueError(f"data: {data[:20]!r} is not written as lower-case hex; only that is allowed")
    return raw


def _name(raw: bytes) -> str:
    name = SELECTORS.get(raw[:4].hex())
    if name is None:
        raise ValueError(
            f"data: the function 0x{raw[:4].hex()} is not one of {', '.join(SELECTORS.values())}"
        )
    return name


def _values(types: tuple[str, ...], body: bytes, name: str) -> tuple[Any, ...]:
    """Decoded, and written again: bytes that mean the same and look different are not accepted."""
    try:
        values = tuple(decode(types, body))
        again = encode(types, values)
    except (DecodingError, EncodingError, OverflowError, ValueError) as error:
        raise ValueError(
            f"data: the arguments of {name} do not decode ({error}); the plain ABI is"
        ) from error
    if again != body:
        raise ValueError(
            f"data: {name} has {len(body)} bytes of arguments that are not its plain ABI encoding"
        )
    return _checksummed(types, values)


def _checksummed(types: tuple[str, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """eth_abi gives addresses in lower case."""
    return tuple(_with_case(kind, value) for kind, value in zip(types, values, strict=True))


def _with_case(kind: str, value: Any) -> Any:
    if kind == "address":
        return to_checksum_address(value)
    if kind == "address[]":
        return tuple(to_checksum_address(each) for each in value)
    if kind.startswith("("):
        return _checksummed(tuple(kind[1:-1].split(",")), value)
    return value


def _multicall(deadline: int, calls: tuple[bytes, ...]) -> Swap:
    if len(calls) != 1:
        raise ValueError(f"data: multicall holds {len(calls)} calls; exactly one is allowed")
    name, body = _name(calls[0]), calls[0][4:]
    match name.partition("(")[0]:
        case "exactInputSingle":
            (single,) = _values(_V3_SINGLE, body, name)
            token_in, token_out, fee, recipient, amount_in, least, limit = single
            return Swap(amount_in, least, (token_in, token_out), recipient, deadline, (fee,), limit)
        case "exactInput":
            (path_call,) = _values(_V3_PATH, body, name)
            packed, recipient, amount_in, least = path_call
            tokens, fees = _unpacked(packed)
            return Swap(amount_in, least, tokens, recipient, deadline, fees)
        case _:
            raise ValueError(f"data: multicall holds {name}; exactInputSingle or exactInput is allowed")


def _unpacked(packed: bytes) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """V3's path: token, fee, token, fee, ..., token, without padding."""
    step = ADDRESS_BYTES + FEE_BYTES
    if len(packed) < ADDRESS_BYTES + step or (len(packed) - ADDRESS_BYTES) % step:
        raise ValueError(f"data: a path of {len(packed)} bytes; 20 bytes and 23 for each hop are allowed")
    starts = range(0, len(packed), step)
    tokens = tuple(to_checksum_address(packed[at : at + ADDRESS_BYTES]) for at in starts)
    fees = tuple(int.from_bytes(packed[at + ADDRESS_BYTES : at + step]) for at in starts[:-1])
    return tokens, fees
