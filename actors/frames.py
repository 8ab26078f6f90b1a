"""What goes over a socket: frames of a length and a body that can carry data, never code.

    frame = 4 bytes length, big-endian | body
    body  = "H" address                      who speaks on this connection: its first frame, once
          | "M" n name[n] json               one of our messages; JSON, for amounts exceed 64 bits
          | "S" pickle                       one of the actor system's, made of allowed classes only

A message decodes to exactly the class that its name stands for, with every field checked.
"""

import io
import pickle  # noqa: TID251  Only behind the list of allowed names below.
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

import actors.messages

MAX_BODY = 64 << 20  # Bytes.
_LENGTH = struct.Struct("!I")

_prefixes: dict[type, bytes] = {}  # Class -> how the body of its messages begins.
_decoders: dict[bytes, msgspec.json.Decoder[Any]] = {}  # Name -> decoder of that class.
_encoder = msgspec.json.Encoder()
_allowed: set[tuple[str, str]] = set()


class FrameRefusedError(ValueError):
    """What the peer sent is not a frame of ours; the connection is of no more use."""


# -- which messages there are ------------------------------------------------------------------------
def register(*classes: type[msgspec.Struct]) -> None:
    """Let these messages travel between processes; call it before the system starts."""
    for each in classes:
        name = f"{each.__module__}.{each.__qualname__}".encode()
        if len(name) > 255:
            raise ValueError(f"The name {name.decode()} is longer than 255 bytes: shorten it.")
        _prefixes[each] = b"M" + bytes([len(name)]) + name
        _decoders[name] = msgspec.json.Decoder(each)


registered: Callable[[type], bool] = _prefixes.__contains__  # Asked of the class of whatever is sent.


def allow(names: Iterable[tuple[str, str]]) -> None:
    """Add (module, class) pairs to what an "S" frame may be made of."""
    _allowed.update(names)


def messages_of(module: object) -> list[type[msgspec.Struct]]:
    return [each for each in vars(module).values() if isinstance(each, type) and _is_message(each)]


def _is_message(each: type) -> bool:
    return issubclass(each, msgspec.Struct) and each is not msgspec.Struct


register(*messages_of(actors.messages))


# -- writing -----------------------------------------------------------------------------------------
def hello(address: str) -> bytes:
    return _framed(b"H" + address.encode())


def encode(message: object) -> bytes:
    """Raises ValueError if the message is too big, PicklingError if its classes are not allowed."""
    prefix = _prefixes.get(type(message))
    if prefix is not None:
        return _framed(prefix + _encoder.encode(message))
    buffer = io.BytesIO(b"S")
    buffer.seek(1)
    _Pickler(buffer, 5).dump(message)
    return _framed(buffer.getvalue())


def _framed(body: bytes) -> bytes:
    if len(body) > MAX_BODY:
        raise ValueError(f"A message of {len(body)} bytes exceeds the limit of {MAX_BODY}: split it.")
    return _LENGTH.pack(len(body)) + body


class _Pickler(pickle.Pickler):
    """Refuses here already what the other side would refuse, and leaves our own messages to JSON."""

    def persistent_id(self, value: object) -> tuple[bytes, bytes] | None:
        prefix = _prefixes.get(type(value))
        return None if prefix is None else (prefix[2:], _encoder.encode(value))

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, type) or callable(value):
            _demand(getattr(value, "__module__", ""), getattr(value, "__qualname__", ""))
        return NotImplemented


def _demand(module: str, name: str) -> None:
    if (module, name) not in _allowed:
        raise pickle.PicklingError(f"{module}.{name} may not be sent: register it, or send plain data.")


# -- reading -----------------------------------------------------------------------------------------
class Reader:
    """Puts the bytes of one connection together again."""

    def __init__(self) -> None:
        self.sender = ""  # Known after the first frame.
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """Yield the messages that are complete; raises FrameRefusedError at the first bad frame."""
        buffer = self._buffer
        buffer += chunk
        start = 0
        try:
            while (end := self._end_of_frame(start)) is not None:
                body = bytes(memoryview(buffer)[start + _LENGTH.size : end])
                start = end
                if self.sender:
                    yield _decode(body)
                else:
                    self.sender = _speaker(body)
        finally:
            del buffer[:start]

    def _end_of_frame(self, start: int) -> int | None:
        if len(self._buffer) - start < _LENGTH.size:
            return None
        size = _LENGTH.unpack_from(self._buffer, start)[0]
        if not 0 < size <= MAX_BODY:
            raise FrameRefusedError(f"a frame of {size} bytes")
        end = start + _LENGTH.size + int(size)
        return end if end <= len(self._buffer) else None


def _speaker(body: bytes) -> str:
    if body[:1] != b"H" or not body[1:].isascii():
        raise FrameRefusedError("a connection that does not begin with an address")
    return body[1:].decode()


def _decode(body: bytes) -> Any:
    kind = body[:1]
    if kind == b"M":
        size = body[1] if len(body) > 1 else 0
        return _decode_message(body[2 : 2 + size], body[2 + size :])
    if kind == b"S":
        return _decode_system(body[1:])
    raise FrameRefusedError(f"a frame of the unknown kind {kind!r}")


def _decode_message(name: bytes, text: bytes) -> Any:
    decoder = _decoders.get(name)
    if decoder is None:
        raise FrameRefusedError(f"a message of the unknown class {name[:100]!r}")
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameRefusedError(f"a malformed {name.decode()}: {error}") from error


def _decode_system(data: bytes) -> Any:
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except FrameRefusedError:
        raise
    except Exception as error:
        raise FrameRefusedError(f"a malformed system message: {type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _allowed:
            raise FrameRefusedError(f"a system message with {module}.{name} in it")
        return super().find_class(module, name)

    def persistent_load(self, reference: Any) -> Any:
        name, text = reference
        return _decode_message(name, text)
