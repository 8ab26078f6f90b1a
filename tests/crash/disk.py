"""A model of what a power cut may leave of files: pure, and worse than any real disk.

Since a file's last sync each 512-byte sector may be old, any version written since, or torn between two; its
size is any it has had.  Operations on names happen in order, and as many as the disk pleases; a sync of the
folder makes them all durable.
"""

from collections.abc import Callable, Iterator
from random import Random

from msgspec import Struct

SECTOR = 512
OLD, NEW, WHOLE = 0.0, 1.0, 1.0
# For a sector's number: how new it is, from OLD to NEW, and how much of it was written; the rest is older.
Choice = Callable[[int], tuple[float, float]]
Image = dict[str, bytes]


class Write(Struct, frozen=True):
    name: str
    offset: int
    data: bytes


class Resize(Struct, frozen=True):
    name: str
    size: int


class Sync(Struct, frozen=True):
    name: str


class Create(Struct, frozen=True):
    name: str


class Remove(Struct, frozen=True):
    name: str


class Rename(Struct, frozen=True):
    name: str
    to: str


class SyncNames(Struct, frozen=True):
    pass


Change = Write | Resize | Sync | Create | Remove | Rename | SyncNames


class File:
    def __init__(self) -> None:
        self.durable, self.current = b"", bytearray()
        self.sizes = [0]
        self.versions: dict[int, list[bytes]] = {}  # By sector, since the last sync.

    def write(self, offset: int, data: bytes) -> None:
        self._grow(offset + len(data))
        self.current[offset : offset + len(data)] = data
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            start = sector * SECTOR
            self.versions.setdefault(sector, []).append(bytes(self.current[start : start + SECTOR]))
        self.sizes.append(len(self.current))

    def resize(self, size: int) -> None:
        self._grow(size)
        del self.current[size:]
        self.sizes.append(size)

    def sync(self) -> None:
        self.durable, self.versions, self.sizes = bytes(self.current), {}, [len(self.current)]

    def image(self, choice: Choice, size: int) -> bytes:
        data = bytearray(self.durable[:size].ljust(size, b"\0"))
        for sector, versions in self.versions.items():
            start = sector * SECTOR
            if start < size:
                old = self.durable[start : start + SECTOR]
                data[start : start + SECTOR] = _mixed([old, *versions], *choice(sector))[: size - start]
        return bytes(data)

    def _grow(self, size: int) -> None:
        self.current.extend(bytes(max(0, size - len(self.current))))


def _mixed(versions: list[bytes], age: float, written: float) -> bytes:
    """One of the versions; torn, it is the beginning of one and the rest of that before it."""
    number = round(age * (len(versions) - 1))
    older, newer = (versions[max(0, each)].ljust(SECTOR, b"\0") for each in (number - 1, number))
    cut = int(written * SECTOR)
    return newer[:cut] + older[cut:]


Names = dict[str, File | None]  # What each stands for from then on; None: for nothing.


class Disk:
    def __init__(self) -> None:
        self.names: dict[str, File] = {}
        self._durable: dict[str, File] = {}
        self._pending: list[Names] = []  # Given and taken since the last sync of them.

    def apply(self, change: Change) -> None:
        match change:
            case Create(name):
                self._name({name: File()})
            case Remove(name):
                self._name({name: None})
            case Rename(name, to):
                self._name({to: self.names[name], name: None})
            case Write(name, offset, data):
                self.names[name].write(offset, data)
            case Resize(name, size):
                self.names[name].resize(size)
            case Sync(name):
                self.names[name].sync()
            case SyncNames():
                self._durable, self._pending = dict(self.names), []

    def _name(self, names: Names) -> None:
        _rename(self.names, names)
        self._pending.append(names)

    def after(self, names: int) -> dict[str, File]:
        """The files by name, if so many of the pending operations on names have happened."""
        found = dict(self._durable)
        for each in self._pending[:names]:
            _rename(found, each)
        return found

    def images(self, chance: Random, most: int) -> Iterator[Image]:
        """What a cut at this moment may leave: first the plain cases, then whatever chance brings."""
        everything = self.after(len(self._pending))
        yield {name: bytes(file.current) for name, file in everything.items()}
        yield {name: file.durable for name, file in self._durable.items()}
        yield from self._one_sector_apart(chance, everything)
        for _ in range(most):
            files = self.after(chance.randint(0, len(self._pending)))
            yield {name: _by_chance(file, chance) for name, file in files.items()}

    def _one_sector_apart(self, chance: Random, files: dict[str, File]) -> Iterator[Image]:
        """All new but one old; all old but one new."""
        candidates = [(name, sector) for name, file in files.items() for sector in file.versions]
        for name, sector in chance.sample(candidates, min(4, len(candidates))):
            for one, rest in ((OLD, NEW), (NEW, OLD)):
                yield {
                    each: _apart(file, sector if each == name else None, one, rest)
                    for each, file in files.items()
                }


def _apart(file: File, sector: int | None, one: float, rest: float) -> bytes:
    return file.image(lambda at: (one if at == sector else rest, WHOLE), len(file.current))


def _rename(files: dict[str, File], names: Names) -> None:
    """All of them at once, as a rename is."""
    for name, file in names.items():
        files.pop(name, None)
        if file is not None:
            files[name] = file


def _by_chance(file: File, chance: Random) -> bytes:
    """By sectors or by pages; the oldest and the newest more often than what was in between; some torn."""
    together, seed, torn = chance.choice((1, 8)), chance.random(), chance.random() < 0.3

    def choice(sector: int) -> tuple[float, float]:
        drawn = Random(f"{seed} {sector // together}")
        age = drawn.choice((OLD, NEW, drawn.random()))
        return age, drawn.choice((WHOLE, drawn.random())) if torn else WHOLE

    return file.image(choice, chance.choice((chance.choice(file.sizes), len(file.current))))
