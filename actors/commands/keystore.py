"""The words of `run.py keystore`: make a wallet's key, bring one along, or see whose it is.

A key or a password is never typed as an argument: others see those in the list of processes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from actors.commands.options import CONFIG, Config
from actors.commands.refused import CannotRunError
from actors.messages import Caps, Id, Unlock
from storage import keystore
from storage.config import Settings, load
from storage.keystore import KeystoreError

keystore_commands = typer.Typer(help="The wallet's key, in an encrypted file that only you can read.")

Store = Annotated[
    Path | None, typer.Option("--keystore", help="The file.", show_default="live.keystore of the settings")
]
PasswordFd = Annotated[int | None, typer.Option(help="Read the password from this open descriptor.")]
PasswordFile = Annotated[Path | None, typer.Option(help="Read the password from this file of mode 0600.")]
KeyFile = Annotated[Path | None, typer.Option(help="64 hex digits, in a file of mode 0600; else it asks.")]


@keystore_commands.command()
def new(
    store: Store = None,
    password_fd: PasswordFd = None,
    password_file: PasswordFile = None,
    config: Config = CONFIG,
) -> None:
    """Make a new key.  Keep a copy of the file and its password apart: nobody can restore them."""
    with _refusals():
        path = _path(store, config)
        _made(path, keystore.new_key(), password(password_fd, password_file, new_one=True))


@keystore_commands.command("import")
def import_(
    store: Store = None,
    key_file: KeyFile = None,
    password_fd: PasswordFd = None,
    password_file: PasswordFile = None,
    config: Config = CONFIG,
) -> None:
    """Lock a key that you have into a new file.  A keystore of another wallet (version 3) fits as it is."""
    with _refusals():
        path = _path(store, config)
        text = (
            keystore.secret_of_file(key_file, "key file")
            if key_file
            else _unseen("Private key, 64 hex digits: ")
        )
        _made(path, keystore.key_of(text), password(password_fd, password_file, new_one=True))


@keystore_commands.command()
def show(store: Store = None, config: Config = CONFIG) -> None:
    """Print whose key it is: the address, and nothing else."""
    with _refusals():
        typer.echo(keystore.address_of(_path(store, config)))


def with_wallet(settings: Settings) -> Settings:
    """The address that the keystore names, unless one is written."""
    if settings.live.wallet:
        return settings
    try:
        wallet = keystore.address_of(Path(settings.live.keystore))
    except keystore.KeystoreError as error:
        raise CannotRunError(str(error)) from error
    return replace(settings, live=replace(settings.live, wallet=wallet))


def unlocking(settings: Settings, caps: Caps, password_fd: int | None = None) -> Unlock:
    """What the signer is told; call it before any process is started, for they inherit the descriptor.

    CannotRunError: there is no password, or no keystore of the wallet in `caps`.  Whether the password is
    its own shows in the signer, which alone ever unlocks it.
    """
    live = settings.live
    with _refusals():
        path, file = Path(live.keystore), Path(live.password_file) if live.password_file else None
        if (found := keystore.address_of(path)) != caps.wallet:
            raise KeystoreError(
                f"{path} holds the key of {found}, and the wallet is {caps.wallet}: name its own."
            )
        return Unlock(Id("unlock"), caps, str(path), keystore.held(password(password_fd, file)))


def password(descriptor: int | None, file: Path | None, new_one: bool = False) -> str:
    """From where it was said to be, else from the terminal; KeystoreError with the fix."""
    if descriptor is not None and file is not None:
        raise KeystoreError("--password-fd and --password-file: give one of them.")
    if descriptor is not None:
        return keystore.password_of_descriptor(descriptor)
    if file is not None:
        return keystore.secret_of_file(file)
    return keystore.password_of_terminal(_unseen, twice=new_one)


def _unseen(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise KeystoreError("there is no terminal to ask: use --password-fd, --password-file or --key-file.")
    return getpass(prompt)


def _path(store: Path | None, config: Path) -> Path:
    return store or Path(load(config).live.keystore)


def _made(path: Path, key: bytes, locked_with: str) -> None:
    typer.echo(f"{keystore.create(path, key, locked_with)}: {path}, mode 0600.  Keep a copy of it elsewhere.")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except KeystoreError as error:
        raise CannotRunError(str(error)) from error
