"""A world at one moment, kept, to go on from there as often as wanted: as if it had just come so far.

What nothing can change (messages, books, addresses, prices, code) is shared by all who go on from it;
everything else is theirs.  Whoever goes on brings his own chance.
"""

import io
import pickle
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from random import Random
from types import BuiltinFunctionType, FunctionType, ModuleType, NoneType
from typing import Any

from msgspec import Struct
from thespian.actors import ActorAddress, WakeupMessage

from tests.simulation.disk import DATABASE, Kept, Rows
from tests.simulation.outside import Prices

SHARED = (
    type, FunctionType, BuiltinFunctionType, ModuleType, Enum, PurePath, ActorAddress, WakeupMessage, Kept,
    Prices, Random,
)  # fmt: skip


PLAIN = frozenset({dict, str, tuple, int, NoneType, list, bool, float})  # Most of it; the quicker answer.


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = []
        self.places: dict[int, int] = {}

    def persistent_id(self, each: Any) -> int | None:
        if type(each) in PLAIN or not is_shared(each):
            return None
        if id(each) not in self.places:
            self.places[id(each)] = len(self.shared)
            self.shared.append(each)
        return self.places[id(each)]


def is_shared(each: Any) -> bool:
    """What schedules bring themselves, their chance, is shared too: it is not worth a copy."""
    if isinstance(each, BuiltinFunctionType):
        owner = each.__self__
        return owner is None or isinstance(owner, ModuleType | Random)
    return _are_shared(type(each))


@lru_cache(maxsize=1_024)
def _are_shared(kind: type) -> bool:
    if issubclass(kind, Struct):
        return bool(kind.__struct_config__.frozen)
    return issubclass(kind, SHARED)


class Snapshot:
    """Of whatever hangs together, and of the log in memory."""

    def __init__(self, world: Any) -> None:
        file = io.BytesIO()
        pickler = _Pickler(file)
        pickler.dump(world)
        self._bytes = file.getvalue()
        self._shared: Callable[[int], Any] = pickler.shared.__getitem__
        self._rows: Rows = DATABASE.rows()

    def restored(self) -> Any:
        unpickler = pickle.Unpickler(io.BytesIO(self._bytes))
        unpickler.persistent_load = self._shared
        DATABASE.put(self._rows)
        return unpickler.load()
