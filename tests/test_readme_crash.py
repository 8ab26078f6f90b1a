"""The README's recipe for a crash is typed in, line by line, in a folder of its own."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECIPE = (ROOT / "README.md").read_text().partition("## What survives a crash: try it")[2]
LINES = re.findall(
    r"^\$ (.*?)(?: +#.*)?$", re.findall(r"```console\n(.*?)```", RECIPE, re.DOTALL)[0], re.MULTILINE
)


@pytest.fixture
def project(tmp_path):
    """The project as it is, with a market at hand, and data of its own."""
    for path in ROOT.iterdir():
        if path.name not in {".venv", "config.toml", "data", "runs", "bench", ".git"}:
            (tmp_path / path.name).symlink_to(path)
    config = (ROOT / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(
        re.sub(r'^feed = "auto"', 'feed = "simulated"', config, flags=re.MULTILINE)
    )
    (tmp_path / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (tmp_path / ".venv" / path.name).symlink_to(path)
    (tmp_path / ".venv/ok").unlink(missing_ok=True)
    (tmp_path / ".venv/ok").touch()
    return tmp_path


def shell(project, line):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.Popen(
        ["bash", "-c", line], cwd=project, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def typed(project, line):
    done = shell(project, line)
    said, complaint = done.communicate(timeout=60)
    assert done.returncode == 0, complaint
    return said


def trades(project, run):
    end = time.monotonic() + 30
    while True:
        asked = shell(project, 'make run ARGS="status"')
        said, _ = asked.communicate(timeout=30)
        if "money   running" in said and restarts_known(said):
            return said
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end, said


def restarts_known(said):
    return re.search(r"executor +\d+", said)


@pytest.mark.processes
def test_the_recipe_for_a_crash_works_as_it_is_written(project):
    status, kill_actor, again, kill_all, verify, start = LINES
    run = shell(project, start)
    trades(project, run)
    assert "executor" in typed(project, status)
    typed(project, kill_actor)
    time.sleep(1)
    trades(project, run)
    assert re.search(r"executor +\d+ +1\b", typed(project, again))
    typed(project, kill_all)
    run.communicate(timeout=20)
    before = int(re.search(r"([\d,]+) records", typed(project, verify))[1].replace(",", ""))
    run = shell(project, start)
    trades(project, run)
    typed(project, 'make run ARGS="stop"')
    said, complaint = run.communicate(timeout=60)
    assert run.returncode == 0, complaint
    assert "all 8 kept" in said
    assert int(re.search(r"([\d,]+) records", typed(project, verify))[1].replace(",", "")) >= before
