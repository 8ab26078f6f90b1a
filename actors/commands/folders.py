"""The data folder of a run, owned by one process at a time, and the folder of its sockets."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from actors.commands.refused import CannotRunError
from actors.processes import admin_pid

LOCK = "lock"
_UNSIGNED = 0  # No process: its owner has taken the lock, and is about to write who it is.
LEAST_FREE = 64 * 2**20  # Bytes.  A day of trading writes a few of them.
WAIT_SECONDS = 3.0  # A predecessor that was killed takes up to two seconds to be gone altogether.


def run_dir(data_dir: Path) -> Path:
    """Where the sockets of this data folder's run are: short, for a socket's path has 107 bytes."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = runtime if runtime and os.access(runtime, os.W_OK) and len(runtime) < 40 else "/tmp"  # noqa: S108
    name = blake2b(os.fsencode(data_dir.resolve()), digest_size=6).hexdigest()
    return Path(parent) / f"holdfast-{os.geteuid()}-{name}"


def running_dir(data_dir: Path) -> Path:
    """The run folder of the instance that owns the data folder; CannotRunError if there is none."""
    path = data_dir / LOCK
    words = path.read_text().strip().split(maxsplit=1) if path.is_file() else []
    if len(words) < 2 or not admin_pid(words[1]):
        raise CannotRunError(
            f"Nothing runs on {data_dir}: start it with `run.py paper --data-dir {data_dir}`, or `live`."
        )
    return Path(words[1])


def owner(data_dir: Path) -> int | None:
    """The process that owns the data folder; None if nobody does; CannotRunError if it does not say so."""
    end = time.monotonic() + WAIT_SECONDS
    while (found := _holder(data_dir)) == _UNSIGNED:
        if time.monotonic() > end:
            raise CannotRunError(_taken(data_dir, "unknown"))
        time.sleep(0.01)
    return found


def _holder(data_dir: Path) -> int | None:
    try:
        lock = os.open(data_dir / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int((os.pread(lock, 32, 0).split() or [b"0"])[0])
    else:
        return None
    finally:
        os.close(lock)


@contextmanager
def owned(data_dir: Path) -> Iterator[Path]:
    """The data folder, ours alone until the end; CannotRunError with what is in the way.

    Whatever this has made and nobody has used is gone again afterwards.
    """
    new = not data_dir.exists()
    _make(data_dir)
    try:
        lock = _locked(data_dir)
        try:
            _check_no_system(data_dir)
            _check_space(data_dir)
            yield data_dir
        finally:
            _unlock(data_dir, lock)
    finally:
        if new:
            with suppress(OSError):  # It is not empty: somebody has used it.
                data_dir.rmdir()


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError:
        raise CannotRunError(f"{data_dir} is a file: name a folder with --data-dir.") from None
    except OSError as error:
        raise CannotRunError(f"{data_dir} can not be made ({_why(error)}): {_cure(error)}.") from error


def _locked(data_dir: Path) -> int:
    path, end = data_dir / LOCK, time.monotonic() + WAIT_SECONDS
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotRunError(f"{data_dir} can not be written ({_why(error)}): {_cure(error)}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                _sign(data_dir, lock)
                return lock
        except BlockingIOError:
            owner = (os.pread(lock, 32, 0).split() or [b"unknown"])[0].decode()
            if time.monotonic() > end:
                os.close(lock)
                raise CannotRunError(_taken(data_dir, owner)) from None
        os.close(lock)
        time.sleep(0.05)


def _taken(data_dir: Path, owner: str) -> str:
    return (
        f"{data_dir} belongs to a running instance (process {owner}): "
        f"stop it with `run.py stop --data-dir {data_dir}`, or name another folder with --data-dir."
    )


def _sign(data_dir: Path, lock: int) -> None:
    """For the operator, and for `status` and `stop` from a terminal with another environment."""
    text = f"{os.getpid()} {run_dir(data_dir)}\n".encode()
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, text, 0)
    except OSError as error:
        _unlock(data_dir, lock)
        raise CannotRunError(f"{data_dir} can not be written ({_why(error)}): {_cure(error)}.") from error


def _unlock(data_dir: Path, lock: int) -> None:
    with suppress(FileNotFoundError):
        (data_dir / LOCK).unlink()
    os.close(lock)


def _check_no_system(data_dir: Path) -> None:
    """Its launcher may be dead and its actors still dying."""
    end = time.monotonic() + WAIT_SECONDS
    while pid := admin_pid(str(run_dir(data_dir))):
        if time.monotonic() > end:
            raise CannotRunError(_taken(data_dir, str(pid)))
        time.sleep(0.05)


def _check_space(data_dir: Path) -> None:
    if complaint := full(data_dir):
        raise CannotRunError(complaint)


def full(data_dir: Path) -> str:
    """What to do about its disk; empty if there is room."""
    free = shutil.disk_usage(data_dir).free
    if free >= LEAST_FREE:
        return ""
    return (
        f"The disk of {data_dir} has only {free / 2**20:.0f} MB left: free at least "
        f"{LEAST_FREE // 2**20} MB, for a log that can not grow stops trading."
    )


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _cure(error: OSError) -> str:
    cures = {
        errno.ENOSPC: "free some space on that disk",
        errno.EDQUOT: "free some of your quota on that disk",
        errno.EROFS: "name a folder on a disk that can be written with --data-dir",
        errno.ENOTDIR: "a part of the path is a file; name another folder with --data-dir",
    }
    return cures.get(
        error.errno or 0, "give yourself the right to write there, or name another with --data-dir"
    )
