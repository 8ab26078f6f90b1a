"""All that can go wrong with trades on a devnet: `make crash-evm`, in less than an hour where it is quiet.

First an executor that sends before it writes, which must be found out; then every cell of the matrix, a
hundred orders at once, and the fuzz.  Each part is over when it is done, and wrong when nothing goes on any
more: on a busy machine all of it takes longer, and says the same.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.devnet.trading.desk import ROOT
from tests.devnet.trading.matrix import Cell, cells, coin_cells, played

CARELESS = "tests.devnet.trading.careless"
EVERY = (*cells(), *coin_cells())


def control() -> list[str]:
    """Of a careless executor; nothing, if nobody has noticed."""
    cell = next(each for each in cells() if each.name.startswith("v2-swap-drafted-alive"))
    return played(cell, cast=CARELESS)


def matrix(most: int) -> list[str]:
    """The cells in which something was wrong; as many at a time as there are cores, for each mostly waits."""
    every = EVERY[:most]
    with ThreadPoolExecutor(os.cpu_count()) as beside:
        found = list(beside.map(_told, every))
    print(f"matrix: {len(every)} cells, {found.count([])} good", flush=True)
    return [cell.name for cell, wrong in zip(every, found, strict=True) if wrong]


def _told(cell: Cell) -> list[str]:
    began = time.monotonic()
    found = played(cell)
    print(f"{cell.name}: {'; '.join(found) or 'good'} ({time.monotonic() - began:.0f} s)", flush=True)
    return found


def alone(name: str, *words: object) -> list[str]:
    """A part that is a program of its own."""
    command = [sys.executable, "-m", f"tests.devnet.trading.{name}", *map(str, words)]
    return [name] if subprocess.run(command, cwd=ROOT, check=False).returncode else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=200, help="of the fuzz")
    parser.add_argument("--cells", type=int, default=len(EVERY), help="of the matrix; the first so many")
    asked = parser.parse_args()
    parts = {
        "control": lambda: [] if control() else ["an executor that sends before it writes was NOT FOUND OUT"],
        "matrix": partial(matrix, asked.cells),
        "hundred": partial(alone, "hundred", "--seed", asked.seed, "--orders", 100),
        "fuzz": partial(alone, "fuzz", "--seed", asked.seed, "--orders", asked.orders),
    }
    wrong = []
    for name, part in parts.items():
        began = time.monotonic()
        wrong += (found := part())
        verdict = "BAD" if found else "good"
        print(f"{name}: {verdict} ({(time.monotonic() - began) / 60:.1f} minutes)", flush=True)
    print(f"crash-evm: BAD: {', '.join(wrong)}" if wrong else "crash-evm: good", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
