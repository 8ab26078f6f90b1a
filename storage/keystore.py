"""The wallet's private key on disk: a Web3 Secret Storage file, version 3, that only its owner can read.

A key is here as 32 bytes, for as short as can be; no sentence of ours holds one, or a password.  eth_account
(1 s, 39 MB) is imported only where a key is made, locked or unlocked.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import DecodeError, json

KEY_BYTES = 32
LARGEST = 64 << 10  # Bytes.  A keystore has five hundred, a password fewer.
SHORTEST_PASSWORD = 8
MODE = 0o600


class KeystoreError(ValueError):
    """The keystore or its password can not be used; one sentence, with the fix."""


# -- passwords --------------------------------------------------------------------------------------
def secret_of_file(path: Path, what: str = "password file") -> str:
    """The first line of a file that only we can read: a password, or a key in hex."""
    return _first_line(_private_bytes(path, what), str(path))


def password_of_descriptor(number: int) -> str:
    """The first line of an open file, from its start where it has one, or of a pipe up to its end.

    A file stays as it is for whoever takes the signer's place; a pipe can be read once.
    """
    try:
        if stat.S_ISREG(os.fstat(number).st_mode):
            said = os.pread(number, LARGEST, 0)
        else:
            said = b"".join(iter(lambda: os.read(number, LARGEST), b""))
    except OSError as error:
        raise KeystoreError(
            f"descriptor {number} gives no password ({error.strerror}): --password-fd 3 3<FILE passes one."
        ) from error
    return _first_line(said, f"descriptor {number}")


def password_of_terminal(ask: Callable[[str], str], twice: bool) -> str:
    """What is typed, unseen; of a new password twice."""
    password = ask("Password of the keystore: ")
    if twice and ask("The same once more: ") != password:
        raise KeystoreError("the two passwords differ: type the same one twice.")
    return _first_line(password.encode(), "what was typed")


def _first_line(said: bytes, place: str) -> str:
    line = said.split(b"\n", 1)[0].rstrip(b"\r")
    try:
        password = line.decode()
    except UnicodeDecodeError:
        raise KeystoreError(f"the secret in {place} is not UTF-8: save it as UTF-8.") from None
    if not password:
        raise KeystoreError(f"there is no secret in {place}: put it on the first line.")
    return password


def held(password: str) -> int:
    """A descriptor of memory with the password in it, for a process that is forked later; no disk sees it."""
    number = os.memfd_create("holdfast", 0)  # Without MFD_CLOEXEC: it is for others.
    os.pwrite(number, password.encode() + b"\n", 0)
    return number


# -- the file ---------------------------------------------------------------------------------------
def create(path: Path, key: bytes, password: str, work: int | None = None) -> str:
    """Lock the key into a new file; the address.  `work` is scrypt's n; None is 2^18: 2 s and 290 MB."""
    from eth_account import Account  # noqa: PLC0415

    if len(password) < SHORTEST_PASSWORD:
        raise KeystoreError(f"the password has fewer than {SHORTEST_PASSWORD} characters: take a longer one.")
    address = _address(key)
    locked = Account.encrypt(key, password, kdf="scrypt", iterations=work)
    _write_new(path, json.encode(locked))
    return address


def new_key() -> bytes:
    """From the system's own source of chance."""
    from eth_account import Account  # noqa: PLC0415

    return bytes(Account.create().key)


def key_of(text: str) -> bytes:
    """A private key as 64 hex digits, with or without 0x; what was typed is in no error."""
    digits = text.strip().removeprefix("0x")
    key = bytes.fromhex(digits) if _is_hex(digits) else b""
    if len(key) != KEY_BYTES:
        raise KeystoreError(f"this is no private key ({len(digits)} characters): 64 hex digits are wanted.")
    _address(key)
    return key


def address_of(path: Path) -> str:
    """Whose key is in it: the address that the file names.  No password is needed."""
    from eth_utils.address import is_address, to_checksum_address  # noqa: PLC0415

    named = _read(path).get("address", "")
    if not isinstance(named, str) or not is_address(named):
        raise KeystoreError(f"{path}: it names no address: it is no keystore, or it is damaged; restore it.")
    return to_checksum_address(named)


def unlocked(path: Path, password: str) -> bytes:
    """The key.  KeystoreError: the file is not private or damaged, or the password is not this file's."""
    from eth_account import Account  # noqa: PLC0415

    named, locked = address_of(path), _read(path)
    trouble = ""
    key = b""
    try:
        key = bytes(Account.decrypt(locked, password))
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        wrong = "MAC mismatch" in str(error)
        trouble = "this is not its password" if wrong else f"it is damaged ({type(error).__name__})"
    if trouble:  # Outside, so that no exception drags along another one's frames.
        raise KeystoreError(f"{path}: {trouble}: give the right password, or restore the file from a copy.")
    if _address(key) != named:
        raise KeystoreError(f"{path}: the key in it is not that of {named}: restore the file from a copy.")
    return key


def _address(key: bytes) -> str:
    from eth_account import Account  # noqa: PLC0415

    address = ""
    with suppress(ValueError):  # Zero, or not below the curve's order; its words are not ours.
        address = str(Account.from_key(key).address)
    if not address:
        raise KeystoreError("these 32 bytes are no key of secp256k1: make one with `run.py keystore new`.")
    return address


def _is_hex(digits: str) -> bool:
    return len(digits) % 2 == 0 and all(each in "0123456789abcdefABCDEF" for each in digits)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.decode(_private_bytes(path, "keystore"), type=dict[str, Any])
    except (DecodeError, UnicodeDecodeError):
        raise KeystoreError(
            f"{path}: this is no keystore file: name one, or restore it from a copy."
        ) from None


def _private_bytes(path: Path, what: str) -> bytes:
    """The bytes of a file that is ours and nobody else's to read or write, looked at once it is open."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        reason = (error.strerror or "it can not be read").lower()
        raise KeystoreError(f"{path}: {reason}; name the right {what}, or make it.") from error
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise KeystoreError(f"{path}: this is no {what}: name a regular file of at most {LARGEST} bytes.")
        if found.st_uid != os.geteuid():
            raise KeystoreError(
                f"{path}: it belongs to user {found.st_uid}, not to you: chown {os.geteuid()} {path}."
            )
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise KeystoreError(f"{path}: mode {mode:04o} lets others at it: chmod {MODE:o} {path}.")
        return os.read(number, LARGEST)
    finally:
        os.close(number)


def _write_new(path: Path, text: bytes) -> None:
    """All of it or nothing, and never over another file: that may be a key with money."""
    folder = path.absolute().parent
    draft = folder / f".{path.name}.{os.getpid()}"
    try:
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(number)
            os.link(draft, path)
        finally:
            draft.unlink()
        _sync(folder)
    except FileExistsError:
        raise KeystoreError(f"{path} exists, and may hold the key to money: name another file.") from None
    except OSError as error:
        raise KeystoreError(f"{path} can not be written ({error.strerror}): name another place.") from error


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
