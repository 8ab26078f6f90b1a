"""`run.py keystore`: a key comes into a file without standing in the list of processes or the terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from actors.commands.keystore import keystore_commands, unlocking
from actors.commands.refused import CannotRunError
from storage import keystore
from storage.config import Live, Settings
from tests.chains.evm.signing_cases import STRANGER, caps

ROOT = Path(__file__).parents[3]
PASSWORD = "correct horse"
KEY = "4c0883a69102937d6231471b5dbb6204fe512961708279f3c1b8d4e2a7b9f001"


@pytest.fixture
def run(tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)

    def run(*words, code=0, **how):
        done = subprocess.run(
            [sys.executable, str(ROOT / "run.py"), "keystore", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
            **{"stdin": subprocess.DEVNULL, **how},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
        return done.stderr.strip() if code else done.stdout.strip()

    return run


def test_a_new_key_is_made_shown_by_its_address_alone_and_not_made_twice(run, tmp_path):
    made = run("new", "--password-file", "password")
    address = run("show")
    assert made == f"{address}: keystore.json, mode 0600.  Keep a copy of it elsewhere."
    assert keystore.address_of(tmp_path / "keystore.json") == address
    assert len(keystore.unlocked(tmp_path / "keystore.json", PASSWORD)) == 32
    assert "keystore.json exists" in run("new", "--password-file", "password", code=2)


def test_a_key_that_one_has_is_locked_into_a_file_with_a_password_from_a_descriptor(run, tmp_path):
    (tmp_path / "key").write_text(f"0x{KEY}\n")
    (tmp_path / "key").chmod(0o600)
    fd = keystore.held(PASSWORD)
    run("import", "--key-file", "key", "--keystore", "mine.json", "--password-fd", str(fd), pass_fds=[fd])
    os.close(fd)
    assert keystore.unlocked(tmp_path / "mine.json", PASSWORD).hex() == KEY


def test_what_is_typed_is_not_shown(tmp_path):
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "keystore", "import"],
        cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(follower)
        shown = b""
        for asked, answer in ((b"hex digits", KEY), (b"Password", PASSWORD), (b"once more", PASSWORD)):
            while asked not in shown:
                shown += os.read(leader, 1024)
            os.write(leader, answer.encode() + b"\n")
        while b"elsewhere" not in shown:
            shown += os.read(leader, 1024)
        assert process.wait(60) == 0
    os.close(leader)
    assert KEY.encode() not in shown
    assert PASSWORD.encode() not in shown
    assert keystore.unlocked(tmp_path / "keystore.json", PASSWORD).hex() == KEY


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("new",), "there is no terminal to ask: use --password-fd"),
        (("import", "--password-file", "password"), "there is no terminal to ask"),
        (("import", "--key-file", "password", "--password-file", "password"), "this is no private key"),
        (
            ("import", "--key-file", "none", "--password-file", "password"),
            "none: no such file or directory; name the",
        ),
        (("new", "--password-file", "none"), "none: no such file or directory; name the right password file"),
        (("new", "--password-fd", "9999"), "descriptor 9999 gives no password"),
        (
            ("new", "--password-fd", "0", "--password-file", "password"),
            "--password-fd and --password-file: give",
        ),
        (("show",), "keystore.json: no such file or directory; name the right keystore, or make it."),
    ],
)
def test_a_mistake_is_one_sentence_and_makes_no_file(monkeypatch, tmp_path, words, sentence):
    monkeypatch.chdir(tmp_path)
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    done = CliRunner().invoke(keystore_commands, words)
    assert isinstance(done.exception, CannotRunError)
    assert str(done.exception).startswith(sentence)
    assert [each.name for each in tmp_path.iterdir()] == ["password"]


# -- for a live run ----------------------------------------------------------------------------------
def test_the_signer_is_told_where_its_key_and_password_are_and_neither_is_in_the_message(tmp_path):
    store, secret = tmp_path / "keystore.json", tmp_path / "password"
    keystore.create(store, bytes.fromhex(KEY), PASSWORD, 4096)
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    settings = Settings(live=Live(keystore=str(store), password_file=str(secret)))
    told = unlocking(settings, caps(keystore.address_of(store)))
    assert keystore.password_of_descriptor(told.password_fd) == PASSWORD
    assert os.get_inheritable(told.password_fd)
    os.close(told.password_fd)
    assert PASSWORD not in repr(told)
    with pytest.raises(CannotRunError, match="name its own"):
        unlocking(settings, caps(STRANGER))
    secret.chmod(0o644)
    with pytest.raises(CannotRunError, match="chmod 600"):
        unlocking(settings, caps(keystore.address_of(store)))
    store.unlink()
    with pytest.raises(CannotRunError, match="no such file"):
        unlocking(settings, caps(STRANGER))
