"""The keystore: only its owner can read it, its password opens it, and no error repeats key or password."""

import os
import stat
import traceback

import pytest

from storage.keystore import (
    KeystoreError,
    address_of,
    create,
    held,
    key_of,
    new_key,
    password_of_descriptor,
    password_of_terminal,
    secret_of_file,
    unlocked,
)

PASSWORD = "correct horse"
KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe512961708279f3c1b8d4e2a7b9f001")
ADDRESS = "0xdEA5BAc039bC0892ab644738155f6b23f72553A7"
FAST = 4096


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "wallet.json"
    create(path, KEY, PASSWORD, FAST)
    return path


def secret_file(folder, text=f"{PASSWORD}\n", mode=0o600):
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(call, *words):
    with pytest.raises(KeystoreError) as caught:
        call()
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY.hex() not in shown
    assert PASSWORD not in shown
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


# -- the file --
def test_what_was_locked_is_unlocked_with_its_password_and_its_address_is_known_without(store):
    assert unlocked(store, PASSWORD) == KEY
    assert address_of(store) == ADDRESS
    assert KEY.hex() not in store.read_text()


def test_a_keystore_is_its_owners_alone_and_nothing_else_is_left_in_the_folder(store):
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert os.listdir(store.parent) == ["wallet.json"]


def test_the_usual_work_factor_is_the_one_of_ethereums_own_wallets(tmp_path):
    path = tmp_path / "wallet.json"
    create(path, KEY, PASSWORD)
    assert '"n":262144' in path.read_text()
    assert '"kdf":"scrypt"' in path.read_text()


def test_a_keystore_that_exists_is_never_written_over(store):
    before = store.read_bytes()
    refused(lambda: create(store, new_key(), PASSWORD, FAST), "exists", "name another file")
    assert store.read_bytes() == before
    assert os.listdir(store.parent) == ["wallet.json"]


def test_a_file_that_was_planted_where_the_draft_goes_gets_no_key(tmp_path):
    planted = tmp_path / "planted"
    planted.write_text("")
    (tmp_path / f".wallet.json.{os.getpid()}").symlink_to(planted)
    refused(lambda: create(tmp_path / "wallet.json", KEY, PASSWORD, FAST), "exists")
    assert planted.read_text() == ""


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o601])
def test_a_keystore_that_others_can_get_at_is_refused_with_the_command_that_mends_it(store, mode):
    store.chmod(mode)
    refused(lambda: unlocked(store, PASSWORD), f"mode {mode:04o}", f"chmod 600 {store}")
    refused(lambda: address_of(store), f"chmod 600 {store}")
    store.chmod(0o400)
    assert unlocked(store, PASSWORD) == KEY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_keystore_of_another_user_is_refused(store):
    os.chown(store, 12345, -1)
    refused(lambda: unlocked(store, PASSWORD), "belongs to user 12345", f"chown {os.geteuid()}")


def test_a_wrong_password_is_refused_as_such(store):
    refused(lambda: unlocked(store, PASSWORD + "!"), "this is not its password")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "no json", '{"address": 5}', '{"address": "0x12", "version": 3}', "\xff"]
)
def test_a_file_that_is_no_keystore_is_refused_in_a_sentence(store, text):
    store.write_text(text)
    refused(lambda: unlocked(store, PASSWORD), str(store))


def test_a_damaged_keystore_is_refused_in_a_sentence(store):
    whole = store.read_text()
    for damage in (
        whole.replace('"kdf":"scrypt"', '"kdf":"rot13"'),
        whole.replace('"version":3', '"version":9'),
        whole.replace('"mac"', '"mic"'),
    ):
        assert damage != whole
        store.write_text(damage)
        refused(lambda: unlocked(store, PASSWORD), str(store))


def test_a_keystore_with_another_address_on_it_is_refused(store):
    address = address_of(store)[2:].lower()
    text = store.read_text()
    start = text.lower().index(address)
    store.write_text(text[:start] + "ab" * 20 + text[start + 40 :])
    refused(lambda: unlocked(store, PASSWORD), "is not that of")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(mode=0o700), lambda path: os.mkfifo(path, 0o600)])
def test_what_is_no_regular_file_is_refused_and_does_not_hang(tmp_path, make):
    path = tmp_path / "odd"
    make(path)
    refused(lambda: unlocked(path, PASSWORD), str(path))


def test_a_missing_keystore_is_a_sentence_that_says_what_to_do(tmp_path):
    refused(
        lambda: unlocked(tmp_path / "none", PASSWORD), "no such file", "name the right keystore, or make it"
    )


def test_a_keystore_that_can_not_be_written_is_a_sentence(tmp_path):
    refused(lambda: create(tmp_path / "no" / "folder", KEY, PASSWORD, FAST), "can not be written")


# -- keys --
def test_keys_are_new_each_time_and_a_hex_key_is_taken_with_or_without_0x():
    assert new_key() != new_key()
    assert key_of("0x" + KEY.hex()) == key_of(f"  {KEY.hex().upper()}\n") == KEY


@pytest.mark.parametrize(
    "text", ["", "0x", KEY.hex()[:-2], KEY.hex() + "00", KEY.hex()[:-1] + "g", "00" * 32, "ff" * 32]
)
def test_what_is_no_key_is_refused_and_not_repeated(text):
    sentence = refused(lambda: key_of(text))
    assert not text or text.removeprefix("0x")[:16] == "" or text[:16] not in sentence


# -- passwords --
def test_a_password_is_the_first_line_of_a_private_file_a_descriptor_or_what_is_typed(tmp_path):
    assert secret_of_file(secret_file(tmp_path, f"{PASSWORD}\r\nmore\n")) == PASSWORD
    with secret_file(tmp_path).open() as file:
        assert password_of_descriptor(file.fileno()) == PASSWORD
        assert password_of_descriptor(file.fileno()) == PASSWORD
    reading, writing = os.pipe()
    os.write(writing, f"{PASSWORD}\n".encode())
    os.close(writing)
    assert password_of_descriptor(reading) == PASSWORD
    os.close(reading)
    assert password_of_terminal(lambda _: PASSWORD, twice=True) == PASSWORD


def test_a_held_password_is_read_as_often_as_there_are_successors():
    number = held(PASSWORD)
    assert os.get_inheritable(number)
    assert password_of_descriptor(number) == password_of_descriptor(number) == PASSWORD
    os.close(number)


def test_a_password_file_that_others_can_read_is_refused(tmp_path):
    path = secret_file(tmp_path, mode=0o644)
    refused(lambda: secret_of_file(path), "mode 0644", f"chmod 600 {path}")


def test_a_password_that_is_not_there_is_a_sentence(tmp_path):
    refused(lambda: secret_of_file(secret_file(tmp_path, "")), "there is no secret in")
    refused(lambda: secret_of_file(secret_file(tmp_path, "\nx")), "put it on the first line")
    refused(lambda: secret_of_file(tmp_path / "none"), "no such file")
    refused(lambda: password_of_descriptor(9999), "descriptor 9999", "--password-fd 3 3<FILE")
    refused(lambda: password_of_terminal(lambda _: "", twice=False), "what was typed")


def test_two_different_passwords_or_a_short_one_make_no_keystore(tmp_path):
    typed = iter([PASSWORD, "something else"])
    refused(lambda: password_of_terminal(lambda _: next(typed), twice=True), "differ")
    refused(lambda: create(tmp_path / "w", KEY, "1234567", FAST), "fewer than 8 characters")
    assert not (tmp_path / "w").exists()
