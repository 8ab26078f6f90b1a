"""Calls one after the other in one block, for nodes without `eth_simulateV1`: as a single `eth_call`.

Under a state override the sender's own address has the code of Sequence.sol, which makes the calls: so their
contracts see the sender, and each sees what those before it have done.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from msgspec import json

from chains.evm.values import WORD
from chains.evm.wire import Call, Malformed, words

_RUN = bytes.fromhex("b06f1eb4")
_CODE = json.decode(Path(__file__).with_name("contracts").joinpath("Sequence.json").read_bytes())
CODE = str(_CODE["deployedBytecode"])
NOBODY = "0x0000000000000000000000000000000000005EC0"  # Who calls where it does not matter.
_ERROR = bytes.fromhex("08c379a0")  # Error(string): a contract's reason.

Overrides = dict[str, Any]  # By address, as nodes take them.


def question(calls: Sequence[tuple[str, int, bytes]]) -> bytes:
    """`calls`: receiver, wei and data of each."""
    return _RUN + encode(["(address,uint256,bytes)[]"], [calls])


def overrides(sender: str) -> Overrides:
    return {sender: {"code": CODE}}


def answers(output: bytes) -> tuple[Call, ...]:
    """Malformed if that is no answer of it."""
    try:
        (results,) = decode(["(bool,bytes)[]"], output)
    except (DecodingError, ValueError, OverflowError) as error:
        raise Malformed(
            f"the calls in sequence are answered with 0x{output[:WORD].hex()}: {error}"
        ) from error
    return tuple(Call(succeeded, told, "" if succeeded else _reason(told)) for succeeded, told in results)


def _reason(output: bytes) -> str:
    """Error(string) is a selector, an offset, a length and the text; anything else is shown as it is."""
    if output[:4] == _ERROR:
        size = int.from_bytes(output[36:68])
        return words(f"execution reverted: {output[68 : 68 + size].decode(errors='replace')}")
    return f"execution reverted: 0x{output[:WORD].hex()}" if output else "execution reverted"
