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
Fields = tuple[int, str, str, str, str, str, int, int, str, bytes]
Row = tuple[int, str, str, str, str, str, int, int, str, bytes, bytes]

_decode_body = msgspec.json.Decoder(Body).decode
_OPERATIONS = {each.value: each for each in Operation}
_STATUSES = {each.value: each for each in Status}
_HASH_SIZE = (32).to_bytes(4, "big")


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
        kind, body = type(record.body).__name__, msgspec.json.encode(record.body).decode()
        words = append.id, record.operation_id, record.operation.value, record.status.value, kind
        fields = (lsn, *words, record.at_ns, FORMAT, body, head.hash)
        digest = row_hash(fields)
        rows.append((*fields, digest))
        head = Head(lsn, digest)
    return rows, head


def hash_of(*fields: object) -> bytes:
    """Each field with its length before it, so that no two rows spell the same bytes."""
    return blake2b(b"".join(_spelled(field) for field in fields), digest_size=32).digest()


def content_hash(records: tuple[Record, ...]) -> bytes:
    """Of an append without its place in the chain."""
    return blake2b(msgspec.json.encode(records), digest_size=16).digest()


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
