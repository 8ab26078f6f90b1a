"""Machine code is kept where it can be, thrown away with the code that it was made of, and needed by few."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strategies import compiled

ROOT = Path(__file__).parent.parent.parent
NEEDS_NO_COMPILER = ["run", "actors.system", "actors.portfolio", "actors.executor", "actors.strategist",
                     "actors.commands.backtest", "strategies.limits", "strategies.exits"]  # fmt: skip


@pytest.mark.parametrize("module", NEEDS_NO_COMPILER)
def test_who_does_not_step_does_not_load_the_compiler(module):
    script = f"import sys, {module}; print('numba' in sys.modules, 'llvmlite' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_the_compiler_does_not_bring_scipy_and_leaves_it_to_who_wants_it():
    script = "import sys, strategies.steps; print('scipy.linalg' in sys.modules); import scipy.linalg"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]


def test_the_first_folder_that_can_be_written_to_is_taken(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("no folder")
    found = compiled.kept_in(iter([file, tmp_path / "cache"]))
    assert found == tmp_path / "cache" / compiled.digest()
    assert compiled.kept_in(iter([file])) is None


def copy_of_the_code(folder: Path) -> Path:
    for name in ("actors", "storage", "chains", "strategies"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


STEP = (
    "from strategies import compiled, momentum; import numpy as np; "
    "p = np.array([1.0, 0, .1, 2, 1, 1, 0]); s = momentum.new_state(p); "
    "t = [momentum.step(s, p, (1.0, 1.0, 1.0, float(c), 0.0, 0.0)) for c in (1, 1, 2)]; "
    "print(t[-1], momentum.step.stats.cache_hits, compiled.FOLDER)"
)


def step_in(folder: Path, cache: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(cache)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    ran = subprocess.run(
        [sys.executable, "-c", STEP], cwd=folder, capture_output=True, text=True, check=True, env=environment
    )
    value, hits = ran.stdout.split("{")[0].split(" ", 1)
    return [value, "hit" if "{" in ran.stdout and ": 1" in ran.stdout else "made", hits]


def test_machine_code_is_found_again_until_a_function_that_it_calls_is_changed(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]
    assert step_in(folder, tmp_path)[:2] == ["1.0", "hit"]
    layout = folder / "strategies/layout.py"
    layout.write_text(layout.read_text() + "\n# Changed.\n")
    assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]


def test_a_checkout_that_can_not_be_written_to_uses_the_user_s_cache(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    (folder / ".kernels").write_text("in the way, as a read-only folder would be")
    assert step_in(folder, tmp_path / "cache")[:2] == ["1.0", "made"]
    assert step_in(folder, tmp_path / "cache")[:2] == ["1.0", "hit"]
    assert list((tmp_path / "cache/holdfast").iterdir())
