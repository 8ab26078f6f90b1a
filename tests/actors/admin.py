"""What an admin that runs looks like from outside: a process that has signed the lock of its run folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors import processes

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys, time
from actors import processes
processes.sign_lock(int(sys.argv[1]))
print("signed", flush=True)
time.sleep(60)
"""


@contextmanager
def running(run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    lock = processes.take_lock(str(run_dir))
    command = [sys.executable, "-c", SCRIPT, str(lock)]
    admin = subprocess.Popen(command, cwd=ROOT, pass_fds=[lock], stdout=subprocess.PIPE, text=True)
    os.close(lock)
    try:
        assert admin.stdout is not None
        assert admin.stdout.readline() == "signed\n"
        yield admin
    finally:
        admin.kill()
        admin.communicate()
