"""Run Thespian's own test-suite, from the installed package, on our transport, and print how it went.

    .venv/bin/python tests/upstream_thespian.py [pytest arguments]

Only for this run any class may travel, for upstream's tests send classes of their own.
"""

import atexit
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest
import thespian.test
from thespian.actors import ActorSystem

from actors import frames, processes, transport

BASE = "multiprocUnixBase"
# Conventions of several systems, and source code sent as messages: we have, and want, neither.
LEFT_OUT = {
    *("test_HAConvention", "test_msg_ConventionUpdate", "test_preRegistration", "test_multipleActorSystems"),
    *("test_manyActorSystems", "test_sourceLoading", "test_director"),
    *("test_msg_ValidateSource", "test_msg_ValidatedSource"),
}
SEVERAL_SYSTEMS = {"asys_pair", "asys_trio", "asys2", "testsystems"}  # Fixtures of such tests in other files.
KNOWN = {
    "testConnectToExistingActorSystem": "has two systems talk to each other; ours do not hear each other",
    "test_confused_exit": "expects a child to exit while another is spawned; ours spawns too fast for that",
}


class Everything(set[tuple[str, str]]):
    def __contains__(self, _name: object) -> bool:
        return True


def open_system(base: str, capabilities: dict[str, Any]) -> ActorSystem:
    system = ActorSystem(base, capabilities, logDefs=False, transientUnique=True)
    system.base_name, system.port_num, system.txonly = base, None, False
    return system


@pytest.fixture(params=[BASE])
def asys(request: pytest.FixtureRequest) -> Iterator[ActorSystem]:
    run_dir = tempfile.mkdtemp(prefix="upstream")
    capabilities: dict[str, Any] = {
        "Foo Allowed": True,
        "Cows Allowed": True,
        "Dogs Allowed": True,
        "dog": "food",
    }
    system = open_system(request.param, capabilities | {transport.RUN_DIR: run_dir})
    yield system
    system.shutdown()
    if pid := processes.admin_pid(run_dir):
        processes.end(pid, 5.0)
    shutil.rmtree(run_dir)


def similar_asys(system: ActorSystem, *_: object, capabilities: Any = None, **__: object) -> ActorSystem:
    """A second system: where upstream opens another port, we have another folder."""
    run_dir = tempfile.mkdtemp(prefix="upstream")
    atexit.register(shutil.rmtree, run_dir, ignore_errors=True)
    return open_system(system.base_name, (capabilities or {}) | {transport.RUN_DIR: run_dir})


class Counts:
    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.unlike: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        known = next((each for each in KNOWN if each in report.nodeid), None)
        self.outcomes["failed as known" if report.failed and known else report.outcome] += 1
        if report.failed:
            self.unlike.append(f"{report.nodeid}: {KNOWN.get(known or '', 'not known')}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what uses one system, which is ours; the rest tests other bases, or none."""
        single = [each for each in items if "asys" in getattr(each, "fixturenames", ())]
        kept = [each for each in single if not SEVERAL_SYSTEMS & set(each.fixturenames)]
        kept = [each for each in kept if each.path.stem not in LEFT_OUT]
        self.outcomes["left out: several systems, or sent source"] = len(single) - len(kept)
        items[:] = kept


def main() -> int:
    os.environ.pop("PYTHONUNBUFFERED", None)  # One test counts on the buffer of a killed program.
    frames._allowed = Everything()
    sys.modules[f"thespian.system.{BASE}"] = transport
    thespian.test.asys, thespian.test.similar_asys = asys, similar_asys
    folder = Path(thespian.test.__file__).parent
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--timeout=120", "-W", "ignore"]
    counts = Counts()
    arguments = [*options, "--rootdir", str(folder), "-c", os.devnull, *(sys.argv[1:] or [str(folder)])]
    pytest.main(arguments, plugins=[counts])
    print({"thespian": "4.0.1", "base": BASE, **counts.outcomes}, *counts.unlike, sep="\n  ")
    return int(counts.outcomes["failed"] > 0 or counts.outcomes["passed"] == 0)


if __name__ == "__main__":
    sys.exit(main())
