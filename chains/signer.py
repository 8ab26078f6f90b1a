"""What every holder of a key is to the signer: an address, and signatures on what was checked before.

A local keystore is one (chains/evm/local_key.py); a PKCS#11 module, a remote JSON-RPC signer or a Ledger can
be others.  None of them is believed: chains/evm/signed.py reads back what it gives.
"""

from typing import Protocol

from actors.messages import Unsigned


class Signer(Protocol):
    @property
    def address(self) -> str:
        """Checksummed."""

    def sign(self, transaction: Unsigned) -> str:
        """The signed bytes, hex with 0x.

        SigningError: it can not.  A device may draw its own chance: signing twice may give two transactions,
        so bytes are made durable, and never made again in their stead.
        """


class SigningError(Exception):
    """The holder of the key could not sign, or signed something else: a sentence without a secret in it."""
