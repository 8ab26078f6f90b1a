"""Reads what strace saw of a log's files (`-y -xx`, whole strings) as changes of the disk model."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from tests.crash.disk import Change, Create, Remove, Rename, Resize, Sync, SyncNames, Write

CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
FD = re.compile(r"(\d+)<([^>]*)>")
TEXT = re.compile(r'"([^"]*)"')
WHOLE = ("-xx", "-s", "4000000")  # What strace must be told.
SHM = "-shm"  # Shared memory: the first to open it after a crash begins it anew.


class Reader:
    """Knows which names exist, as `O_CREAT` creates only what is not there."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._places: dict[str, int] = {}  # By descriptor: where the next write goes.

    def changes(self, line: str) -> Iterator[Change | str]:
        """The changes that a line stands for; what was printed to standard output as a text."""
        called = CALL.match(line)
        if called is None or called[3].startswith("-"):
            return
        call, words = called[1], called[2]
        fd = FD.match(words)
        if fd and fd[1] == "1" and call == "write":
            yield _bytes(TEXT.search(words)[1]).decode()
        elif fd and call != "openat":
            yield from self._on_file(call, words, fd, int(called[3]))
        elif call in {"openat", "unlink", "unlinkat", "rename"}:
            self._places[called[3]] = 0
            yield from self._on_name(call, words)

    def _on_file(self, call: str, words: str, fd: re.Match[str], returned: int) -> Iterator[Change]:
        path = _path(fd[2])
        if path == self._folder and call in {"fsync", "fdatasync"}:
            yield SyncNames()
        name = self._ours(path)
        if name not in self._names:
            return
        if call in {"write", "pwrite64"}:
            data = _bytes(TEXT.search(words)[1])[:returned]
            place = self._places[fd[1]] if call == "write" else int(words.rpartition(", ")[2])
            self._places[fd[1]] = place + returned
            yield Write(name, place, data)
        elif call in {"fsync", "fdatasync"}:
            yield Sync(name)
        elif call == "ftruncate":
            yield Resize(name, int(words.rpartition(", ")[2]))
        elif call not in {"close", "flock"}:
            raise ValueError(f"{call} of {name}: the model of the disk does not know it")

    def _on_name(self, call: str, words: str) -> Iterator[Change]:
        name = self._ours(_bytes(TEXT.search(words)[1]).decode())
        if call == "rename" and name in self._names:
            to = self._ours(_bytes(TEXT.findall(words)[1]).decode())
            self._names = self._names - {name} | {to}
            yield Rename(name, to)
        if call == "openat" and "O_TRUNC" in words and name in self._names:
            yield Resize(name, 0)
        if call == "openat" and "O_CREAT" in words and name and name not in self._names:
            self._names.add(name)
            yield Create(name)
        if call.startswith("unlink") and name in self._names:
            self._names.discard(name)
            yield Remove(name)

    def _ours(self, path: str) -> str:
        """The name of a file in the folder of the log; empty for any other."""
        pure = PurePath(path)
        return pure.name if str(pure.parent) == self._folder and not path.endswith(SHM) else ""


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> str:
    return _bytes(text).decode() if text.startswith("\\x") else text
