"""What holds the processes of one actor system together: a private folder, a lock, a common death."""

import ctypes
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import stat
import struct
import time
from contextlib import suppress

LONGEST_PATH = 107  # sun_path has 108 bytes, one of them zero.
LONGEST_NAME = 30  # Of a socket: a process, a dash, nanoseconds.
BACKLOG = 4096
ADMIN, LOCK = "admin", "admin.lock"
_LOCK = "hhqqi4x"  # struct flock of fcntl(2), Linux on 64 bits: kind, whence, start, length, holder.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def checked_run_dir(run_dir: str) -> str:
    """Make the folder if need be; raises if it is not ours alone, or too long for the path of a socket."""
    path = os.path.abspath(run_dir)
    room = LONGEST_PATH - 1 - LONGEST_NAME
    if len(os.fsencode(path)) > room:
        raise ValueError(
            f"run folder {path} is too long for a Unix socket: choose one of at most {room} bytes."
        )
    with suppress(FileExistsError):
        os.makedirs(path, mode=0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"run folder {path} must be a folder of this user's with mode 0700: chmod it.")
    return path


def short_run_dir(name: str) -> str:
    """A private folder that is short enough whatever the data folder is called."""
    runtime = f"/run/user/{os.geteuid()}"
    parent = runtime if os.path.isdir(runtime) else "/tmp"  # noqa: S108  0700, and its owner is checked.
    return checked_run_dir(os.path.join(parent, f"holdfast-{os.geteuid()}-{name}"))


def admin_pid(run_dir: str) -> int | None:
    """The admin that runs there, if one does: the kernel says who holds the lock, so it is never a dead one.

    One that is being started is none yet, and cannot be asked anything.  Looking takes no lock, and so is in
    nobody's way.
    """
    try:
        lock = os.open(os.path.join(run_dir, LOCK), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        answer = fcntl.fcntl(lock, fcntl.F_GETLK, struct.pack(_LOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(lock)
    kind, _, _, _, holder = struct.unpack(_LOCK, answer)
    return None if kind == fcntl.F_UNLCK else int(holder)


def take_lock(run_dir: str) -> int:
    """One admin per folder: raises RuntimeError if there is one."""
    lock = os.open(os.path.join(run_dir, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise RuntimeError(f"an actor system already runs in {run_dir}: stop it, or attach to it.") from None
    return lock


def sign_lock(lock: int) -> None:
    """This process is the admin.  It must not open the file again: whoever closes it gives up this lock."""
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(run_dir: str) -> None:
    """Remove the sockets of the dead; only who holds the lock may.  A folder that is gone has none."""
    if not os.path.isdir(run_dir):
        return
    for entry in os.scandir(run_dir):
        with suppress(FileNotFoundError):  # Its owner was faster.
            if stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode) and not _is_heard(entry.path):
                os.unlink(entry.path)


def _is_heard(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) in {0, errno.EAGAIN}


def sweep_if_over(run_dir: str) -> None:
    """Remove what a system that is no more has left behind."""
    with suppress(RuntimeError):
        lock = take_lock(run_dir)
        sweep(run_dir)
        os.close(lock)


def remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def new_name() -> str:
    """Of a socket; never given twice, for neither processes nor this clock repeat themselves together."""
    return f"{os.getpid()}-{time.monotonic_ns():x}"


def listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def die_with(parent: int) -> None:
    """From now on the kernel kills this process when `parent` dies; and now, if it is dead already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def shut_in() -> None:
    """What is in this process's memory stays there: no core dump, and no debugger of the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def child(pid: int) -> int | None:
    """A handle on a child of this process, which no later process of that number can take the place of."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if _parent_of(pid) == os.getpid():
            return handle
    except (FileNotFoundError, ProcessLookupError):
        """It is gone meanwhile."""
    os.close(handle)
    return None


def _parent_of(pid: int) -> int:
    """The name of a program may have anything in it, and ends with the last bracket."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def kill(handle: int) -> None:
    """Also who is stopped, and hears nothing else."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def end(pid: int, seconds: float) -> None:
    """Wait until a process is gone; after `seconds` kill it, and with it all its descendants."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([handle], [], [], seconds)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], seconds)
    finally:
        os.close(handle)
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
