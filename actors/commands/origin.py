"""Which market a data folder's books belong to.  Positions of one market can not be sold on another."""

import os
from hashlib import blake2b
from pathlib import Path

from msgspec import DecodeError, Struct, ValidationError, json
from msgspec.structs import replace

from actors.commands.refused import CannotRunError
from storage.config import Run
from storage.config_evm import Evm
from storage.consent import LIVE

NAME = "market.json"


class Origin(Struct, frozen=True, forbid_unknown_fields=True):
    """Seed and recordings decide what happens next; speed and the end do not."""

    feed: str
    seed: int
    recordings: tuple[str, ...] = ()  # Digest and name of each file.
    chain: str = ""
    wallet: str = ""  # Whose real money it is; "": play money.


def origin_of(run: Run, chain: str = "", wallet: str = "") -> Origin:
    """`chain` is what [evm] describes, other feeds have none; `wallet` is that of a live run."""
    files = tuple(f"{_digest(Path(name))} {Path(name).name}" for name in run.recordings)
    return Origin(
        run.feed, run.seed, files, chain if run.feed == "chain" else "", wallet if run.mode == LIVE else ""
    )


def place_of(evm: Evm) -> str:
    """The chain, and what the books know its own coin as: money to spend is no position, nor gas alone."""
    return f"{evm.chain} (its coin as {evm.native_as})" if evm.native_as else evm.chain


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = blake2b(digest_size=8)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()


def remembered(data_dir: Path) -> Origin | None:
    """What the folder was begun with; None for a new one."""
    path = data_dir / NAME
    try:
        return json.decode(path.read_bytes(), type=Origin) if path.exists() else None
    except (DecodeError, ValidationError) as error:
        raise CannotRunError(
            f"{path} is damaged ({error}): restore it, or name another --data-dir."
        ) from error


def continued(run: Run, data_dir: Path) -> Run:
    """The run with its market: of its own choice, or, where that is left open, the folder's."""
    before = remembered(data_dir)
    if before is not None and run.feed == "auto" and before.feed in {"live", "simulated"}:
        return replace(run, feed="live" if before.feed == "live" else "simulated")
    return run


def check(run: Run, data_dir: Path, chain: str = "", wallet: str = "") -> None:
    """CannotRunError if the folder's books were begun on another market, or with other money."""
    before, now = remembered(data_dir), origin_of(run, chain, wallet)
    if before is not None and before != now:
        raise CannotRunError(
            f"{data_dir} holds a run on {_words(before)}, not on {_words(now)}: "
            f"continue that one, or name another folder with --data-dir."
        )


def remember(run: Run, data_dir: Path, chain: str = "", wallet: str = "") -> None:
    """Whole or not at all, and before the first record."""
    path, temporary = data_dir / NAME, data_dir / f"{NAME}.tmp"
    if path.exists():
        return
    with temporary.open("wb") as file:
        file.write(json.encode(origin_of(run, chain, wallet)))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _words(origin: Origin) -> str:
    names = ", ".join(entry.split(" ", 1)[1] for entry in origin.recordings)
    market = f"recording {names}" if names else f"the {origin.chain or origin.feed} market"
    play = " and play money" if origin.chain else ""
    money = f" and the real money of {origin.wallet}" if origin.wallet else play
    return f"{market} with seed {origin.seed}{money}"
