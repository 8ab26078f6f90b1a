"""Keeps a log of the current format for ever, for later code to open: `python -m tests.golden.make`.

Run it once when a new format is released, or a new kind of file; it never replaces what is there.  Each
format is kept as it is closed in order, as a killed process leaves it (with a hot -wal), and with an archive
beside it.  `closed` and `killed` are of pages of 4096 bytes, as they were at first; the others of today's.
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
KINDS = {
    "closed": ("--appends", "45"),
    "killed": ("--appends", "18", "--abandon"),
    "pages2048": ("--appends", "30"),
    "pages2048-killed": ("--appends", "18", "--abandon"),
    "archived": ("--appends", "30", "--then", "archive"),
}


def main() -> None:
    for kind, options in KINDS.items():
        folder = HERE / f"format{FORMAT}" / kind
        if folder.exists():
            continue
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as made:
            _keep(Path(made), folder, options)
        print(f"{folder.relative_to(ROOT)}: {sum(each.stat().st_size for each in folder.iterdir())} bytes")


def _keep(made: Path, folder: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tests.crash.workload", str(made / "wal.db"), "--primed", "4096"]
    subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for path in made.iterdir():
        if path.suffix != ".lock" and not path.name.endswith("-shm"):
            shutil.copy(path, folder)
    (folder / "records.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(list(records(made / "wal.db"))))
    )


if __name__ == "__main__":
    main()
