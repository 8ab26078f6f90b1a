"""What a wallet does not own, for the length of a simulation: state overrides, and where they must be put.

A token keeps its balances in a mapping, at a slot of its storage that nobody publishes.  It is found by
giving the wallet another number through each slot at once: the one that `balanceOf` answers tells the slot.
"""

from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chains.evm.values import WORD, checked

Overrides = dict[str, Any]  # By address, as nodes take them.
SLOTS = 64  # That are tried: most tokens have 0 to 9, those behind an upgradeable proxy 51 and more.
_MARK = 0x5107_0000_0000_0000_0000  # Nobody's balance.


def native(wallet: str, amount: int) -> Overrides:
    """The wallet has this much of the chain's own token."""
    return {checked(wallet, "wallet"): {"balance": hex(amount)}}


def balance(token: str, wallet: str, slot: int, amount: int) -> Overrides:
    """The wallet has this much of a token whose balances are the mapping at a slot of its storage.

    Source: Solidity, layout of storage: keccak(key . slot).
    """
    place = keccak(encode(["address", "uint256"], [checked(wallet, "wallet"), slot]))
    return {checked(token, "token"): {"stateDiff": {"0x" + place.hex(): "0x" + amount.to_bytes(WORD).hex()}}}


def probe(token: str, wallet: str) -> dict[str, Any]:
    """Under these, `balanceOf(wallet)` names the slot of the token's balances: see `slot_of`."""
    places: dict[str, str] = {}
    for slot in range(SLOTS):
        places |= balance(token, wallet, slot, _MARK + slot)[token]["stateDiff"]
    return {token: {"stateDiff": places}}


def slot_of(held: int) -> int | None:
    """The slot, from the balance under a probe; None: this token keeps its balances in another way."""
    return held - _MARK if 0 <= held - _MARK < SLOTS else None
