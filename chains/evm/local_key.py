"""A key in this process's memory: the Signer for a keystore file.

The key lives in a closure, so nothing that shows, copies, compares or sends an object meets it.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from rlp.exceptions import RLPException

from actors.messages import Unsigned
from chains.signer import SigningError


class LocalKey:
    __slots__ = ("_sign", "address")

    def __init__(self, key: bytes) -> None:
        """ValueError, without the key in it, if these are not 32 bytes of a secp256k1 key."""
        self.address, self._sign = _account_of(key)

    def sign(self, transaction: Unsigned) -> str:
        """Deterministic (RFC 6979): the same transaction gives the same bytes."""
        return self._sign(transaction)

    def __repr__(self) -> str:
        return f"LocalKey({self.address})"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a key stays in the process that unlocked it.")


def _account_of(key: bytes) -> tuple[str, Callable[[Unsigned], str]]:
    from eth_account import Account  # noqa: PLC0415  0.7 s and 39 MB, in the signer's process alone.

    account = Account.from_key(key)

    def sign(transaction: Unsigned) -> str:
        trouble = ""
        try:
            return str(account.sign_transaction(_fields(transaction)).raw_transaction.to_0x_hex())
        except (TypeError, ValueError, RLPException) as error:
            trouble = type(error).__name__
        raise SigningError(f"these fields can not be signed ({trouble}): {transaction}")

    return str(account.address), sign


def _fields(transaction: Unsigned) -> dict[str, Any]:
    """As JSON-RPC and eth_account name them."""
    return {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "to": transaction.to,
        "value": transaction.value,
        "data": transaction.data,
        "gas": transaction.gas,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
        "accessList": (),
    }
