"""The bytes of a paper swap.  They say all that the venue needs, as a signed transaction would."""

from hashlib import blake2b

from msgspec import DecodeError, Struct, json

from actors.messages import Asset, Id, Side, Units


class Swap(Struct, frozen=True, forbid_unknown_fields=True):
    order: Id
    nonce: int
    side: Side
    token: Asset
    amount_in: Units
    min_amount_out: Units
    max_fee: Units
    valid_until_ns: int


def encode(swap: Swap) -> str:
    """Hex; the fields come in the order of the class, so equal swaps have equal bytes."""
    return json.encode(swap).hex()


def decode(raw: str) -> Swap:
    """ValueError with a sentence if the bytes are no swap."""
    try:
        return json.decode(bytes.fromhex(raw), type=Swap)
    except (ValueError, DecodeError) as error:
        raise ValueError(f"these bytes are no paper swap ({error}): {raw[:40]}") from error


def tx_id(raw: str) -> str:
    return "0x" + blake2b(bytes.fromhex(raw), digest_size=32).hexdigest()
