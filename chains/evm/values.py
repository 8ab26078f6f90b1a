"""What all our dealings with contracts have in common: an expected no, and addresses of our own."""

from functools import lru_cache

from eth_utils.address import is_checksum_address, to_checksum_address
from msgspec import Struct

WORD = 32  # Bytes of an ABI word.
ZERO_ADDRESS = "0x" + "00" * 20


class Declined(Struct, frozen=True):
    """An expected no, with its reason: trying again with the same input gives the same answer."""

    sentence: str


@lru_cache(maxsize=4_096)  # A checksum is a hash, 0.1 ms; a bot knows few addresses.
def checksummed(text: str) -> str:
    """An address of somebody else's, with its capital letters."""
    return str(to_checksum_address(text))


@lru_cache(maxsize=4_096)
def checked(text: str, field: str) -> str:
    """An address of our own, that must be checksummed already: a slip of one digit is then noticed."""
    if not is_checksum_address(text):
        raise ValueError(f"{field} is {text!r}: write it checksummed, with its capital letters")
    return text
