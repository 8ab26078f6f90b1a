"""What the README says is so: its commands, its pictures, its settings."""

import re
from pathlib import Path

import pytest

from actors import messages
from actors.commands.arguments import COMMANDS
from storage import layout, orders
from storage.config import Settings
from storage.resolution import page

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_its_make_targets_exist_and_have_a_line_in_make_help():
    named = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"run", "test", "help"} <= named
    assert named <= set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE))


def test_the_ci_runs_its_test_command_and_then_the_checks():
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^make .*", script, re.MULTILINE) == ["make test", "make check"]
    assert "set -euo pipefail" in script


def test_its_first_picture_is_the_protocols():
    flow = [line.strip() for line in (messages.__doc__ or "").splitlines() if "--" in line]
    blocks = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    assert blocks[0].splitlines() == flow


def test_its_life_cycle_is_the_tables():
    (drawn,) = re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL)
    assert drawn.strip() == orders.diagram()


def test_the_resolvers_page_is_its_tables():
    assert (ROOT / "storage/RESOLVER.md").read_text() == page()
    assert "storage/RESOLVER.md" in README


@pytest.mark.parametrize("key", sorted(set(re.findall(r"`([a-z]+\.[a-z_]+)`", README))))
def test_its_settings_and_files_exist(key):
    table, _, name = key.partition(".")
    files = {path(Path()).name for path in (layout.log_path, layout.projection_path, layout.venue_path)}
    known = {*files, "wal.head", "market.json", "holdfast.log", "holdfast.jsonl"}
    is_file = key in known or any(path.name == key for path in ROOT.rglob(key) if ".venv" not in path.parts)
    assert is_file or hasattr(getattr(Settings(), table), name)


def test_its_commands_are_commands():
    named = {words.split()[0] for words in re.findall(r'ARGS="(\w[^"]*)"', README)}
    assert named <= set(COMMANDS)
