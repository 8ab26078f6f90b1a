"""Signed bytes, read back: what they are, who signed them, and that they are what was asked for.

Formats: EIP-2718 (the type's byte), EIP-1559 (type 2: the fields, as RLP), EIP-2 (no high s).
"""

import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from actors.messages import Unsigned
from chains.signer import SigningError

ADDRESS_BYTES = 20
TYPE = b"\x02"


def unsigned_of(raw: str) -> Unsigned:
    """The transaction in signed bytes (hex with 0x); ValueError if they are none of type 2."""
    signed = bytes.fromhex(raw.removeprefix("0x"))
    if signed[:1] != TYPE:
        raise ValueError(f"raw: a transaction of type 0x{signed[:1].hex()}; only type 0x02 is allowed")
    try:
        chain_id, nonce, tip, fee, gas, to, value, data, access, *signature = rlp.decode(signed[1:])
    except (rlp.exceptions.DecodingError, TypeError, ValueError) as error:
        raise ValueError(f"raw: these bytes are no signed transaction of type 2 ({error})") from error
    if len(signature) != 3 or access or len(to) != ADDRESS_BYTES:
        raise ValueError("raw: an access list, no receiver or no signature; none of that is allowed")
    number = int.from_bytes
    return Unsigned(
        number(chain_id), number(nonce), to_checksum_address(to), number(value), f"0x{data.hex()}",
        number(gas), number(fee), number(tip),
    )  # fmt: skip


def encoded(transaction: Unsigned) -> bytes:
    """As it is before it is signed."""
    fields = (
        transaction.chain_id, transaction.nonce, transaction.max_priority_fee_per_gas,
        transaction.max_fee_per_gas, transaction.gas, bytes.fromhex(transaction.to[2:]), transaction.value,
        bytes.fromhex(transaction.data[2:]), (),
    )  # fmt: skip
    return TYPE + bytes(rlp.encode(fields))


def tx_id_of(raw: str) -> str:
    return "0x" + keccak(hexstr=raw).hex()


def signer_of(raw: str) -> str:
    """Whose signature it is: another key gives another address, and no error.  ValueError if it is none."""
    from eth_account import Account  # noqa: PLC0415  0.7 s: only for who signs.

    return str(Account.recover_transaction(raw))


def checked(raw: str, transaction: Unsigned, address: str) -> str:
    """The transaction's id; SigningError unless these bytes are this transaction, signed by this address."""
    try:
        same = unsigned_of(raw) == transaction
    except ValueError:
        same = False
    if not same:
        raise SigningError("what was signed is not what was asked for: do not use this signer.")
    signer = signer_of(raw)
    if signer != address:
        raise SigningError(f"the signature is that of {signer}, not of {address}: do not use this signer.")
    return tx_id_of(raw)
