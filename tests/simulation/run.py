"""Plays schedules until their number or the time is over: `python -m tests.simulation.run --seconds 60`."""

import argparse
import gc
import itertools
import sys
import time
import traceback

from tests.simulation.chains import KINDS, kind_of
from tests.simulation.coverage import Figures
from tests.simulation.schedule import play
from tests.simulation.stage import staged
from tests.simulation.world import WORLDS_OF

SHOWN_SECONDS = 5
GROWN = 500_000  # Objects more than at the last search for cycles; while nothing leaks there is no next.
ENOUGH = 5_000  # Schedules, to see every kind of record and every transition; rows take more.


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each schedule takes the next")
    parser.add_argument("--seeds", type=int, default=0, help="how many; 0: as many as there is time for")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--chain", choices=KINDS, help="only schedules on this one")
    parser.add_argument(
        "--trace", action="store_true", help="print the trace of the first seed, whatever comes"
    )
    asked = parser.parse_args()
    if asked.trace:
        return traced(asked.seed)
    gc.set_threshold(GROWN)  # A schedule that is over leaves no cycles: tests/simulation/test_simulation.py.
    with staged():
        return played(asked)


def played(asked: argparse.Namespace) -> int:
    figures, begun, used = Figures(), time.monotonic(), time.process_time()
    shown = begun
    for seed in itertools.count(asked.seed):
        if seed - asked.seed == asked.seeds > 0 or time.monotonic() > begun + asked.seconds:
            break
        if asked.chain not in {None, kind_of(seed // WORLDS_OF)}:
            continue
        try:
            figures.add(play(seed))
        except Exception as error:  # noqa: BLE001  Whatever it is, it is found.
            print(f"seed {seed}: {type(error).__name__}: {error}")
            traced(seed)
            return 1
        if time.monotonic() > shown + SHOWN_SECONDS:
            shown = time.monotonic()
            print(line(figures, time.process_time() - used, shown - begun), flush=True)
    print(line(figures, time.process_time() - used, time.monotonic() - begun))
    print("\n".join(figures.told()))
    missed = [] if asked.seeds or asked.chain else figures.missed()
    print("\n".join(missed))
    return 1 if missed and figures.schedules >= ENOUGH else 0


def line(figures: Figures, used: float, passed: float) -> str:
    """One core plays; where others want it too, a second of its work for us takes longer by the clock."""
    return (
        f"{figures.schedules:,} schedules ({figures.schedules / used:,.0f} a second of a core,"
        f" {figures.schedules / passed:,.0f} of the clock), {figures.steps:,} steps"
        f" ({figures.steps / used:,.0f}, {figures.steps / passed:,.0f}),"
        f" {figures.deaths:,} deaths, 0 violations"
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
