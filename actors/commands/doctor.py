"""Looks at everything a run needs, and says of each whether it is well, and if not, what to do."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct
from rich.console import Console

from actors.commands import doctor_evm
from actors.commands.apart import answered_apart
from actors.commands.folders import LEAST_FREE, run_dir
from actors.commands.market_choice import live_is_reachable
from actors.commands.refused import DONE, FAILED, CannotRunError
from actors.processes import admin_pid
from actors.system import CAST
from storage import books, keystore, log
from storage.config import Settings, load
from storage.consent import LIVE
from storage.layout import log_path
from storage.strict_toml import ConfigError

ROOT = Path(__file__).parents[2]
OLDEST_CLOCK_S = 1_735_689_600  # 2025-01-01: whoever reads this lives later.
SLOW_SYNC_MS = 50.0
SIGNER = "signer"  # The role: whoever imports its class has the means to sign.


class Finding(Struct, frozen=True):
    ok: bool
    sentence: str
    matters: bool = True  # A run can not do without it.


def doctor(config: Path, overrides: dict[str, object]) -> int:
    console, well = Console(), True
    for finding in findings(config, overrides):
        mark, style = (
            ("ok  ", "green") if finding.ok else ("FAIL", "red") if finding.matters else ("note", "yellow")
        )
        console.print(f"[{style}]{mark}[/] ", end="")
        console.print(finding.sentence, highlight=False, markup=False, soft_wrap=True)
        well = well and (finding.ok or not finding.matters)
    return DONE if well else FAILED


def findings(config: Path, overrides: dict[str, object]) -> Iterator[Finding]:
    yield _python()
    yield _packages(ROOT / "requirements.in")
    try:
        settings = load(config, overrides)
    except ConfigError as error:
        yield Finding(False, str(error))
        return
    yield Finding(True, f"{config}: every setting is known and possible.")
    data_dir = Path(settings.run.data_dir)
    yield from _disk(data_dir)
    yield _sockets(run_dir(data_dir))
    if log_path(data_dir).exists():
        yield _log(log_path(data_dir))
    held = keys(settings)
    yield held
    if settings.run.mode != LIVE:
        yield _live(settings)
    elif held.ok:
        yield from (Finding(each.ok, each.sentence, each.matters) for each in doctor_evm.seen(settings))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 14):
        return Finding(
            False, f"Python {found}: not tried with Thespian yet; 3.11 to 3.13 are.", matters=False
        )
    return Finding(True, f"Python {found}.")


def _packages(listed: Path) -> Finding:
    names = [
        line.split("#")[0].split("==")[0].strip() for line in listed.read_text().split("\n\n")[0].splitlines()
    ]
    missing = [name for name in names if name and not _is_installed(name)]
    if missing:
        return Finding(False, f"Not installed: {', '.join(missing)}; `make test` sets everything up.")
    return Finding(True, f"{len([name for name in names if name])} packages are installed.")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _disk(data_dir: Path) -> Iterator[Finding]:
    """Tried where the folder is, or would be made."""
    folder = data_dir
    while not folder.exists():
        folder = folder.absolute().parent
    probe = folder / f".doctor-{os.getpid()}"
    try:
        took_ms, written_at_s = _synced(probe)
    except OSError as error:
        yield Finding(False, f"{folder} can not be written ({error.strerror}): name another with --data-dir.")
        return
    finally:
        probe.unlink(missing_ok=True)
    yield Finding(True, f"{folder} can be written.")
    free = shutil.disk_usage(folder).free
    yield Finding(
        free >= LEAST_FREE, f"{free / 2**30:,.1f} GB free there; {LEAST_FREE // 2**20} MB are needed."
    )
    slow = f"{took_ms:.1f} ms to have 4 kB on the disk for certain"
    advice = "" if took_ms <= SLOW_SYNC_MS else "; each trade waits for three of those: a faster disk helps"
    yield Finding(took_ms <= SLOW_SYNC_MS, f"{slow}{advice}.", matters=False)
    sane = written_at_s > OLDEST_CLOCK_S
    yield Finding(sane, "The clock is plausible." if sane else "The clock is before 2025: set it.")


def _synced(probe: Path) -> tuple[float, float]:
    """Milliseconds of the median of nine synced writes, and the time of the last by the system's clock."""
    times = []
    with probe.open("wb", buffering=0) as file:
        for _ in range(9):
            began = time.monotonic()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return sorted(times)[4] * 1000, probe.stat().st_mtime


def _sockets(folder: Path) -> Finding:
    if not folder.exists():
        return Finding(True, f"{folder} will hold the sockets of a run.")
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        return Finding(False, f"{folder} must be yours alone: chmod 700 it, or remove it.")
    pid = admin_pid(str(folder))
    return Finding(
        True, f"{folder} is private; {f'process {pid} runs there' if pid else 'nothing runs there'}."
    )


def _log(path: Path) -> Finding:
    def verified() -> str:
        try:
            log.verify_file(path)
            books.fold(record for _, record in log.records(path))
        except (log.LogError, books.Unbookable) as error:
            raise CannotRunError(str(error)) from error
        return f"{path}: {log.head_of(path).lsn:,} records, chained without a gap, and the books add up."

    return _answered(verified)


def _answered(question: Callable[[], str]) -> Finding:
    try:
        return Finding(True, answered_apart(question))
    except CannotRunError as error:
        return Finding(False, str(error))


def _live(settings: Settings) -> Finding:
    if live_is_reachable(settings):
        return Finding(True, f"Live prices: {settings.live.url} answers.")
    return Finding(
        False,
        f"Live prices: {settings.live.url} does not answer; runs are simulated meanwhile.",
        matters=False,
    )


def keys(settings: Settings) -> Finding:
    """live-by-consent: what play money trades with can not sign, whatever it is asked."""
    if settings.run.mode == LIVE:
        return _answered(lambda: _wallet(Path(settings.live.keystore)))
    if SIGNER in CAST:
        return Finding(False, f"Paper mode would start a {SIGNER}: do not run this version, and report it.")
    return Finding(True, f"Paper mode starts no {SIGNER} and opens no keystore.")


def _wallet(path: Path) -> str:
    try:
        return f"{path}: the key of {keystore.address_of(path)}, which only you can read."
    except keystore.KeystoreError as error:
        raise CannotRunError(str(error)) from error
