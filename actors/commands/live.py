"""Trades real money, once everything has been said and found well: live-by-consent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import json
from rich.console import Console

from actors.commands.apart import answered_apart
from actors.commands.doctor import findings
from actors.commands.folders import WAIT_SECONDS
from actors.commands.keystore import unlocking, with_wallet
from actors.commands.options import Options
from actors.commands.paper import run_through
from actors.commands.refused import CannotRunError
from actors.messages import Caps
from storage import consent
from storage.config import Settings, consent_of, load
from storage.locks import locked


def live(options: Options, password_fd: int | None = None) -> int:
    """Exit code.  CannotRunError: a consent, a cap, the key or a check of `run.py doctor` is missing."""
    settings = with_wallet(load(options.config, {**options.overrides, "run.mode": consent.LIVE}))
    console = Console()
    console.print(f"Looking at everything that {settings.live.wallet} needs ...", highlight=False)
    overrides = {**options.overrides, "run.mode": consent.LIVE}
    wrong = [each for each in findings(options.config, overrides) if not each.ok]
    for note in wrong:
        if not note.matters:
            console.print(f"Note: {note.sentence}", highlight=False, markup=False, soft_wrap=True)
    failures = tuple(each.sentence for each in wrong if each.matters)
    if (sentence := consent.refusal(consent_of(settings), failures)) is not None:
        raise CannotRunError(sentence)
    with alone(Path(settings.live.keystore)):
        unlock = unlocking(settings, caps_of(settings), password_fd)
        console.print(
            f"[bold red]LIVE[/]: real money of {settings.live.wallet} on {settings.evm.chain}.",
            highlight=False,
        )
        return run_through(settings, options, unlock)


@contextmanager
def alone(keystore: Path) -> Iterator[None]:
    """A wallet has one owner of its nonces: CannotRunError while another run of this machine trades with it.

    The kernel lets go of it when the last process of that run has ended, however that was.
    """
    end = time.monotonic() + WAIT_SECONDS
    with keystore.open("rb") as file:
        while not locked(file):
            if time.monotonic() > end:
                raise CannotRunError(
                    f"{keystore} is used by another run, and a wallet is traded by one at a time: "
                    f"stop that one, or name another wallet."
                )
            time.sleep(0.05)
        yield


def caps_of(settings: Settings) -> Caps:
    """What the signer is to allow at most."""

    def decided() -> str:
        from chains.evm.desk import desk_of  # noqa: PLC0415  The launcher needs no chain afterwards.

        return json.encode(desk_of(settings).caps()).decode()

    return json.decode(answered_apart(decided), type=Caps)
