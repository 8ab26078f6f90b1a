"""Prints the process that plays a role in the run on a data folder: `pid_of.py DATA_DIR ROLE`."""

import sys
from pathlib import Path

from actors.base import System
from actors.commands.folders import run_dir
from actors.messages import GetStatus, Id, Role

system = System.attach(run_dir(Path(sys.argv[1])))
supervisor = system.find("supervisor")
report = supervisor and system.ask(supervisor, GetStatus(Id("pid")), 1.0)
print(report.pids.get(Role(sys.argv[2]), 0) if report else 0)
