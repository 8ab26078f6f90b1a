"""live-by-consent, on the whole bot: play money reaches no signer, and real money is not traded by a slip."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands.doctor import Finding, keys
from actors.messages import Role
from actors.supervisor import Supervisor
from actors.system import CAST, cast_of
from storage import keystore
from storage.config import Live, Run, Settings

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse"
CONSENT = '[live]\ni_understand = true\ncapital_cap = "100"\nposition_cap = "10"\n'


def command(folder, *words):
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words],
        cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """With a keystore that can be opened, and all that live trading would ask for."""
    keystore.create(tmp_path / "keystore.json", b"\x01" * 32, PASSWORD, 4096)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "my.toml").write_text(CONSENT + 'password_file = "password"\n')
    return tmp_path


def family(pid):
    """A process and all its descendants."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def open_files(pid):
    return {os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}


@pytest.mark.processes
def test_a_paper_run_has_no_signer_and_opens_no_keystore_though_consent_and_key_are_there(folder):
    words = [sys.executable, str(ROOT / "run.py"), "--config", "my.toml", "--feed", "simulated", "--no-view"]
    # Whoever opens it all the same is refused, and says so.
    (folder / "keystore.json").chmod(0o644)
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as bot:
        try:
            roles = ""
            for _ in range(200):
                roles = command(folder, "status", "--process", "signer").stderr
                if all(role in roles for role in cast_of(Run(), Settings())):
                    break
                time.sleep(0.2)
            assert roles.startswith('No process plays "signer" now; those that play are ')
            processes = family(bot.pid)
            assert len(processes) > len(cast_of(Run(), Settings()))
            assert not any(
                path.endswith(("keystore.json", "password"))
                for each in processes
                for path in open_files(each)
            )
        finally:
            bot.terminate()
            errors = bot.communicate(timeout=60)[1].decode()
        assert bot.returncode == 0, errors
    logs = "".join(path.read_text() for path in (folder / "data/logs").iterdir())
    assert "keystore" not in logs
    assert "signer" not in logs


def test_nobody_in_a_paper_run_is_a_signer_and_what_can_sign_is_not_even_loaded():
    assert "signer" not in CAST
    assert not any(kind.__name__ == "Signer" for kind in CAST.values())
    code = "import sys, run; print(sys.modules.keys() & {'actors.signer', 'chains.evm.local_key'})"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[run]\nmode = "live"\n', "my.toml: live.i_understand = false: "),
        ('[run]\nmode = "live"\n[live]\ni_understand = true\n', 'my.toml: live.capital_cap = "": '),
        (f'[run]\nmode = "live"\n{CONSENT}', 'run.mode = "live": this trades play money alone'),
    ],
)
def test_live_mode_without_all_of_its_consent_starts_nothing(tmp_path, text, sentence):
    (tmp_path / "my.toml").write_text(text)
    done = command(tmp_path, "paper", "--config", "my.toml", "--feed", "simulated")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert [each.name for each in tmp_path.iterdir()] == ["my.toml"]


def test_the_doctor_says_what_paper_mode_can_not_do_and_of_live_mode_whose_key_it_would_use(folder):
    assert keys(Settings()) == Finding(True, "Paper mode starts no signer and opens no keystore.")
    store = folder / "keystore.json"
    live = Settings(run=Run(mode="live"), live=Live(keystore=str(store)))
    whose = keystore.address_of(store)
    assert keys(live) == Finding(True, f"{store}: the key of {whose}, which only you can read.")
    store.chmod(0o640)
    assert keys(live) == Finding(False, f"{store}: mode 0640 lets others at it: chmod 600 {store}.")


def test_the_doctor_finds_fault_with_a_version_that_would_start_a_signer_for_play_money(monkeypatch):
    monkeypatch.setitem(CAST, Role("signer"), Supervisor)
    assert not keys(Settings()).ok
