"""TOML into nested frozen structs, and a sentence with the fix for whatever does not fit."""

import tomllib
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect, structs

T = TypeVar("T", bound=msgspec.Struct)
LARGEST = 1_000_000  # Bytes.  A configuration has a few thousand.


class ConfigError(ValueError):
    """The configuration can not be used; the sentence names the file, the key, the value and the fix."""


def refusal(place: str, key: str, value: object, fix: str) -> ConfigError:
    return ConfigError(f"{place}: {key} = {_written(value)}: {fix}.")


def read(path: Path) -> dict[str, Any]:
    """The tables of a file; ConfigError if it can not be read or is no TOML."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: it has more than {LARGEST:,} bytes, so it is no configuration.")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "it can not be read").lower()
        raise ConfigError(f"{path}: {reason}; name another file with --config.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}; mend that line.") from error


def decode(tables: dict[str, Any], into: type[T], place: str) -> T:
    """The struct that the tables describe; whatever is not written keeps its default."""
    return _decode(tables, into, place, "")


def _decode(tables: dict[str, Any], into: type[T], place: str, prefix: str) -> T:
    fields = {field.name: field for field in structs.fields(into)}
    given: dict[str, Any] = {}
    for name, value in tables.items():
        key = f"{prefix}{name}"
        if name not in fields:
            raise refusal(place, key, value, _unknown(name, prefix, list(fields)))
        given[name] = _value(value, fields[name].type, place, key)
    return into(**given)


def _value(value: Any, type: Any, place: str, key: str) -> Any:
    info = inspect.type_info(type)
    if isinstance(info, inspect.StructType):
        if not isinstance(value, dict):
            raise refusal(place, key, value, f"this is a table; write [{key}] and its settings under it")
        return _decode(value, info.cls, place, f"{key}.")
    try:
        converted = msgspec.convert(value, type)
    except msgspec.ValidationError:
        raise refusal(place, key, value, f"{wanted(type)} is wanted") from None
    if isinstance(converted, float) and not isfinite(converted):
        raise refusal(place, key, value, f"{wanted(type)} is wanted")
    return converted


def _unknown(name: str, prefix: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    what = "there is no such setting" if prefix else "there is no such table"
    if near:
        return f"{what}; did you mean {prefix}{near[0]}"
    return f"{what}; remove it, or write one of {', '.join(names)}"


def wanted(type: Any) -> str:
    """What may be written for a value of this type, in words."""
    match inspect.type_info(type):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() as info:
            return f"a whole number{_range(info)}"
        case inspect.FloatType() as info:
            return f"a number{_range(info)}"
        case inspect.LiteralType(values=values):
            return " or ".join(_written(value) for value in values)
        case inspect.VarTupleType() | inspect.ListType():
            return 'a list of texts, such as ["one", "two"],'
        case inspect.StrType():
            return "a text in quotes"
        case info:
            raise AssertionError(f"no words for a setting of type {info}")


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    low = (
        f" above {info.gt:g}"
        if info.gt is not None
        else f" of at least {info.ge:g}"
        if info.ge is not None
        else ""
    )
    if info.le is None:
        return low
    return f" from {info.ge:g} to {info.le:_}" if info.ge is not None else f"{low} and at most {info.le:_}"


def _written(value: object) -> str:
    """A value as it stands in TOML, cut where it gets long."""
    match value:
        case bool():
            text = str(value).lower()
        case str():
            text = msgspec.json.encode(value).decode()
        case list() | tuple():
            text = f"[{', '.join(map(_written, value))}]"
        case dict():
            text = "{…}"
        case _:
            text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
