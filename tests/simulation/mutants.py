"""Plants bugs, one at a time, in a copy of the project, and sees who finds them: `make mutants`.

A planted bug is a text and what stands in its place.  The text must be there exactly once, so a mutant that
no longer fits the code is an error, not a silent pass.  Caught too late is not caught: the seconds are those
of a processor, with all children, for a machine may have other work.
"""

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crash.mutants import MUTANTS as OF_THE_LOG
from tests.simulation.planted import MUTANTS, Mutant
from tests.simulation.planted_chains import MUTANTS as OF_CHAINS
from tests.simulation.planted_forks import MUTANTS as OF_FORKS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("actors", "chains", "storage", "strategies", "tests", "run.py", "pyproject.toml", "config.toml")
# How a harness says that something is wrong; a harness that broke says something else.
VERDICT = re.compile(r"seed \d|FAILED tests/|[\w ]+: BAD: ")
MOST_SECONDS = 60
HANGS_SECONDS = 700
ALL = (*MUTANTS, *OF_CHAINS, *OF_FORKS, *(Mutant(*words, harness=harness) for *words, harness in OF_THE_LOG))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    asked = parser.parse_args()
    asked_for = [mutant for mutant in ALL if asked.only in mutant.name]
    survivors, slowest = [], (0.0, "")
    for mutant in asked_for:
        caught, seconds, how = tried(mutant)
        late = caught and seconds > MOST_SECONDS
        word = "TOO LATE" if late else "caught" if caught else "SURVIVES"
        print(f"{word:9} {seconds:5.1f} s  {mutant.name}: {how}", flush=True)
        survivors += [] if caught and not late else [mutant.name]
        slowest = max(slowest, (seconds, mutant.name))
    count = f"{len(asked_for)} mutants, the slowest took {slowest[0]:.1f} s ({slowest[1]})"
    print(f"{len(survivors)} of {count}: {', '.join(survivors)}" if survivors else f"all are caught: {count}")
    return 1 if survivors else 0


def tried(mutant: Mutant) -> tuple[bool, float, str]:
    """Whether its harness fails, how soon, and what it says."""
    with tempfile.TemporaryDirectory(prefix="holdfast-mutant-") as folder:
        copied = planted(mutant, Path(folder))
        module = mutant.file.removesuffix(".py").replace("/", ".")
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=copied, check=True)
        begun = _seconds_of_children()
        run = subprocess.run([sys.executable, *mutant.harness], cwd=copied, capture_output=True, text=True,
                             timeout=HANGS_SECONDS, check=False, preexec_fn=_hurried)  # fmt: skip
    seconds = _seconds_of_children() - begun
    lines = (run.stdout + run.stderr).strip().splitlines()
    said = next(filter(VERDICT.match, lines), lines[-1] if lines else "")
    return run.returncode == 1 and VERDICT.match(said) is not None, seconds, said[:160]


def _hurried() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
