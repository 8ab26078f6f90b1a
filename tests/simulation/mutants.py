"""Plants bugs, one at a time, in a copy of the project, and sees who finds them: `make mutants`.

A planted bug is a text and what stands in its place.  The text must be there exactly once, so a mutant that
no longer fits the code is an error, not a silent pass.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.mutants import MUTANTS as OF_THE_LOG
from tests.simulation.planted import MUTANTS, Mutant
from tests.simulation.planted_chains import MUTANTS as OF_CHAINS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("actors", "chains", "storage", "strategies", "tests", "run.py", "pyproject.toml", "config.toml")
# How a harness says that something is wrong; a harness that broke says something else.
VERDICT = re.compile(r"seed \d|FAILED tests/|[\w ]+: BAD: ")
ALL = (*MUTANTS, *OF_CHAINS, *(Mutant(*words, harness=harness) for *words, harness in OF_THE_LOG))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    asked = parser.parse_args()
    survivors = []
    for mutant in ALL:
        if asked.only in mutant.name:
            caught, seconds, how = tried(mutant)
            print(
                f"{'caught' if caught else 'SURVIVES':9} {seconds:5.1f} s  {mutant.name}: {how}", flush=True
            )
            survivors += [] if caught else [mutant.name]
    print(f"{len(survivors)} survive" if survivors else "all are caught")
    return 1 if survivors else 0


def tried(mutant: Mutant) -> tuple[bool, float, str]:
    """Whether its harness fails, how soon, and what it says."""
    with tempfile.TemporaryDirectory(prefix="holdfast-mutant-") as folder:
        copied = planted(mutant, Path(folder))
        module = mutant.file.removesuffix(".py").replace("/", ".")
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=copied, check=True)
        begun = time.monotonic()
        run = subprocess.run([sys.executable, *mutant.harness], cwd=copied, capture_output=True, text=True,
                             timeout=180, check=False)  # fmt: skip
    seconds = time.monotonic() - begun
    lines = (run.stdout + run.stderr).strip().splitlines()
    said = next(filter(VERDICT.match, lines), lines[-1] if lines else "")
    return run.returncode == 1 and VERDICT.match(said) is not None, seconds, said[:160]


def planted(mutant: Mutant, folder: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for file, text, instead in places(mutant):
        path = folder / file
        before = path.read_text()
        if before.count(text) != 1:
            raise SystemExit(f"{mutant.name}: its text is {before.count(text)} times in {file}, not once")
        path.write_text(before.replace(text, instead))
    return folder


def places(mutant: Mutant) -> tuple[tuple[str, str, str], ...]:
    return ((mutant.file, mutant.text, mutant.instead), *mutant.also)


if __name__ == "__main__":
    sys.exit(main())
