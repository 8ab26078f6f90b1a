"""Plays schedules until their number or the time is over: `python -m tests.simulation.run --seconds 60`."""

import argparse
import gc
import itertools
import sys
import time
import traceback

from tests.simulation.chains import KINDS, kind_of
from tests.simulation.coverage import Figures
from tests.simulation.stage import staged
from tests.simulation.world import WORLDS_OF, play

SHOWN_SECONDS = 5
ENOUGH = 2_000  # Schedules, to see every kind of record and every transition; rows take more.
KEPT = 200  # Schedules; as many as there are before the dead ones are swept out of memory.


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
    gc.collect()
    gc.freeze()  # What was imported is not looked through again.
    gc.disable()
    with staged():
        return played(asked)


def played(asked: argparse.Namespace) -> int:
    figures, begun = Figures(), time.monotonic()
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
        if figures.schedules % KEPT == 0:
            gc.collect()
        if time.monotonic() > shown + SHOWN_SECONDS:
            shown = time.monotonic()
            print(line(figures), flush=True)
    print("\n".join([line(figures), *figures.told()]))
    missed = [] if asked.seeds or asked.chain else figures.missed()
    print("\n".join(missed))
    return 1 if missed and figures.schedules >= ENOUGH else 0


def line(figures: Figures) -> str:
    rate = figures.schedules / time.process_time()
    pace = figures.steps / time.process_time()
    return (
        f"{figures.schedules:,} schedules ({rate:,.0f} a second of a core), {figures.steps:,} steps"
        f" ({pace:,.0f}), {figures.deaths:,} deaths, 0 violations"
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
