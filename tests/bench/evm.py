"""From a bar to bytes handed to the node: the whole path of a buy, with its two syncs, and its parts.

    .venv/bin/python -m tests.bench.evm [--quick] [--json PATH]

Real processes on a devnet.  Beside it, in the same run and on the same node, a script of one process does
the same calls one after the other with plain web3, and keeps no log.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from chains.devnet.anvil import find
from chains.devnet.artifacts import MODULES
from chains.devnet.devnet import Devnet
from tests.bench.parts.naive import Naive
from tests.bench.parts.timed_cast import STEPS
from tests.devnet.trading.desk import Trading

TOKENS = ("LINK", "WBTC", "EURC")
ORDERS, QUICK = 120, 24
GOAL_MS = 15.0
MS = 10**6


class Passage(Struct, frozen=True):
    """Of one buy, milliseconds."""

    whole: float
    decide: float  # From the bar to the order at the executor: wish, T1 on disk.
    draft: float  # Look, quote, simulate, gas and fees.
    look: float
    quote: float
    simulate: float
    sign: float
    sync: float  # T2 on disk.
    send: float  # Until the node has answered; not in `whole`.


def steps_of(folder: Path) -> list[dict]:
    found = [
        json.loads(line) for path in (folder / STEPS).glob("*") for line in path.read_text().splitlines()
    ]
    return sorted(found, key=lambda step: step["at_ns"])


def paths_of(folder: Path) -> list[Passage]:
    """Of the buys: from the bar to their first bytes, which approve what the swap then pays."""
    bars, orders = {}, {}
    for step in steps_of(folder):
        if step["step"] == "bar":
            bars.setdefault(step["tick"], step["at_ns"])
        elif "/sell@" not in step["order"]:
            orders.setdefault(step["order"], {}).setdefault(step["step"], step)
    return [_path(bars, steps) for steps in orders.values() if "sent" in steps]


def _path(bars: dict[int, int], steps: dict[str, dict]) -> Passage:
    at = {name: step["at_ns"] for name, step in steps.items()}
    bar, spans = bars[steps["prepare"]["tick"]], steps["drafted"]["spans"]
    (began, ended) = [span[1:] for span in steps["sent"]["spans"]][-1]
    return Passage(
        whole=(began - bar) / MS,
        decide=(at["prepare"] - bar) / MS,
        draft=(at["drafted"] - at["prepare"]) / MS,
        look=_covered(spans, "look"),
        quote=_covered(spans, "quote"),
        simulate=_covered(spans, "simulate"),
        sign=(at["signed"] - at["drafted"]) / MS,
        sync=(at["durable"] - at["signed"]) / MS,
        send=(ended - began) / MS,
    )


def _covered(spans: list, name: str) -> float:
    """Time in which at least one of them was under way."""
    covered, until = 0, 0
    for _, began, ended in sorted(span for span in spans if span[0] == name):
        covered += max(0, ended - max(began, until))
        until = max(until, ended)
    return covered / MS


def ours(net: Devnet, folder: Path, orders: int) -> list[Passage]:
    rounds = -(-orders // len(TOKENS))
    trading = Trading(
        net, folder, TOKENS, versions="v2", rounds=rounds, at_once=1, cast="tests.bench.parts.timed_cast"
    )
    done = 0
    trading.start()
    try:
        end = time.monotonic() + 30 + 4 * orders
        while done < orders and time.monotonic() < end:
            trading.pass_time()
            done = trading.books().counts.get("closed", 0)
    finally:
        trading.kill()
    return paths_of(folder)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if find() is None or not MODULES.exists():
        print("  skipped: there is no devnet here; make devnet")
        return
    orders = QUICK if asked.quick else ORDERS
    with tempfile.TemporaryDirectory(prefix="hf-bench-") as folder:
        with Devnet.start(Path(folder, "net")) as net:
            net.set_automine(False)
            paths = ours(net, Path(folder, "data"), orders)
        with Devnet.start(Path(folder, "naive")) as net:
            net.set_automine(False)
            naive = Naive(net, TOKENS[0]).times_ms(orders)
    report = told(paths, naive)
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=1))


def told(paths: list[Passage], naive: list[float]) -> dict:
    found = {"orders": len(paths)}
    for part in Passage.__struct_fields__:
        values = [getattr(each, part) for each in paths]
        found[part] = {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
        print(f"  {part:10} p50 {found[part]['p50']:8.2f} ms   p99 {found[part]['p99']:8.2f} ms")
    found["naive"] = {"p50": statistics.median(naive), "p99": percentile(naive, 0.99)}
    found["ratio"] = found["whole"]["p50"] / found["naive"]["p50"]
    print(f"  naive      p50 {found['naive']['p50']:8.2f} ms   p99 {found['naive']['p99']:8.2f} ms")
    print(
        f"of {len(paths)} buys: {found['ratio']:.2f} times the naive script; goal p50 <= {GOAL_MS:g} ms: "
        f"{'met' if found['whole']['p50'] <= GOAL_MS else 'missed'}"
    )
    return found


if __name__ == "__main__":
    main()
