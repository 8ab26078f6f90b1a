"""A key in this process's memory: the Signer for a keystore file.

The key lives in a closure, so nothing that shows, copies, compares or sends an object meets it.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from eth_utils.crypto import keccak
from rlp.exceptions import RLPException

from actors.messages import Unsigned
from chains.evm.signed import address_of, encoded
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
    from coincurve import PrivateKey  # noqa: PLC0415  In the signer's process alone.

    if len(key) != 32:
        raise ValueError(f"a key has 32 bytes, not {len(key)}")
    private = PrivateKey(key)

    def sign(transaction: Unsigned) -> str:
        trouble = ""
        try:
            hash = keccak(encoded(transaction))
            signature = private.sign_recoverable(hash, hasher=None)
            r, s = (int.from_bytes(signature[at : at + 32]) for at in (0, 32))
            return "0x" + encoded(transaction, (signature[64], r, s)).hex()
        except (TypeError, ValueError, RLPException) as error:
            trouble = type(error).__name__
        raise SigningError(f"these fields can not be signed ({trouble}): {transaction}")

    return address_of(private.public_key.format(compressed=False)), sign
