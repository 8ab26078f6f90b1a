"""All crash harnesses, one after the other, within a time: `make crash`, or `python -m tests.crash.whole`.

First the logs that are not durable, each of which must be found out; then the log itself.  At the end stands
of each bar whether it is met; one that is not, be it for want of time, is a failure.  What can not be tried
here (no root, no strace) is said, and is none.
"""

import argparse
import sys
import time
from collections.abc import Callable

from tests.crash import cuts, errors, flips, harness, images, kills
from tests.crash.harness import ALL, Tally
from tests.crash.workload import CONTROLS

TRACED = {"kills", "images", "errors"}
SHORT = {"most": 20, "seconds": 60}  # Cuts of a control.
# The first number is the part of the time that is left.
Search = Callable[[int, float], Tally]
SEARCHES = {
    "cuts on ext4": (1, lambda seed, seconds: cuts.search("ext4", cuts.MOST, seconds, seed)),
    "cuts on xfs": (1, lambda seed, seconds: cuts.search("xfs", cuts.MOST, seconds, seed)),
    "images": (1, lambda seed, seconds: images.search(images.MOST, seed, seconds=seconds)),
    "kills": (1, lambda seed, seconds: kills.sweep(ALL, seed, seconds=seconds)),
    "errors": (1, lambda seed, seconds: errors.search(ALL, seed, seconds)[0]),
    "flips": (1, lambda seed, seconds: flips.search(**flips.MOST, seed=seed, seconds=seconds)[0]),
}


def why_not(name: str) -> str:
    """What it takes and is not here; empty if it can be tried."""
    if name in TRACED:
        return harness.MISSING
    return cuts.missing(name.rpartition(" ")[2]) if name.startswith("cuts") else ""


def found_out(seed: int) -> list[str]:
    """A line for each control and harness: what is not durable must be reported bad."""
    lines = []
    for control in CONTROLS:
        tallies: list[Tally] = []
        if not harness.MISSING:
            tallies.append(images.search(3_000, seed, control, first_bad=True))
        tallies += [
            cuts.search(filesystem, **SHORT, seed=seed, control=control, first_bad=True)
            for filesystem in cuts.MKFS
            if not cuts.missing(filesystem)
        ]
        lines += [
            f"{'met' if each.bad else 'NOT MET'}: {each.name} are found out: by {each.tried} {each.unit}"
            for each in tallies
        ]
    return lines


def searched(seed: int, until: float) -> list[str]:
    """A line for each harness."""
    lines, parts = [], sum(part for part, _ in SEARCHES.values())
    for name, (part, search) in SEARCHES.items():
        if missing := why_not(name):
            lines.append(f"SKIPPED: {name}: {missing}")
        else:
            tally = search(seed, max(30.0, (until - time.monotonic()) * part / parts))
            tally.verdict()
            lines.append(f"{'met' if tally.good else 'NOT MET'}: {tally}")
        parts -= part
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=harness.LONG)
    asked = parser.parse_args()
    harness.end_in_order()
    until = time.monotonic() + asked.seconds
    lines = [*found_out(asked.seed), *searched(asked.seed, until)]
    missed = sum(line.startswith("NOT MET") for line in lines)
    print("\n".join(lines))
    print(f"crash: BAD: {missed} bars are not met" if missed else "crash: good", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
