"""All that can go wrong with trades on a devnet, within a time: `make crash-evm`.

First an executor that sends before it writes, which must be found out; then every cell of the matrix, a
hundred orders at once, and the fuzz.
"""

import argparse
import subprocess
import sys
import time

from tests.devnet.trading.desk import ROOT
from tests.devnet.trading.matrix import Cell, cells, coin_cells, played

CARELESS = "tests.devnet.trading.careless"


def control() -> list[str]:
    """Of a careless executor; nothing, if nobody has noticed."""
    cell = next(each for each in cells() if each.name.startswith("v2-swap-drafted-alive"))
    return played(cell, cast=CARELESS)


def matrix(until: float) -> list[Cell]:
    """Those in which something was wrong."""
    wrong, every = [], [*cells(), *coin_cells()]
    for number, cell in enumerate(every):
        if time.monotonic() > until:
            print(f"matrix: the time was over after {number} of {len(every)} cells", flush=True)
            break
        began = time.monotonic()
        found = played(cell)
        wrong += [cell] if found else []
        took = time.monotonic() - began
        print(f"{cell.name}: {'; '.join(found) or 'good'} ({took:.0f} s)", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=3_600)
    asked = parser.parse_args()
    began = time.monotonic()
    wrong = [] if control() else ["control: an executor that sends before it writes was NOT FOUND OUT"]
    wrong += [cell.name for cell in matrix(began + asked.seconds * 0.5)]
    words = ["--seed", str(asked.seed)]
    left = max(60, began + asked.seconds - time.monotonic())
    for name, more in (
        ("hundred", ["--orders", "100"]),
        ("fuzz", ["--orders", str(asked.orders), "--seconds", str(int(left * 0.7))]),
    ):
        command = [sys.executable, "-m", f"tests.devnet.trading.{name}", *words, *more]
        wrong += [name] if subprocess.run(command, cwd=ROOT, check=False).returncode else []
    print(f"crash-evm: BAD: {', '.join(wrong)}" if wrong else "crash-evm: good", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
