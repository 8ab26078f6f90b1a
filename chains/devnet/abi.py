"""Calls of contracts as bytes: from a signature as Solidity writes it, without the contract's ABI file."""

from functools import lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.grammar import TupleType, parse
from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address


def call_data(signature: str, *arguments: object) -> str:
    """`call_data("transfer(address,uint256)", to, 1)` as 0x-prefixed hex."""
    selector, types = _known(signature)
    return "0x" + (selector + encode(types, arguments)).hex()


def init_code(bytecode: str, types: str, *arguments: object) -> str:
    """What deploys a contract whose constructor takes `types`, such as "(string,uint8)"."""
    return bytecode + encode(_types(types), arguments).hex()


def decoded(types: str, answer: str) -> tuple[Any, ...]:
    """What a call has answered, such as "(uint112,uint112,uint32)"; addresses come checksummed."""
    names = _types(types)
    values = decode(names, bytes.fromhex(answer.removeprefix("0x")))
    pairs = zip(names, values, strict=True)
    return tuple(to_checksum_address(value) if name == "address" else value for name, value in pairs)


@lru_cache
def _known(signature: str) -> tuple[bytes, tuple[str, ...]]:
    return function_signature_to_4byte_selector(signature), _types(signature[signature.index("(") :])


@lru_cache
def _types(types: str) -> tuple[str, ...]:
    if types == "()":
        return ()
    parsed = parse(types)
    assert isinstance(parsed, TupleType), f"{types} is no list of types in parentheses"
    return tuple(component.to_type_str() for component in parsed.components)
