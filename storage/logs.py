"""Two log streams that all processes share: holdfast.log to read, holdfast.jsonl for programs.

Each line leaves in one write to a file opened with O_APPEND, so lines of different processes never mix.
Secrets are taken out before any sink sees a message.  Files are rotated only by whoever owns the data folder,
before it starts anybody else: no process ever holds a file that another one has moved away.
"""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger

from storage.secrets import redacted

READABLE, JSON_LINES = "holdfast.log", "holdfast.jsonl"
LARGEST = 20_000_000  # Bytes a file may have at a start before it is set aside.
KEPT = 5  # Files set aside, .1 the newest.
_MISSING = "%d lines are missing here: the disk was full\n"
_MISSING_JSON = '{"level": "WARNING", "message": "%d lines are missing here: the disk was full"}\n'


def start(folder: Path, role: str, level: str = "INFO", libraries: bool = True) -> None:
    """Send everything this process logs from now on to the folder's two files.  OSError if it can not be.

    `libraries`: what they log through `logging` as well; in an actor the transport sees to that.
    """
    readable, json_lines = (
        _appender(folder / READABLE, _MISSING),
        _appender(folder / JSON_LINES, _MISSING_JSON),
    )
    logger.remove()
    logger.configure(extra={"role": role}, patcher=_without_secrets)
    logger.add(lambda message: readable(str(message)), level=level, format=_line, colorize=False)
    logger.add(lambda message: json_lines(_json(message.record)), level=level, format="{message}")
    if libraries:
        logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)


def rotate(folder: Path) -> None:
    """Set large files aside.  Only for the owner of the data folder, before any other process runs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (READABLE, JSON_LINES):
        path = folder / name
        if path.exists() and path.stat().st_size > LARGEST:
            for number in range(KEPT - 1, 0, -1):
                older = folder / f"{name}.{number}"
                if older.exists():
                    older.replace(folder / f"{name}.{number + 1}")
            path.replace(folder / f"{name}.1")


def _appender(path: Path, missing: str) -> Callable[[str], None]:
    """On a full disk trading goes on without its lines; how many are missing is said when there is room."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    lost, torn = 0, ""

    def append(line: str) -> None:
        nonlocal lost, torn
        data = (torn + (missing % lost if lost else "") + line).encode("utf-8", "backslashreplace")
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise  # loguru reports it on stderr; trading goes on.
            written = 0
        whole = written == len(data)
        lost, torn = (0, "") if whole else (lost + 1, "\n" if written else torn)

    return append


def _without_secrets(record: Any) -> None:
    """Whatever a sink could show: the message, what was bound to it, and the exception's own words."""
    record["message"] = redacted(record["message"])
    for name, value in record["extra"].items():
        record["extra"][name] = value if isinstance(value, int | float | None) else redacted(str(value))
    error = record["exception"]
    if error is not None:
        lines = traceback.format_exception(error.type, error.value, error.traceback)
        record["extra"]["exception"], record["exception"] = redacted("".join(lines)).rstrip(), None


def _line(record: Any) -> str:
    """loguru fills in the braces.  A message of several lines stays recognisable as one."""
    record["extra"]["_text"] = record["message"].replace("\n", "\n    ").replace("\r", "\\r")
    tail = "\n{extra[exception]}" if "exception" in record["extra"] else ""
    return "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <8} {extra[role]: <20} {extra[_text]}" + tail + "\n"


def _json(record: Any) -> str:
    extra = {name: value for name, value in record["extra"].items() if name != "_text"}
    line = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "role": extra.pop("role"),
        "pid": record["process"].id,
        "where": f"{record['name']}:{record['line']}",
        "message": record["message"],
        **extra,
    }
    return msgspec.json.encode(line).decode() + "\n"


class _FromLibraries(logging.Handler):
    """What asyncio, aiohttp and others say through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        logger.opt(exception=record.exc_info).log(level, "{}: {}", record.name, record.getMessage())


def to_stderr() -> None:
    """For commands that own no data folder: warnings to the terminal, secrets taken out."""
    logger.remove()
    logger.configure(extra={"role": "run"}, patcher=_without_secrets)
    logger.add(sys.stderr, level="WARNING", format="{message}", colorize=False)
