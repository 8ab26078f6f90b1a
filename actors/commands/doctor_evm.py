"""What `run.py doctor` looks at before real money is traded on an EVM chain; it asks, and sends nothing."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, json

from actors.commands.apart import answered_apart
from actors.commands.keystore import with_wallet
from actors.commands.refused import CannotRunError
from actors.messages import Asset
from storage import books, log
from storage.config import Settings
from storage.holdings import of_another
from storage.layout import log_path
from storage.strict_toml import ConfigError


class Seen(Struct, frozen=True):
    """As chains/evm/checkup.py finds it."""

    ok: bool
    sentence: str
    matters: bool = True


def seen(settings: Settings) -> Iterator[Seen]:
    """One line for each thing; asked in a process of its own, for a chain's client is 60 MB."""
    booked = _booked(log_path(Path(settings.run.data_dir)))
    held = frozenset(booked.positions)
    try:
        known = with_wallet(settings)
        if others := of_another(booked, known.live.wallet, known.evm.chain):
            yield Seen(False, others)
        yield from json.decode(answered_apart(lambda: _asked(known, held)), type=list[Seen])
    except (CannotRunError, ConfigError) as error:
        yield Seen(False, str(error))


def _booked(path: Path) -> books.Books:
    """What a log adds up to; of one that is damaged the doctor says more elsewhere."""
    try:
        return books.fold(record for _, record in log.records(path))
    except (log.LogError, books.Unbookable):
        return books.Books()


def _asked(settings: Settings, held: frozenset[Asset]) -> str:
    return json.encode(asyncio.run(_look(settings, held))).decode()


async def _look(settings: Settings, held: frozenset[Asset]) -> list[Seen]:
    from chains.evm.checkup import checkup  # noqa: PLC0415

    with tempfile.TemporaryFile() as probe:  # As in the doctor: the system's clock, by what it writes.
        now_seconds = int(os.fstat(probe.fileno()).st_mtime)
    found = await checkup(settings, now_seconds, held)
    return [Seen(each.ok, each.sentence, each.matters) for each in found]
