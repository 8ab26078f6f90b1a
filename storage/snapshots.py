"""The folded books as bytes, so that a start need not fold all history, nor a newcomer hear it.

With them goes what the books look like to the code that packed them.  Bytes of another layout are not read:
a field with a new meaning would be misread without a word.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from storage.books import Books

MEANING = 1  # Raise it when the same records add up to other books, though their fields are the same.


class Packed(msgspec.Struct, frozen=True):
    layout: str
    books: msgspec.Raw


_packed = msgspec.json.Decoder(Packed)
_books = msgspec.json.Decoder(Books)


def packed(books: Books) -> bytes:
    return msgspec.json.encode(Packed(layout(), msgspec.Raw(msgspec.json.encode(books))))


def unpacked(body: bytes) -> Books | None:
    """None if they are not in today's layout: then only the records can say what the books are."""
    try:
        found = _packed.decode(body)
        return _books.decode(found.books) if found.layout == layout() else None
    except msgspec.MsgspecError:  # From before there were layouts.
        return None


@lru_cache(maxsize=1)
def layout() -> str:
    """A digest of every field of the books, its type and its default."""
    return digest_of(Books)


def digest_of(books: Any) -> str:
    shape = msgspec.json.encode([MEANING, _undescribed(msgspec.json.schema(books))], order="sorted")
    return blake2b(shape, digest_size=8).hexdigest()


def _undescribed(schema: Any) -> Any:
    """A docstring says nothing about bytes."""
    if isinstance(schema, dict):
        return {
            key: _undescribed(each)
            for key, each in schema.items()
            if key != "description" or not isinstance(each, str)
        }
    return [_undescribed(each) for each in schema] if isinstance(schema, list) else schema
