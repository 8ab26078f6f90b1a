"""All crash harnesses, one after the other, within a time: `make crash`, or `python -m tests.crash.whole`.

First the logs that are not durable, each of which must be found out; then the log itself.  What can not be
tried here (no root, no strace) is said, and is no failure.
"""

import argparse
import subprocess
import sys
import time

from tests.crash import cuts, harness
from tests.crash.harness import Tally
from tests.crash.images import search as images
from tests.crash.workload import CONTROLS

# Of the time that is left, each has its part.
PARTS = (("kills", 4), ("images", 4), ("flips", 3), ("errors", 2), ("cuts", 1))
TRACED = {"kills", "images", "errors"}
SHORT = {"most": 20, "seconds": 60}  # Cuts of a control.


def controls(seed: int) -> list[str]:
    """Those that a harness has not found out."""
    unseen = []
    for control in CONTROLS:
        tallies: list[Tally] = []
        if not harness.MISSING:
            tallies.append(images(3_000, seed, control, first_bad=True))
        tallies += [
            cuts.search(filesystem, **SHORT, seed=seed, control=control, first_bad=True)
            for filesystem in cuts.MKFS
            if not cuts.missing(filesystem)
        ]
        for tally in tallies:
            print(
                f"{tally.name}: {'found out' if tally.bad else 'NOT FOUND OUT'}: {tally.tried} {tally.unit}"
            )
        unseen += [tally.name for tally in tallies if not tally.bad]
    return unseen


def harnesses(seed: int, until: float) -> list[str]:
    """Those that have found something wrong."""
    wrong = []
    for number, (name, part) in enumerate(PARTS):
        if name in TRACED and harness.MISSING:
            print(f"{name}: SKIPPED: {harness.MISSING}", flush=True)
            continue
        share = part / sum(each for _, each in PARTS[number:])
        seconds = max(30, int((until - time.monotonic()) * share))
        words = ["--seed", str(seed), "--seconds", str(seconds)]
        command = [sys.executable, "-m", f"tests.crash.{name}", *words]
        wrong += [name] if subprocess.run(command, cwd=harness.ROOT, check=False).returncode else []
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=harness.LONG)
    asked = parser.parse_args()
    harness.end_in_order()
    until = time.monotonic() + asked.seconds
    wrong = [*controls(asked.seed), *harnesses(asked.seed, until)]
    print(f"crash: BAD: {', '.join(wrong)}" if wrong else "crash: good", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
