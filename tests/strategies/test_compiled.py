"""Machine code is kept where it can be, thrown away with the code that it was made of, and needed by few."""

import ast
import ctypes
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
from llvmlite import binding

from strategies import compiled, native
from strategies.kernel.curves import deepest
from tests.strategies import odd

ROOT = Path(__file__).parent.parent.parent
NEEDS_NO_CODE = ["run", "actors.system", "actors.portfolio", "actors.executor", "actors.strategist",
                 "actors.commands.backtest", "strategies.limits", "strategies.exits"]  # fmt: skip


def loaded(script):
    """Whether numba and llvmlite are, after this."""
    script = f"import sys; {script}; print('numba' in sys.modules, 'llvmlite' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.split()


@pytest.mark.parametrize("module", NEEDS_NO_CODE)
def test_who_does_not_step_loads_no_machine_code(module):
    assert loaded(f"import {module}") == ["False", "False"]


def test_who_steps_does_not_load_the_compiler():
    called = "from strategies.kernel.curves import deepest; import numpy; deepest(numpy.ones(2))"
    assert loaded(called) == ["False", "True"]


def test_the_compiler_does_not_bring_scipy_and_leaves_it_to_who_wants_it():
    script = (
        "import sys; from strategies.compiling import load_without_blas; load_without_blas(); import numba; "
        "print('scipy.linalg' in sys.modules); import scipy.linalg"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]


def test_the_first_folder_that_can_be_written_to_is_taken(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("no folder")
    found = compiled.kept_in(iter([file, tmp_path / "cache"]))
    assert found == tmp_path / "cache" / compiled.OURS
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
    "print(t[-1], compiled.folder())"
)


def started(folder: Path, cache: Path, more: dict[str, str]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(cache), **more}
    environment.pop("NUMBA_DISABLE_JIT", None)
    words = [sys.executable, "-c", STEP]
    return subprocess.Popen(words, cwd=folder, text=True, env=environment, stdout=PIPE, stderr=PIPE)


def kept_step(kernels: Path) -> list[Path]:
    found = kernels.glob("*/strategies.momentum.step.*")
    return [each for each in found if each.suffix != ".lock"]


def step_in(folder: Path, cache: Path, more: dict[str, str] | None = None) -> list[str]:
    """What the step gives, whether its code was made or found, and where."""
    step = started(folder, cache, more or {})
    told, errors = step.communicate(timeout=120)
    assert step.returncode == 0, errors
    value, place = told.split()
    return [value, "made" if "is compiled" in errors else "found", place]


def test_machine_code_is_found_again_until_a_function_that_it_calls_is_changed(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]
    assert step_in(folder, tmp_path)[:2] == ["1.0", "found"]
    layout = folder / "strategies/layout.py"
    layout.write_text(layout.read_text() + "\n# Changed.\n")
    assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]


def test_a_checkout_that_can_not_be_written_to_uses_the_user_s_cache(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    (folder / ".kernels").write_text("in the way, as a read-only folder would be")
    assert step_in(folder, tmp_path / "cache")[:2] == ["1.0", "made"]
    assert step_in(folder, tmp_path / "cache")[:2] == ["1.0", "found"]
    assert list((tmp_path / "cache/holdfast").iterdir())


def test_without_a_folder_to_write_to_it_is_made_at_every_start(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    (folder / ".kernels").write_text("in the way")
    (tmp_path / "holdfast").write_text("in the way too")
    for _ in range(2):
        assert step_in(folder, tmp_path) == ["1.0", "made", "None"]


def test_of_two_that_start_at_once_one_makes_it(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    both = [started(folder, tmp_path, {}) for _ in range(2)]
    told = [each.communicate(timeout=120) for each in both]
    assert [value.split()[0] for value, _ in told] == ["1.0", "1.0"]
    assert sum("is compiled" in errors for _, errors in told) == 1


def test_a_compiler_whose_parent_is_killed_goes_on_for_the_next(tmp_path):
    """An actor that compiles for too long is killed as one that hangs; its successor waits, and finds it."""
    folder = copy_of_the_code(tmp_path / "code")
    step = started(folder, tmp_path, {})
    while not list(folder.glob(".kernels/*/*.lock")):
        assert step.poll() is None
    time.sleep(0.5)
    step.kill()
    step.communicate()
    assert step_in(folder, tmp_path)[:2] == ["1.0", "found"]


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_file_that_is_not_whole_is_made_again(tmp_path, damage):
    folder = copy_of_the_code(tmp_path / "code")
    step_in(folder, tmp_path)
    (file,) = kept_step(folder / ".kernels")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]
    assert step_in(folder, tmp_path)[:2] == ["1.0", "found"]


TWO = """
define linkonce_odr i64 @part() {{ ret i64 {} }}
define i32 @entry(ptr %gives, ptr %raised, i64 %one) {{
    %found = call i64 @part()
    store i64 %found, ptr %gives
    ret i32 0
}}
"""


def test_what_has_one_name_in_two_files_is_two_functions():
    def function(one: int) -> int:
        return one

    found = []
    for number in (1, 2):
        native._initialize()
        machine = binding.Target.from_default_triple().create_target_machine()
        code = machine.emit_object(binding.parse_assembly(TWO.format(number)))
        found.append(native._callable(function, (0,), "entry", code))
    assert [each(0) for each in found] == [1, 2]


# -- what it is made of -------------------------------------------------------------------------------------
def names_compiled_in(path: Path) -> set[str]:
    """The project's modules from which a function that is compiled uses a name."""
    tree, used = ast.parse(path.read_text()), set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and {"part", "inlined", "compiled"} & marks_of(function):
            used |= {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    return {each.module or "" for each in imports if used & {name.asname or name.name for name in each.names}}


def marks_of(function: ast.FunctionDef) -> set[str]:
    return {
        each.id for mark in function.decorator_list for each in ast.walk(mark) if isinstance(each, ast.Name)
    }


def test_no_number_is_compiled_in_that_the_digest_does_not_know():
    found = {name for path in (ROOT / "strategies").rglob("*.py") for name in names_compiled_in(path)}
    ours = {name for name in found if name.split(".")[0] in {"actors", "storage", "chains", "strategies"}}
    assert "strategies.ai_layout" in ours
    assert {name for name in ours if not name.startswith("strategies")} == {"actors.messages"}


def test_another_number_in_any_of_these_files_is_other_code(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    told = "from strategies import compiled; print(compiled.OURS)"
    found = set()
    for name in ("strategies/ai_layout.py", "strategies/kernel/wide.py", "actors/messages.py", "README"):
        with (folder / name).open("a") as file:
            file.write("# Changed.\n")
        words = [sys.executable, "-c", told]
        found.add(subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 3


def test_code_that_was_changed_while_it_runs_is_not_taken_for_its_own(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    change = "p = compiled.HERE / 'layout.py'; p.write_text(p.read_text() + '#'); "
    step = STEP.replace("t = [", change + "t = [")
    ran = subprocess.run(
        [sys.executable, "-c", step], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert "its files have changed since the program was started" in ran.stderr
    assert kept_step(folder / ".kernels") == []


def test_what_numba_is_told_by_variables_is_not_in_the_code(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    told = {"NUMBA_OPT": "0", "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    sizes = []
    for more in ({}, told):
        shutil.rmtree(folder / ".kernels", ignore_errors=True)
        step_in(folder, tmp_path, more)
        sizes += [each.stat().st_size for each in kept_step(folder / ".kernels")]
    assert sizes[0] == sizes[1]


def test_a_file_that_can_not_be_kept_or_read_is_made_at_every_start(tmp_path):
    folder = copy_of_the_code(tmp_path / "code")
    place = Path(step_in(folder, tmp_path)[2])
    (file,) = kept_step(folder / ".kernels")
    file.unlink()
    file.mkdir()  # Neither can be read, nor can another take its place.
    for _ in range(2):
        assert step_in(folder, tmp_path)[:2] == ["1.0", "made"]
    assert [each for each in place.iterdir() if each.name.split(".")[-1].isdigit()] == []


def test_who_waits_too_long_for_another_makes_it_himself(tmp_path, monkeypatch):
    monkeypatch.setattr(native, "PATIENCE_SECONDS", 0.3)
    path = tmp_path / "step"
    with native._in_turn(path), native._in_turn(path):
        """Both are in, the second after a while."""


def test_a_user_without_a_home_keeps_it_in_the_checkout_or_nowhere(monkeypatch):
    def unknown(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_CACHE_HOME", "cache")  # Not absolute: as if it were not set.
    monkeypatch.setattr(Path, "expanduser", unknown)
    assert list(compiled.places()) == [ROOT / ".kernels"]


# -- what an entry is called with ---------------------------------------------------------------------------
def test_every_argument_comes_where_it_belongs():
    table = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert odd.corner(table, (0.5, (7, 8)), 1) == 6 + 700 + 80_000 + 500_000
    assert odd.corner(table, (0.5, (7, 8)), 1) == odd.corner.function(table, (0.5, (7, 8)), 1)
    assert (odd.is_less(1, 2), odd.is_less(2, 1), odd.is_less(-(2**63), 2**63 - 1)) == (True, False, True)


READ_ONLY = np.zeros(3)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "row",
    [
        np.zeros(3, np.float32),
        np.zeros((3, 1)),
        np.zeros(6)[::2],
        np.zeros(3, ">f8"),
        READ_ONLY,
        np.ma.array([1.0]),
        [1.0],
        1.0,
    ],
)
def test_an_array_of_another_kind_is_refused(row):
    with pytest.raises(TypeError, match="an array of float64 in 1 dimensions"):
        deepest(row)


def test_other_arguments_are_refused():
    for given in [(1,), (1, 2, 3)]:
        with pytest.raises(ValueError, match="zip"):
            odd.is_less(*given)
    for given in (2.5, 2**63, -(2**63) - 1):
        with pytest.raises((ctypes.ArgumentError, OverflowError)):
            odd.is_less(1, given)
    with pytest.raises(TypeError, match="no entry is called with str"):
        odd.of_words("words")
    with pytest.raises(TypeError, match="no entry is called with bool"):
        odd.of_a_bool(True)


def test_what_fails_says_how_to_find_out_where():
    assert odd.divided(7, 2) == 3
    with pytest.raises(
        RuntimeError, match=r"odd.divided has failed; with NUMBA_DISABLE_JIT=1 Python says where"
    ):
        odd.divided(7, 0)


def test_what_can_not_be_compiled_says_why():
    with pytest.raises(RuntimeError, match=r"says_otherwise gives float64, and says that it gives .*int"):
        odd.says_otherwise(np.zeros(1))
    with pytest.raises(RuntimeError, match=r"(?s)makes_no_sense can not be compiled: .*no_such_thing"):
        odd.makes_no_sense(np.zeros(1))
    with pytest.raises(RuntimeError, match="needs_numba needs numba_gamma, which are there with numba alone"):
        odd.needs_numba(1.0)
    with pytest.raises(RuntimeError, match="has_an_address has the address of an array in it"):
        odd.has_an_address(1)
