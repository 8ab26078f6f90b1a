"""The log streams: whole lines from every process, no secrets, nothing lost."""

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loguru import logger

from storage import logs

ROOT = Path(__file__).parents[2]
KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.fixture
def folder(tmp_path):
    logs.start(tmp_path / "logs", "portfolio")
    yield tmp_path / "logs"
    logger.remove()
    logging.basicConfig(handlers=[], force=True)


def readable(folder):
    return (folder / "holdfast.log").read_text()


def entries(folder):
    return [json.loads(line) for line in (folder / "holdfast.jsonl").read_text().splitlines()]


def test_a_message_is_in_both_streams_with_role_level_and_place(folder):
    logger.warning("refused {}: {}", "buy:1", "max_positions")
    assert readable(folder).endswith(" WARNING  portfolio            refused buy:1: max_positions\n")
    (entry,) = entries(folder)
    assert entry["message"] == "refused buy:1: max_positions"
    assert (entry["role"], entry["level"]) == ("portfolio", "WARNING")
    assert entry["where"].startswith("tests.storage.test_logs:") or "test_logs" in entry["where"]
    assert entry["pid"] > 0


def test_no_secret_reaches_a_file_by_message_exception_or_bound_value(folder):
    logger.bind(url=f"https://me:{KEY}@host").info("key {}", KEY)
    try:
        int(f"bad key {KEY}")
    except ValueError:
        logger.exception("it failed with password=hunter2hunter2")
    logging.getLogger("aiohttp").error("header Authorization: Bearer %s", KEY)
    for text in (readable(folder), (folder / "holdfast.jsonl").read_text()):
        assert KEY[2:] not in text
        assert "hunter2" not in text
        assert "bad key [key " in text
        assert "aiohttp: header Authorization: [redacted]" in text


def test_the_value_of_a_variable_is_not_printed_with_a_traceback(folder):
    word = "-".join(["correct", "horse"])
    try:
        int(word[:0])
    except ValueError:
        logger.exception("failed")
    assert "invalid literal" in readable(folder)
    assert "correct-horse" not in readable(folder)


def test_a_message_can_not_pass_for_two(folder):
    logger.info("first\n2026-01-01 00:00:00.000 INFO     wal   forged")
    assert [line[:4] for line in readable(folder).splitlines()[1:]] == ["    "]
    assert len(entries(folder)) == 1


def test_the_files_are_the_owners_alone(folder):
    logger.info("x")
    for path in (folder, folder / "holdfast.log", folder / "holdfast.jsonl"):
        assert path.stat().st_mode & 0o077 == 0


WRITER = """
import sys
from pathlib import Path
from loguru import logger
from storage import logs
logs.start(Path(sys.argv[1]), sys.argv[2])
for number in range(400):
    logger.info("{} {}", number, "x" * 3000)
"""


def test_no_line_of_many_processes_is_lost_or_mixed_with_another(tmp_path):
    roles = ("wal", "market", "executor")
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), role], cwd=ROOT) for role in roles
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    for role in roles:
        mine = [entry["message"] for entry in entries(tmp_path) if entry["role"] == role]
        assert mine == [f"{number} {'x' * 3000}" for number in range(400)]
    assert len(readable(tmp_path).splitlines()) == 1200


def test_a_large_file_is_set_aside_at_a_start_and_the_oldest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LARGEST", 10)
    for number in range(8):
        (tmp_path / "holdfast.log").write_text(f"the content of start {number}")
        logs.rotate(tmp_path)
    kept = {path.name: path.read_text()[-1] for path in tmp_path.iterdir()}
    assert kept == {f"holdfast.log.{age}": str(8 - age) for age in range(1, 6)}


def test_a_small_file_is_written_on(tmp_path):
    (tmp_path / "holdfast.log").write_text("x")
    logs.rotate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holdfast.log"]


def test_on_a_full_disk_lines_are_left_out_and_counted_and_no_line_is_torn(tmp_path, monkeypatch):
    room = [10_000, 0, 5, 10_000]
    real = os.write

    def write(descriptor, data):
        space = room.pop(0)
        if space == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:space])

    append = logs._appender(tmp_path / "log", "%d lines are missing\n")
    monkeypatch.setattr(logs.os, "write", write)
    for line in ("first\n", "second\n", "third\n", "fourth\n"):
        append(line)
    assert (tmp_path / "log").read_text() == "first\n1 lin\n2 lines are missing\nfourth\n"
