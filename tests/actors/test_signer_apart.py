"""keys-apart: the key is in the memory of the signer's process, and nowhere else that can be looked at."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import json

from storage import keystore
from tests.actors.signing_run import Case
from tests.actors.test_signer import (
    HONEST,
    KEY,
    PASSWORD,
    SECRET,
    WALLET,
    asked_at,
    caps,
    opened,
    shows_the_key,
)

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]


class Run:
    """A launcher that was started anew, so that nothing of this process's memory is in it."""

    def __init__(self, folder, fails=False):
        self.folder, store = folder, folder / "wallet.json"
        keystore.create(store, SECRET, PASSWORD, 4096)
        names = ("v2",) if fails else ("approve", "v2")
        case = Case(caps(WALLET), opened(), tuple(asked_at(HONEST[name]) for name in names), fails)
        (folder / "case.json").write_bytes(json.encode(case))
        fd = keystore.held(PASSWORD)
        words = ["-m", "tests.actors.signing_run", str(store), str(fd), str(folder / "case.json")]
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, pass_fds=[fd], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.close(fd)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        told = json.decode(line)
        self.said, self.pids = told["said"], told["pids"]
        self.written = ""

    def ended(self):
        """All that it has written to the terminal."""
        if self.process.returncode is None:
            self.written = "".join(self.process.communicate("", timeout=60))
        assert self.process.returncode == 0, self.written
        return self.written

    def files(self):
        return [path for path in (self.folder / "data").rglob("*") if path.is_file()]


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path)
    yield made
    made.ended()


def memory_holds(pid, secrets):
    """Whether any of these is in what the process has in memory."""
    areas = re.findall(r"^(\w+)-(\w+) rw", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in areas:
            memory.seek(int(start, 16))
            try:
                area = memory.read(int(end, 16) - int(start, 16)) or b""
            except OSError:  # Not there at all.
                continue
            if any(secret in area for secret in secrets):
                return True
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of other processes")
def test_the_key_is_in_the_memory_of_the_signer_and_of_no_other_process(run):
    secrets = (SECRET, KEY[2:].encode())
    assert memory_holds(run.pids["signer"], secrets)
    for name in ("launcher", "admin"):
        assert not memory_holds(run.pids[name], secrets), name


def test_the_signer_signs_and_neither_key_nor_password_is_in_an_answer_a_log_or_the_terminal(run):
    unlocked, pong, approved, refused = run.said
    assert WALLET in unlocked
    assert '"signed":0' in pong
    assert '"raw":"0x02' in approved
    assert '"sentence":' in refused
    texts = [*run.said, *(path.read_text() for path in run.files()), run.ended()]
    assert len(run.files()) >= 2
    assert any("signs to approve for o1" in text for text in texts)
    assert not any(shows_the_key(text) for text in texts)


def test_neither_is_in_what_the_system_shows_of_a_process_and_it_leaves_no_core(run):
    for pid in run.pids.values():
        shown = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not shows_the_key(shown.decode(errors="replace"))
    limits = Path(f"/proc/{run.pids['signer']}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert os.stat(f"/proc/{run.pids['signer']}/mem").st_uid == 0


def test_a_signer_that_fails_in_the_middle_tells_neither_in_its_traceback(tmp_path):
    run = Run(tmp_path, fails=True)
    (failed,) = [text for text in run.said if "a bug, in the middle of a signature" in text]
    logged = "".join(path.read_text() for path in run.files())
    assert "Traceback" in logged
    assert not shows_the_key(failed + logged + run.ended())
