"""How records are rows of the log, each hashed together with the one before it.  Pure: no file, no clock."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec

from actors.messages import Append, Body, Id, Operation, Record, Status

FORMAT = 1
GENESIS = bytes(32)
COLUMNS = "lsn, append_id, operation_id, operation, status, kind, at_ns, version, body, previous, hash"
RAW_COLUMNS = "append_id, operation_id, operation, status, kind, at_ns, body, previous, hash"
Fields = tuple[int, str, str, str, str, str, int, int, str, bytes]
Row = tuple[int, str, str, str, str, str, int, int, str, bytes, bytes]
RawRow = tuple[
    bytes, bytes, bytes, bytes, bytes, int, bytes, bytes, bytes
]  # RAW_COLUMNS; the hash has the rest.

_decode_body = msgspec.json.Decoder(Body).decode
_OPERATIONS = {each.value: each for each in Operation}
_STATUSES = {each.value: each for each in Status}
_HASH_SIZE = (32).to_bytes(4, "big")
_SHORT = 4096
_LENGTHS = tuple(length.to_bytes(4, "big") for length in range(_SHORT))  # To look it up is faster.


class LogError(Exception):
    """One sentence for the operator; nothing was changed."""


class LogCorrupt(LogError):
    """The file is not what was written."""


class Head(msgspec.Struct, frozen=True):
    lsn: int = 0
    hash: bytes = GENESIS


def chained(append: Append, head: Head) -> tuple[list[Row], Head]:
    """The rows that an append adds after a head, and the head after them."""
    rows: list[Row] = []
    for record in append.records:
        lsn = head.lsn + 1
        kind, body = type(record.body).__name__, encoded(record.body).decode()
        words = append.id, record.operation_id, str(record.operation), str(record.status), kind
        fields = (lsn, *words, record.at_ns, FORMAT, body, head.hash)
        digest = row_hash(fields)
        rows.append((*fields, digest))
        head = Head(lsn, digest)
    return rows, head


def encoded(value: Body | tuple[Record, ...]) -> bytes:
    """As JSON.  What old records did not have is left out where it is as ever: same record, same bytes.

    No text can hold what is cut out, for in a text each quote has a backslash before it.
    """
    return msgspec.json.encode(value).replace(b',"leg":"swap"}', b"}").replace(b',"in_block":null}', b"}")


def hash_of(*fields: object) -> bytes:
    """Each field with its length before it, so that no two rows spell the same bytes."""
    return blake2b(b"".join(_spelled(field) for field in fields), digest_size=32).digest()


def content_hash(records: tuple[Record, ...]) -> bytes:
    """Of an append without its place in the chain."""
    return blake2b(encoded(records), digest_size=16).digest()


def row_hash(fields: Fields) -> bytes:
    """`hash_of` all of them.  Spelled out, for a whole log is as fast to verify as this is."""
    lsn, append_id, operation_id, operation, status, kind, at_ns, version, body, previous = fields
    number, append, about = b"%d" % lsn, append_id.encode(), operation_id.encode()
    moment, text = b"%d" % at_ns, body.encode()
    spelled = (
        len(number).to_bytes(4, "big"), number, len(append).to_bytes(4, "big"), append,
        len(about).to_bytes(4, "big"), about, _words(operation, status, kind),
        len(moment).to_bytes(4, "big"), moment, _number(version),
        len(text).to_bytes(4, "big"), text, _HASH_SIZE, previous,
    )  # fmt: skip
    return blake2b(b"".join(spelled), digest_size=32).digest()


def head_after(path: Path, head: Head, rows: Iterable[Row]) -> Head:
    """The head after rows that follow one another from it on; raises LogCorrupt."""
    lsn, digest = head.lsn, head.hash
    try:
        for row in rows:
            lsn += 1
            if row[0] != lsn:
                raise LogCorrupt(f"{path}: record {lsn} is missing; restore the last backup.")
            if row[9] != digest or row[10] != row_hash(row[:10]):
                raise _changed(path, lsn)
            digest = row[10]
    except (AttributeError, TypeError) as error:  # A flipped bit may make bytes of a text.
        raise _changed(path, lsn) from error
    return Head(lsn, digest)


def raw_head_after(head: Head, rows: Iterable[RawRow]) -> Head | None:
    """The same of rows of this format whose texts are bytes, in less time; None if one of them is odd.

    Which one, `head_after` can say.  A text and bytes that spell it are the same here: to tell them apart
    is left to the integrity check of a STRICT table.
    """
    lsn, digest = head.lsn, head.hash
    words: dict[tuple[bytes, bytes, bytes], bytes] = {}
    at_ns, moment = None, b""
    try:
        for append, about, operation, status, kind, when_ns, body, previous, stored in rows:
            lsn += 1
            if when_ns != at_ns:  # Mostly those of an append are of one moment.
                at_ns, moment = when_ns, _moment(when_ns)
            if (word := words.get((operation, status, kind))) is None:
                word = words[operation, status, kind] = b"".join(map(_spelled, (operation, status, kind)))
            number, size = b"%d" % lsn, len(body)
            spelled = (
                _LENGTHS[len(number)], number, _LENGTHS[len(append)], append, _LENGTHS[len(about)], about,
                word, moment, _LENGTHS[size] if size < _SHORT else size.to_bytes(4, "big"), body,
                _HASH_SIZE, digest,
            )  # fmt: skip
            if previous != digest:
                return None
            digest = blake2b(b"".join(spelled), digest_size=32).digest()
            if digest != stored:
                return None
    except (TypeError, IndexError):  # Of another type than was written, or longer than an id ever is.
        return None
    return Head(lsn, digest)


def _moment(at_ns: int) -> bytes:
    return _spelled(b"%d" % at_ns) + _number(FORMAT)


def _changed(path: Path, lsn: int) -> LogCorrupt:
    return LogCorrupt(
        f"{path}: record {lsn} is not what was written; restore the last backup,"
        " this file can not be trusted."
    )


def record_of(row: Row) -> Record:
    return Record(Id(row[2]), _OPERATIONS[row[3]], _STATUSES[row[4]], row[6], _decode_body(row[8]))


def _spelled(field: object) -> bytes:
    data = field if isinstance(field, bytes) else str(field).encode()
    return len(data).to_bytes(4, "big") + data


@lru_cache(maxsize=256)  # A log has few operations, statuses and kinds.
def _words(*words: str) -> bytes:
    return b"".join(_spelled(str.encode(word)) for word in words)


@lru_cache(maxsize=256)
def _number(number: int) -> bytes:
    return _spelled(b"%d" % number)
