"""Arguments and answers of contracts as bytes, for the kinds that our calls have.

eth_abi knows every kind, and takes ten times as long: a draft has dozens of calls.
Source: Solidity's "Contract ABI Specification", formal specification of the encoding.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from chains.evm.values import WORD, checksummed


def encoded(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """Heads, and behind them the tails of what has no fixed size.  TypeError, ValueError or OverflowError if
    a value is not of its kind.
    """
    parts = [(_dynamic(kind), _one(kind, value)) for kind, value in zip(kinds, values, strict=True)]
    at = sum(WORD if dynamic else len(data) for dynamic, data in parts)
    heads, tails = [], []
    for dynamic, data in parts:
        if dynamic:
            heads.append(at.to_bytes(WORD))
            tails.append(data)
            at += len(data)
        else:
            heads.append(data)
    return b"".join(heads + tails)


def decoded(kinds: Sequence[str], answer: bytes) -> tuple[Any, ...]:
    """Of kinds with one word each.  ValueError if a word is out of its kind's range."""
    if len(answer) != WORD * len(kinds):
        raise ValueError(f"{len(answer)} bytes are no {len(kinds)} words")
    return tuple(_read(kind, answer[WORD * at : WORD * (at + 1)]) for at, kind in enumerate(kinds))


def _one(kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        return len(value).to_bytes(WORD) + encoded([kind[:-2]] * len(value), value)
    if kind.startswith("("):
        return encoded(_fields(kind), value)
    if kind == "bytes":
        return len(value).to_bytes(WORD) + bytes(value) + bytes(-len(value) % WORD)
    if kind == "address":
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no address")
        raw = bytes.fromhex(value.removeprefix("0x"))
        if len(raw) != 20:
            raise ValueError(f"{value} is no address")
        return bytes(12) + raw
    if type(value) is not int:
        raise TypeError(f"{value!r} is no {kind}")
    least, most = _range(kind)
    if not least <= value <= most:
        raise OverflowError(f"{value} is no {kind}")
    return value.to_bytes(WORD, signed=least < 0)


def _read(kind: str, word: bytes) -> Any:
    if kind == "address":
        if any(word[:12]):
            raise ValueError(f"0x{word.hex()} is no address")
        return checksummed("0x" + word[12:].hex())
    least, most = _range(kind)
    number = int.from_bytes(word, signed=least < 0)
    if not least <= number <= most:
        raise ValueError(f"0x{word.hex()} is no {kind}")
    return bool(number) if kind == "bool" else number


@cache
def _range(kind: str) -> tuple[int, int]:
    if kind == "bool":
        return 0, 1
    name, bits = kind.rstrip("0123456789"), int(kind.lstrip("uint"))
    if name not in {"uint", "int"}:
        raise ValueError(f"{kind} is no kind of a number")
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if name == "int" else (0, (1 << bits) - 1)


@cache
def _dynamic(kind: str) -> bool:
    return kind.endswith("[]") or kind == "bytes" or (kind[0] == "(" and any(map(_dynamic, _fields(kind))))


@cache
def _fields(kind: str) -> tuple[str, ...]:
    """Of a tuple, which holds no other."""
    return tuple(kind[1:-1].split(","))
