"""Tables that are never changed but replaced; but for those that one caller alone has, who may write on them.

Pure to whoever looks from outside: `fold` takes copies at its start, and gives out plain tables at its end.
"""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Own(dict[K, V]):
    """Nobody else has it: a change is made in it, as a copy for every record of a long log takes its time."""


def put(table: dict[K, V], key: K, value: V) -> dict[K, V]:
    """With this entry; an earlier one of the same key is replaced where it is."""
    if type(table) is not Own:
        return {**table, key: value}
    table[key] = value
    return table


def without(table: dict[K, V], key: K) -> dict[K, V]:
    after = table if type(table) is Own else table.copy()
    del after[key]
    return after
