"""A lock that several processes want: asked for, and never waited for in the kernel."""

import fcntl
from typing import IO


def locked(file: IO[str] | IO[bytes]) -> bool:
    """Whether it is ours now, for as long as the file is open; not, if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
