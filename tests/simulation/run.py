"""Plays schedules until their number or the time is over: `python -m tests.simulation.run --seconds 60`."""

import argparse
import itertools
import sys
import time
import traceback
import typing

from actors.messages import Body
from tests.simulation.world import Figures, play

# Nothing is withdrawn yet by anybody.
EVERY_KIND = {kind.__name__ for kind in typing.get_args(Body)} - {
    "Withdrawn",
    "Finalized",
    "Reversed",
    "PositionReversed",
    "Halted",
    "Lifted",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each schedule takes the next")
    parser.add_argument("--seeds", type=int, default=0, help="how many; 0: as many as there is time for")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--trace", action="store_true", help="print the trace of the first seed, whatever comes"
    )
    asked = parser.parse_args()
    if asked.trace:
        return traced(asked.seed)
    figures, begun = Figures(), time.monotonic()
    shown = begun
    for seed in itertools.count(asked.seed):
        if seed - asked.seed == asked.seeds > 0 or time.monotonic() > begun + asked.seconds:
            break
        try:
            figures.add(play(seed))
        except Exception as error:  # noqa: BLE001  Whatever it is, it is found.
            print(f"seed {seed}: {type(error).__name__}: {error}")
            traced(seed)
            return 1
        if time.monotonic() > shown + 5:
            shown = time.monotonic()
            print(line(figures), flush=True)
    print(line(figures))
    missed = EVERY_KIND - {kind for kind, count in figures.kinds.items() if count}
    if missed and not asked.seeds:
        print(f"never seen: {', '.join(sorted(missed))}")
    return 1 if missed and not asked.seeds else 0


def line(figures: Figures) -> str:
    rate = figures.schedules / time.process_time()
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(figures.kinds.items()))
    return (
        f"{figures.schedules:,} schedules, {rate:.0f} a second of a core,"
        f" {figures.steps:,} steps, {figures.deaths:,} deaths, 0 violations; {kinds}"
    )


def traced(seed: int) -> int:
    trace: list[str] = []
    try:
        play(seed, trace)
    except Exception:  # noqa: BLE001
        print("\n".join(trace[-400:]))
        traceback.print_exc()
        return 1
    print("\n".join(trace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
