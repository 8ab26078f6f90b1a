"""Signed bytes, read back: what they are, who signed them, and that they are what was asked for.

Formats: EIP-2718 (the type's byte), EIP-1559 (type 2: the fields, as RLP), EIP-2 (no high s).
"""

import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from actors.messages import Unsigned
from chains.evm import values
from chains.signer import SigningError

ADDRESS_BYTES = 20
TYPE = b"\x02"
FIELDS = 9  # Of a transaction; behind them its signature.
HIGHEST_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


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


def encoded(transaction: Unsigned, signature: tuple[int, ...] = ()) -> bytes:
    """To be hashed and signed; with the signature (parity, r, s) to be sent.  TypeError, ValueError or
    rlp's own error if a field has no encoding.
    """
    if transaction.to:
        values.checked(transaction.to, "to")
    to, data = (bytes.fromhex(text.removeprefix("0x")) for text in (transaction.to, transaction.data))
    fields = (
        transaction.chain_id, transaction.nonce, transaction.max_priority_fee_per_gas,
        transaction.max_fee_per_gas, transaction.gas, to, transaction.value, data, (),
    )  # fmt: skip
    return TYPE + bytes(rlp.encode([*fields, *signature]))


def tx_id_of(raw: str) -> str:
    return "0x" + keccak(hexstr=raw).hex()


def signer_of(raw: str) -> str:
    """Whose signature it is: another key gives another address, and no error.  ValueError if it is none."""
    from coincurve import PublicKey  # noqa: PLC0415  Only for who signs.

    fields = rlp.decode(bytes.fromhex(raw.removeprefix("0x"))[1:])
    parity, r, s = (int.from_bytes(each) for each in fields[FIELDS:])
    if parity > 1 or r >= 1 << 256 or s > HIGHEST_S:
        raise ValueError(f"raw: a signature with parity {parity} and s {s}; no node takes it")
    signature = r.to_bytes(32) + s.to_bytes(32) + bytes([parity])
    hash = keccak(TYPE + rlp.encode(fields[:FIELDS]))
    key = PublicKey.from_signature_and_message(signature, hash, hasher=None)
    return address_of(key.format(compressed=False))


def address_of(public_key: bytes) -> str:
    """Of a key's 65 bytes, the first of which only says that it is not compressed."""
    return str(to_checksum_address(keccak(public_key[1:])[-ADDRESS_BYTES:]))


def checked(raw: str, transaction: Unsigned, address: str) -> str:
    """The transaction's id; SigningError unless these bytes are this transaction, signed by this address."""
    try:
        same = unsigned_of(raw) == transaction
    except ValueError:
        same = False
    if not same:
        raise SigningError("what was signed is not what was asked for: do not use this signer.")
    try:
        signer = signer_of(raw)
    except ValueError as error:
        raise SigningError(f"{error}: do not use this signer.") from error
    if signer != address:
        raise SigningError(f"the signature is that of {signer}, not of {address}: do not use this signer.")
    return tx_id_of(raw)
