"""Keeps a log of the current format for ever, for later code to open: `python -m tests.golden.make`.

Run it once when a new format is released; it never replaces what is there.  Each format is kept twice: as it
is closed in order (`closed`), and as a killed process leaves it (`killed`, with a hot -wal).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from storage.log import FORMAT, records

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
APPENDS = {"closed": 45, "killed": 18}


def main() -> None:
    for state, appends in APPENDS.items():
        folder = HERE / f"format{FORMAT}" / state
        folder.mkdir(parents=True)  # Refuses to overwrite.
        with tempfile.TemporaryDirectory() as made:
            _keep(Path(made), folder, state, appends)
        print(f"{folder.relative_to(ROOT)}: {sum(each.stat().st_size for each in folder.iterdir())} bytes")


def _keep(made: Path, folder: Path, state: str, appends: int) -> None:
    more = ["--abandon"] if state == "killed" else []
    command = [sys.executable, "-m", "tests.crash.workload", str(made / "wal.db"), "--appends", str(appends)]
    subprocess.run([*command, *more], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for path in made.iterdir():
        if path.suffix != ".lock" and not path.name.endswith("-shm"):
            shutil.copy(path, folder)
    (folder / "records.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(list(records(made / "wal.db"))))
    )


if __name__ == "__main__":
    main()
