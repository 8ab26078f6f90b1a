"""What the bytes of a transaction do, read from the bytes alone; shares no code with what writes them.

Sources: the Solidity ABI specification; IUniswapV2Router02; SwapRouter02's IV3SwapRouter and
IMulticallExtended, and its Constants (Uniswap swap-router-contracts 1.3); v3-periphery's PeripheryPayments;
EIP-20.
"""

from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.address import to_checksum_address
from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Unsigned

ADDRESS_BYTES, FEE_BYTES = 20, 3
MOST_BYTES = 8 << 10  # A route of dozens of hops; more is no call of ours.
ROUTER_ITSELF = "0x0000000000000000000000000000000000000002"  # SwapRouter02's ADDRESS_THIS.

_APPROVE = ("address", "uint256")
_V2_SWAP = ("uint256", "uint256", "address[]", "address", "uint256")
_V2_PAYABLE = _V2_SWAP[1:]  # What is paid is the transaction's value.
_V3_SINGLE = ("(address,address,uint24,address,uint256,uint256,uint160)",)
_V3_PATH = ("(bytes,address,uint256,uint256)",)
_MULTICALL = ("uint256", "bytes[]")
_UNWRAP = ("uint256", "address")
SELECTORS = {  # The first four bytes of keccak256 of the signature; tests/chains/evm compares the two.
    "095ea7b3": "approve(address,uint256)",
    "38ed1739": "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
    "5c11d795": "swapExactTokensForTokensSupportingFeeOnTransferTokens"
    "(uint256,uint256,address[],address,uint256)",
    "7ff36ab5": "swapExactETHForTokens(uint256,address[],address,uint256)",
    "b6f9de95": "swapExactETHForTokensSupportingFeeOnTransferTokens(uint256,address[],address,uint256)",
    "18cbafe5": "swapExactTokensForETH(uint256,uint256,address[],address,uint256)",
    "791ac947": "swapExactTokensForETHSupportingFeeOnTransferTokens"
    "(uint256,uint256,address[],address,uint256)",
    "5ae401dc": "multicall(uint256,bytes[])",
    "04e45aaf": "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))",
    "b858183f": "exactInput((bytes,address,uint256,uint256))",
    "49404b7c": "unwrapWETH9(uint256,address)",
}


class Nothing(Struct, frozen=True):
    """No call at all."""


class Approve(Struct, frozen=True):
    spender: str
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
    pays_native: bool = False  # The native coin, which the router wraps.
    gets_native: bool = False  # The router unwraps what the last pool gives.


Call = Nothing | Approve | Swap


def decoded(transaction: Unsigned) -> Call:
    """What its calldata and value ask for; ValueError with a sentence if it is no call of ours, exactly."""
    raw, value = _bytes(transaction.data), transaction.value
    if not raw:
        return Nothing()
    name, body = _name(raw), raw[4:]
    match name.partition("(")[0]:
        case "approve":
            return Approve(*_values(_APPROVE, body, name))
        case "multicall":
            deadline, calls = _values(_MULTICALL, body, name)
            return _multicall(deadline, calls, value)
        case "exactInput" | "exactInputSingle" | "unwrapWETH9":
            raise ValueError(
                f"data: {name} has no deadline of its own; multicall(uint256,bytes[]) is allowed"
            )
        case _ if name.startswith("swapExactETH"):
            least, path, recipient, deadline = _values(_V2_PAYABLE, body, name)
            return Swap(value, least, tuple(path), recipient, deadline, pays_native=True)
        case _:
            amount_in, least, path, recipient, deadline = _values(_V2_SWAP, body, name)
            unwraps = name.startswith("swapExactTokensForETH")
            return Swap(amount_in, least, tuple(path), recipient, deadline, gets_native=unwraps)


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


def _multicall(deadline: int, calls: tuple[bytes, ...], value: int) -> Swap:
    """A swap; or one that pays the router, which pays out all that it then has of the wrapped coin.

    Of the wrapped coin the router takes what it was sent as value, and no token.
    """
    if len(calls) not in {1, 2}:
        raise ValueError(f"data: multicall holds {len(calls)} calls; a swap, and an unwrapWETH9, are allowed")
    swap = replace(_v3_swap(deadline, calls[0]), pays_native=value > 0)
    return _unwrapped(swap, calls[1]) if len(calls) == 2 else swap


def _v3_swap(deadline: int, call: bytes) -> Swap:
    name, body = _name(call), call[4:]
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


def _unwrapped(swap: Swap, call: bytes) -> Swap:
    """The recipient is that of the unwrapping, whose minimum counts, and the swap's must be the same."""
    name = SELECTORS.get(call[:4].hex(), f"0x{call[:4].hex()}")
    if not name.startswith("unwrapWETH9("):
        raise ValueError(f"data: multicall holds 2 calls, the second {name}; unwrapWETH9 alone is allowed")
    least, recipient = _values(_UNWRAP, call[4:], name)
    if swap.recipient != ROUTER_ITSELF:
        raise ValueError(
            f"data: the swap before an unwrapWETH9 pays {swap.recipient}; the router itself, "
            f"{ROUTER_ITSELF}, is allowed"
        )
    if least != swap.min_amount_out:
        raise ValueError(
            f"data: unwrapWETH9 is for {least} at least; {swap.min_amount_out}, as the swap is, is allowed"
        )
    return replace(swap, recipient=recipient, gets_native=True)


def _unpacked(packed: bytes) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """V3's path: token, fee, token, fee, ..., token, without padding."""
    step = ADDRESS_BYTES + FEE_BYTES
    if len(packed) < ADDRESS_BYTES + step or (len(packed) - ADDRESS_BYTES) % step:
        raise ValueError(f"data: a path of {len(packed)} bytes; 20 bytes and 23 for each hop are allowed")
    starts = range(0, len(packed), step)
    tokens = tuple(to_checksum_address(packed[at : at + ADDRESS_BYTES]) for at in starts)
    fees = tuple(int.from_bytes(packed[at + ADDRESS_BYTES : at + step]) for at in starts[:-1])
    return tokens, fees
