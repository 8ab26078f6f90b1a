"""How our transport compares with Thespian's own TCP base, measured in the same run with the same actors.

    .venv/bin/python -m tests.bench.transport [--quick] [--json PATH]

Each base runs in a process of its own, so that what ours mends in Thespian does not help the other.
"""

import argparse
import atexit
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct
from thespian.actors import Actor, ActorAddress, ActorExitRequest, ActorSystem, ActorSystemMessage

ROOT = Path(__file__).resolve().parents[2]
TCP, OURS = "multiprocTCPBase", "ours"
SLICE = 500  # Messages that an actor sends before it listens again.
PATIENCE = timedelta(seconds=90)
WANTED = {  # Row -> how the ratio ours/TCP, or ours alone, must compare.
    "hop p50, ms": ("ratio", "<=", 1 / 3),
    "hop p99, ms": ("ratio", "<=", 1 / 3),
    "one to one, messages/s": ("ratio", ">=", 10),
    "six to one, messages/s": ("ratio", ">=", 10),
    "past a busy peer, ms": ("ours", "<=", 50),
    "spawn p50, ms": ("ours", "<=", 20),
    "idle, CPU ticks in 3 s": ("ours", "<=", 0),
    "mutual, lost": ("ours", "<=", 0),
    "mutual, out of order": ("ours", "<=", 0),
}


class Quote(Struct, frozen=True):
    number: int
    at_ns: int
    price: int = 1_234_567_890_123
    pair: str = "SOL/USDC"


class Ball(Struct, frozen=True):
    ns: int  # When it was served; when it comes back, how long it flew.
    back: bool = False


class Player(Actor):
    """Orders are tuples, (what, ...); the structs are what is measured."""

    def __init__(self) -> None:
        self.next: dict[str, int] = {}
        self.heard = self.disorder = 0
        self.first_ns = self.last_ns = 0

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:  # noqa: N802
        if isinstance(message, Quote):
            self.count(message, sender)
        elif isinstance(message, Ball):
            self.hit(message, sender)
        elif not isinstance(message, ActorSystemMessage):
            getattr(self, message[0])(sender, *message[1:])

    def count(self, quote: Quote, sender: ActorAddress) -> None:
        key = sender.actorAddressString
        self.last_ns = time.monotonic_ns()
        self.first_ns = self.first_ns or self.last_ns
        self.disorder += quote.number != self.next.get(key, 0)
        self.next[key] = quote.number + 1
        self.heard += 1
        self.late_ns = self.last_ns - quote.at_ns

    def report(self, sender: ActorAddress) -> None:
        seconds = (self.last_ns - self.first_ns) / 1e9
        self.send(sender, (self.heard, self.disorder, seconds, getattr(self, "late_ns", 0)))

    def burst(self, _sender: ActorAddress, peers: list[ActorAddress], each: int, start: int = 0) -> None:
        end = min(start + SLICE, each)
        for number in range(start, end):
            for peer in peers:
                self.send(peer, Quote(number, time.monotonic_ns()))
        if end < each:
            self.send(self.myAddress, ("burst", peers, each, end))

    def volley(self, sender: ActorAddress, peer: ActorAddress, rounds: int) -> None:
        self.asker, self.peer, self.rounds = sender, peer, rounds
        self.times: list[int] = []
        self.send(peer, Ball(time.monotonic_ns()))

    def hit(self, ball: Ball, sender: ActorAddress) -> None:
        if not ball.back:
            self.send(sender, Ball(time.monotonic_ns() - ball.ns, back=True))
            return
        self.times.append(ball.ns)
        if len(self.times) < self.rounds:
            self.send(self.peer, Ball(time.monotonic_ns()))
        else:
            self.send(self.asker, self.times)

    def sleep(self, _sender: ActorAddress, seconds: float) -> None:
        time.sleep(seconds)

    def beget(self, sender: ActorAddress) -> None:
        self.asker, self.begun = sender, time.monotonic_ns()
        self.send(self.createActor(Player), ("greet",))

    def greet(self, sender: ActorAddress) -> None:
        self.send(sender, ("born",))

    def born(self, _sender: ActorAddress) -> None:
        self.send(self.asker, time.monotonic_ns() - self.begun)


# -- one base ----------------------------------------------------------------------------------------
def open_system(base: str) -> ActorSystem:
    if base == TCP:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return ActorSystem(TCP, {"Admin Port": port}, logDefs={"version": 1}, transientUnique=True)
    from actors import frames, transport  # noqa: PLC0415  It changes Thespian, so not for the other.

    frames.register(Quote, Ball)
    sys.modules["thespian.system.multiprocUnixBase"] = transport
    folder = tempfile.mkdtemp(prefix="hf-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return ActorSystem("multiprocUnixBase", {transport.RUN_DIR: folder}, transientUnique=True)


def settled(system: ActorSystem, actors: list[ActorAddress], expected: int, seconds: float) -> list[Any]:
    """The reports, once everything has arrived or the time is up."""
    end = time.monotonic() + seconds
    while True:
        reports = [system.ask(actor, ("report",), PATIENCE) for actor in actors]
        if sum(each[0] for each in reports) >= expected or time.monotonic() > end:
            return reports
        time.sleep(0.2)


def hops(system: ActorSystem, rounds: int = 500) -> dict[str, float]:
    """Medians of several volleys, for where the two processes are put makes a difference."""
    found = []
    for _ in range(7):
        one, other = system.createActor(Player), system.createActor(Player)
        system.ask(one, ("volley", other, 50), PATIENCE)
        times = sorted(system.ask(one, ("volley", other, rounds), PATIENCE))
        found.append((times[rounds // 2] / 1e6, times[rounds * 99 // 100] / 1e6))
        for each in (one, other):
            system.tell(each, ActorExitRequest())
    p50, p99 = (statistics.median(each) for each in zip(*found, strict=True))
    return {"hop p50, ms": p50, "hop p99, ms": p99}


def throughput(system: ActorSystem, senders: int, each: int) -> float:
    sink = system.createActor(Player)
    for source in [system.createActor(Player) for _ in range(senders)]:
        system.tell(source, ("burst", [sink], each))
    heard, _, seconds, _ = settled(system, [sink], senders * each, 30)[0]
    return float(heard / seconds)


def past_a_busy_peer(system: ActorSystem) -> float:
    hub, busy, free = (system.createActor(Player) for _ in range(3))
    system.tell(busy, ("sleep", 2.0))
    time.sleep(0.1)
    system.tell(hub, ("burst", [busy], 200))
    system.tell(hub, ("burst", [free], 1))
    return float(settled(system, [free], 1, 10)[0][3] / 1e6)


def spawning(system: ActorSystem) -> float:
    parent = system.createActor(Player)
    return statistics.median(system.ask(parent, ("beget",), PATIENCE) for _ in range(11)) / 1e6


def cpu_ticks() -> int:
    """Of all processes that have our mark in their environment, this one left out."""
    mark, total = f"BENCH_MARK={os.environ['BENCH_MARK']}".encode(), 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) == os.getpid() or mark not in (process / "environ").read_bytes():
                continue
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total


def idling() -> int:
    time.sleep(0.5)
    before = cpu_ticks()
    time.sleep(3)
    return cpu_ticks() - before


def mutual(system: ActorSystem, total: int, seconds: float) -> dict[str, float]:
    each = total // 30
    actors = [system.createActor(Player) for _ in range(6)]
    started = time.monotonic()
    for actor in actors:
        system.tell(actor, ("burst", [a for a in actors if a != actor], each))
    reports = settled(system, actors, each * 30, seconds)
    heard = sum(report[0] for report in reports)
    return {
        "mutual, messages": each * 30,
        "mutual, lost": each * 30 - heard,
        "mutual, out of order": sum(report[1] for report in reports),
        "mutual, messages/s": heard / (time.monotonic() - started),
    }


def measure(base: str, quick: bool) -> dict[str, float]:
    ours = base == OURS
    system = open_system(base)
    try:
        found = hops(system)
        found["one to one, messages/s"] = throughput(system, 1, 20_000 if ours else 1000)
        found["six to one, messages/s"] = throughput(system, 6, 5_000 if ours else 200)
        found["past a busy peer, ms"] = past_a_busy_peer(system)
        found["spawn p50, ms"] = spawning(system)
        time.sleep(2)  # For the busy one to wake up.
        found["idle, CPU ticks in 3 s"] = idling()
        found |= mutual(system, (60_000 if quick else 1_000_000) if ours else 600, 120 if ours else 15)
    finally:
        system.shutdown()
    return found


# -- both --------------------------------------------------------------------------------------------
def run(base: str, quick: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.transport", "--base", base, *(["--quick"] * quick)]
    environment = os.environ | {"BENCH_MARK": f"{base}-{os.getpid()}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, timeout=240)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def verdict(row: str, ours: float, ratio: float) -> str:
    if row not in WANTED:
        return ""
    of, sign, limit = WANTED[row]
    value = ratio if of == "ratio" else ours
    good = value <= limit if sign == "<=" else value >= limit
    return f"{'as wanted' if good else 'NOT AS WANTED'}: {of} {sign} {limit:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--base", choices=[TCP, OURS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.base:
        print(json.dumps(measure(options.base, options.quick)))
        return 0
    found = {base: run(base, options.quick) for base in (TCP, OURS)}
    rows, bad = {}, 0
    print(f"{'':28}{'TCP':>12}{'ours':>12}{'ours/TCP':>10}")
    for row, ours in found[OURS].items():
        tcp = found[TCP][row]
        ratio = ours / tcp if tcp else float("nan")
        judged = verdict(row, ours, ratio)
        bad += judged.startswith("NOT")
        rows[row] = {"tcp": tcp, "ours": ours, "ratio": ratio, "verdict": judged}
        print(f"{row:28}{tcp:12.3f}{ours:12.3f}{ratio:10.3f}  {judged}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
