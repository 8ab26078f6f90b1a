"""The launcher of a run on the devnet, to be killed with everybody.

    python -m tests.devnet.trading.launcher DATA [MODULE]

MODULE has another cast than tests.devnet.trading.cast.  It says what the supervisor says once a quarter of a
second, and ends in order when its standard input ends.
"""

import importlib
import os
import select
import sys
import tempfile
from pathlib import Path

from msgspec import json, to_builtins

from actors.base import System
from actors.messages import Caps, GetStatus, Id, RunState, Start, StatusReport, Stop, Unlock
from actors.supervisor import Supervisor
from chains.evm import opening, venue  # noqa: F401  Once, and not in every successor.
from chains.evm.desk import desk_of
from storage import logs
from storage.config import Settings
from storage.layout import logs_path
from tests.devnet.trading import cast

SETTINGS, PASSWORD = "settings.json", "password"


def run(data_dir: Path, sockets: str) -> int:
    settings = json.decode((data_dir / SETTINGS).read_bytes(), type=Settings)
    caps: Caps = desk_of(settings).caps()
    unlock = Unlock(
        Id("unlock"), caps, str(data_dir / settings.live.keystore), password_file=str(data_dir / PASSWORD)
    )
    logs.start(logs_path(data_dir), "launcher")
    system = System.start(sockets)
    supervisor = system.create(Supervisor, "supervisor")
    system.tell(supervisor, Start(Id("start"), to_builtins(settings), to_builtins(settings.run), unlock))
    number, stopping = 0, False
    while True:
        number += 1
        report = system.ask(supervisor, GetStatus(Id(f"status-{number}")), 5)
        if isinstance(report, StatusReport):
            print(json.encode(report).decode(), flush=True)
            if report.state in {RunState.STOPPED, RunState.FAILED}:
                break
        if not stopping and select.select([sys.stdin], [], [], 0.25)[0]:
            stopping = True
            system.tell(supervisor, Stop(Id("stop"), close_positions=False))
    system.shutdown()
    return 0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    importlib.import_module(sys.argv[2] if len(sys.argv) > 2 else cast.__name__)
    cast.on_stage()
    (folder / "launcher").write_text(str(os.getpid()))
    with tempfile.TemporaryDirectory(prefix="hf-") as sockets_:
        sys.exit(run(folder, sockets_))
