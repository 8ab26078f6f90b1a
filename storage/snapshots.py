"""The folded books as bytes, so that a start need not fold all history."""

import msgspec

from storage.books import Books

_decoder = msgspec.json.Decoder(Books)


def packed(books: Books) -> bytes:
    return msgspec.json.encode(books)


def unpacked(body: bytes) -> Books:
    return _decoder.decode(body)
