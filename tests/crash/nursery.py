"""Children that strace sees from their first file call on: `traced`.

Python needs half a second to start, and these are thousands that die within a few thousandths of one.  So
they are forked from one process that has imported everything, and wait there until strace is attached.
"""

import atexit
import ctypes
import os
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.crash import harness, workload

MAY_BE_TRACED = (0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER, by anybody: strace is no parent of it.


class Ended(Struct, frozen=True):
    """As subprocess.run tells it."""

    returncode: int
    stdout: str
    stderr: str


def traced(trace: Path, words: list[str], *more: str) -> Ended:
    """A workload with these arguments under strace, and how it ended."""
    nursery = _nursery()
    try:
        return _traced(nursery, trace, words, *more)
    except BaseException:  # Whoever asks next must not get the answer to this.
        _nursery.cache_clear()
        nursery.kill()
        _closed(nursery)
        raise


def _traced(nursery: subprocess.Popen[bytes], trace: Path, words: list[str], *more: str) -> Ended:
    pid = int(_asked(nursery, msgspec.json.encode(words)))
    seen = ("-y", "-o", str(trace), "-e", "trace=" + ",".join(harness.CALLS), *more)
    command = ["strace", *seen, "-p", f"{pid}"]
    with subprocess.Popen(command, stderr=-1, text=True) as strace:
        said = ""
        while "attached" not in said:
            said = strace.stderr.readline()
            assert said, f"strace can not be attached: {' '.join(command)}"
        ended = msgspec.json.decode(_asked(nursery, b"go"), type=Ended)
        strace.stderr.read()
    return ended


def _asked(nursery: subprocess.Popen[bytes], line: bytes) -> bytes:
    nursery.stdin.write(line + b"\n")
    nursery.stdin.flush()
    answer = nursery.stdout.readline()
    assert answer, "the process that forks the children has died"
    return answer


@cache
def _nursery() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-B", "-m", "tests.crash.nursery"]
    nursery = subprocess.Popen(command, cwd=harness.ROOT, stdin=-1, stdout=-1)
    atexit.register(_closed, nursery)
    return nursery


def _closed(nursery: subprocess.Popen[bytes]) -> None:
    nursery.stdin.close()
    nursery.wait()
    nursery.stdout.close()


def serve() -> None:
    while line := sys.stdin.buffer.readline():
        output, errors = os.memfd_create("output"), os.memfd_create("errors")
        ready, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            _live(msgspec.json.decode(line, type=list[str]), ready, output, errors)
        os.close(ready)
        print(pid, flush=True)
        sys.stdin.buffer.readline()
        os.close(go)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(msgspec.json.encode(Ended(ended, _whole(output), _whole(errors))).decode(), flush=True)


def _live(words: list[str], ready: int, output: int, errors: int) -> None:
    """The child: it never returns."""
    ctypes.CDLL(None).prctl(*MAY_BE_TRACED, 0, 0, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.read(ready, 1)
    try:
        workload.main(words)
    except BaseException:  # noqa: BLE001  As Python itself would end.
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _whole(file: int) -> str:
    with open(file, "rb") as opened:
        opened.seek(0)
        return opened.read().decode()


if __name__ == "__main__":
    serve()
