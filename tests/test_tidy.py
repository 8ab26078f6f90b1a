"""What the code promises about its own shape.  (The idea is TigerBeetle's src/tidy.zig.)"""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["storage", "chains", "strategies", "actors"]  # Each may import itself and those to its left.
FOLDERS = {*LAYERS, "tests"}
MADE = {"data", "runs", "logs", "bench", "__pycache__"}  # In .gitignore: not part of the project.
FILE_LINES, FUNCTION_LINES, README_LINES = 400, 50, 120
# The command line holds no logic; the protocol is a catalogue that is read in one place.
OTHER_LINES = {"run.py": 150, "actors/messages.py": 800}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)

CLOCKS = {"time.time", "time.time_ns", "datetime.datetime.now", "datetime.datetime.utcnow"}
CLOCKS |= {"datetime.datetime.today", "datetime.date.today"}
CHANCE = {"random", "uuid", "secrets", "os.urandom", "numpy.random.default_rng", "numpy.random.seed"}
ALLOWED_IN = {name: {"actors/base.py"} for name in CLOCKS | CHANCE}
ALLOWED_IN["pickle"] = {"actors/frames.py"}  # Of Thespian's own messages, an explicit list.
ALLOWED_IN["thespian"] = {"actors/base.py", "actors/transport.py"}


def complaints(path: PurePath, text: str) -> list[str]:
    """What is wrong with a file, a sentence each; `path` is relative to the project."""
    tree, place = ast.parse(text), path.as_posix()
    found = [*_sizes(place, text, tree)]
    if path.parts[0] != "tests":
        found += [*_layering(path, tree), *_banned(place, tree)]
    return [f"{place}: {complaint}" for complaint in found]


def _sizes(place: str, text: str, tree: ast.Module) -> Iterator[str]:
    lines, most = len(text.splitlines()), OTHER_LINES.get(place, FILE_LINES)
    if lines > most:
        yield f"{lines} lines do not fit in one reading ({most})"
    first = 2 if text.startswith("#!") else 1
    if not (ast.get_docstring(tree) or "").strip() or tree.body[0].lineno != first:
        yield "the first line does not say what the file is for"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION) and node.end_lineno - node.lineno + 1 > FUNCTION_LINES:
            yield f"{node.name} does not fit on a screen ({FUNCTION_LINES} lines)"


def _layering(path: PurePath, tree: ast.Module) -> Iterator[str]:
    """actors/messages is the floor, run.py the roof."""
    layer = path.parts[0]
    below = LAYERS[: LAYERS.index(layer) + 1] if layer in LAYERS else LAYERS
    for name in sorted({name for name, _ in _imports(tree)}):
        top = name.split(".")[0]
        if path.as_posix() == "actors/messages.py" and top in FOLDERS | {"run"}:
            yield f"the messages must not import {name}"
        elif top in {"run", "tests"}:
            yield f"{layer} must not import {name}"
        elif top in LAYERS and top not in below and not (name + ".").startswith("actors.messages."):
            yield f"{layer}/ must not import {name}"


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What is imported, fully named, and what it is called here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from ((f"{start}.{alias.name}", alias.asname or alias.name) for alias in node.names)


def _banned(place: str, tree: ast.Module) -> Iterator[str]:
    known = {}
    for full, here in _imports(tree):
        known[here] = full if here != full.split(".")[0] else here
    used = {full for full, _ in _imports(tree)} | set(_dotted_names(tree, known)) | set(_by_text(tree))
    for name in sorted(used):
        for banned, allowed in ALLOWED_IN.items():
            if (name + ".").startswith(banned + ".") and place not in allowed:
                yield f"{name} belongs in {' or '.join(sorted(allowed))} alone"


def _dotted_names(tree: ast.Module, known: dict[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        parts, inner = [], node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in known:
            yield ".".join([known[inner.id], *reversed(parts)])


def _by_text(tree: ast.Module) -> Iterator[str]:
    """`__import__("x")` and `import_module("x")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"__import__", "import_module"}:
                yield str(node.args[0].value)


def files() -> list[Path]:
    inside = [path for folder in sorted(FOLDERS) for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*inside, *sorted(ROOT.glob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_tidy(path):
    assert complaints(path.relative_to(ROOT), path.read_text()) == []


def test_the_top_level_holds_the_five_folders_and_no_program_but_run():
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert found - MADE == FOLDERS
    assert {path.name for path in ROOT.glob("*.py")} == {"run.py"}


def test_every_folder_of_code_says_what_it_is_for_and_the_tests_are_no_package():
    for layer in LAYERS:
        for folder in {path.parent for path in (ROOT / layer).rglob("*.py")}:
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_readme_fits_in_one_sitting():
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


CLEAN = '"""Says what it is for."""\n\n'
LONG = "def long() -> None:\n" + "    pass\n" * 50
PLANTED = [
    ("storage/log.py", CLEAN + "x = 1\n" * 399, "do not fit in one reading (400)"),
    ("run.py", CLEAN + "x = 1\n" * 149, "do not fit in one reading (150)"),
    ("tests/test_long.py", CLEAN + "x = 1\n" * 399, "do not fit in one reading"),
    ("storage/log.py", "x = 1\n", "does not say what the file is for"),
    ("storage/log.py", '# The licence.\n"""Late."""\n', "does not say what the file is for"),
    ("storage/log.py", CLEAN + LONG, "long does not fit on a screen"),
    ("storage/log.py", CLEAN + "class A:\n    async " + LONG.replace("\n", "\n    "), "long does not fit"),
    ("storage/log.py", CLEAN + "from chains.pool import price_of\n", "storage/ must not import chains"),
    ("storage/log.py", CLEAN + "import actors.base\n", "storage/ must not import actors.base"),
    ("storage/log.py", CLEAN + "from actors import base\n", "storage/ must not import actors.base"),
    ("storage/log.py", CLEAN + "from actors.messages_old import Id\n", "must not import actors.messages_old"),
    ("chains/pool.py", CLEAN + "def f():\n    import strategies.exits\n", "must not import strategies"),
    ("strategies/exits.py", CLEAN + "from actors.wal import Wal\n", "strategies/ must not import actors.wal"),
    ("actors/wal.py", CLEAN + "import run\n", "actors must not import run"),
    ("actors/wal.py", CLEAN + "from tests import conftest\n", "actors must not import tests"),
    ("actors/messages.py", CLEAN + "from storage import config\n", "the messages must not import storage"),
    ("actors/messages.py", CLEAN + "from actors import base\n", "the messages must not import actors.base"),
    ("actors/wal.py", CLEAN + "import time\nx = time.time()\n", "time.time belongs in actors/base.py"),
    ("actors/wal.py", CLEAN + "import time as t\nx = t.time_ns\n", "time.time_ns belongs"),
    ("actors/wal.py", CLEAN + "from time import time\n", "time.time belongs"),
    ("run.py", CLEAN + "import datetime\nx = datetime.datetime.now()\n", "datetime.datetime.now belongs"),
    ("run.py", CLEAN + "from datetime import datetime as d\nx = d.now()\n", "datetime.datetime.now belongs"),
    ("run.py", CLEAN + "from datetime import date\nx = date.today()\n", "datetime.date.today belongs"),
    ("chains/pool.py", CLEAN + "import random\n", "random belongs in actors/base.py"),
    ("chains/pool.py", CLEAN + "from random import choice\n", "random.choice belongs"),
    ("chains/pool.py", CLEAN + "import numpy as np\nx = np.random.default_rng()\n", "default_rng belongs"),
    ("chains/pool.py", CLEAN + "import os\nx = os.urandom(8)\n", "os.urandom belongs"),
    ("chains/pool.py", CLEAN + "x = __import__('random')\n", "random belongs"),
    ("chains/pool.py", CLEAN + "from uuid import uuid4\n", "uuid.uuid4 belongs"),
    ("storage/log.py", CLEAN + "import pickle\n", "pickle belongs"),
    ("actors/transport.py", CLEAN + "import pickle\n", "pickle belongs in actors/frames.py alone"),
    ("actors/wal.py", CLEAN + "from thespian.actors import Actor\n", "thespian.actors.Actor belongs in"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "text", "complaint"), PLANTED)
def test_a_planted_violation_is_seen(place, text, complaint):
    found = complaints(PurePath(place), text)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("storage/log.py", CLEAN + "from actors.messages import Id\nimport time\nx = time.monotonic()\n"),
        ("actors/base.py", CLEAN + "import time, random, thespian.actors\nx = time.time()\n"),
        ("actors/transport.py", CLEAN + "from thespian.system import admin\n"),
        ("actors/wal.py", CLEAN + "from actors.base import Actor\nfrom storage import log\n"),
        ("chains/pool.py", CLEAN + "def random(): ...\nx = order.time.time\n"),
        ("tests/test_log.py", CLEAN + "import random, time, actors.base, thespian\nx = time.time()\n"),
        ("storage/log.py", CLEAN + "x = 1\n" * 398),
        ("storage/log.py", CLEAN + LONG.replace("    pass\n", "", 1)),
    ],
)
def test_what_is_allowed_is_not_complained_about(place, text):
    assert complaints(PurePath(place), text) == []
