"""Speaks to a run from another terminal, through its admin process."""

import time
from pathlib import Path

from rich.console import Console

from actors.base import Address, System
from actors.commands.facts import facts_of, going_on
from actors.commands.folders import owner, running_dir
from actors.commands.refused import DONE, FAILED, CannotRunError
from actors.commands.view import Progress, picture, say
from actors.messages import (
    EVERYTHING,
    GOES_ON,
    KEY,
    SAVES,
    SIGNS_NOTHING,
    WALLET,
    GetStatus,
    Halt,
    Id,
    Lift,
    Role,
    RunState,
    StatusReport,
    Stop,
)

SUPERVISOR = "supervisor"
PATIENCE_SECONDS = 5.0
HALTED = {EVERYTHING: "nothing more is bought, sells go on,", WALLET: "nothing is signed or sent"}
LIFTED = (*HALTED, KEY)  # Nobody but the bot says that a stranger has the key.
TAKEN = {RunState.DRAINING, RunState.STOPPED, RunState.FAILED}


def status(data_dir: Path) -> int:
    _, _, report = _reached(data_dir)
    Console().print(picture(report, Progress()))
    return DONE


def process(data_dir: Path, role: str) -> int:
    """Print the id of the process that plays a role now."""
    _, _, report = _reached(data_dir)
    pid = report.pids.get(Role(role))
    if not pid:
        raise CannotRunError(f'No process plays "{role}" now; those that play are {", ".join(report.pids)}.')
    say(str(pid))
    return DONE


def _halts(report: StatusReport) -> dict[str, str]:
    halts = facts_of(report).portfolio.halts
    if halts is None:
        raise CannotRunError("The run does not know yet what is halted: try again in a moment.")
    return halts


def stop(data_dir: Path, close_positions: bool, seconds: float) -> int:
    """Accepted is not done: says both, each when it is true."""
    system, supervisor, report = _reached(data_dir)
    if close_positions and _halts(report).keys() & SIGNS_NOTHING:
        raise CannotRunError(
            "The wallet is halted, so nothing can be sold: lift that first, or stop without."
        )
    wanted, whose = Stop(Id("stop"), close_positions), owner(data_dir)
    system.tell(supervisor, wanted)
    answer = system.ask(supervisor, GetStatus(Id("stop-accepted")), PATIENCE_SECONDS)  # Heard after the stop.
    if not isinstance(answer, StatusReport) or answer.state not in TAKEN:
        raise CannotRunError("The run did not take the stop: try again, or look at `run.py status`.")
    closing = "sells its positions and " if close_positions else ""
    say(f"Accepted: it {closing}finishes what is under way ({going_on(answer)}).")
    end, report = time.monotonic() + seconds, answer
    while time.monotonic() < end:
        if report.state is RunState.FAILED:
            say(f"It has failed: {report.sentence}")
            return FAILED
        if owner(data_dir) != whose:  # The next run in this folder is not to be stopped.
            return _stopped(report, close_positions)
        time.sleep(0.1)
        if system.admin_pid is None:
            continue  # The launcher adds up and gives the folder back.
        if report.state not in TAKEN:
            system.tell(supervisor, wanted)  # To the successor of one who has heard it.
        now = system.ask(supervisor, GetStatus(Id(f"stop-{time.monotonic_ns()}")), 1.0)
        report = now if isinstance(now, StatusReport) else report
        supervisor = supervisor if isinstance(now, StatusReport) else system.find(SUPERVISOR) or supervisor
    raise CannotRunError(f"Not stopped after {seconds:.0f} s ({going_on(report)}); it is still at it.")


def _stopped(report: StatusReport, close_positions: bool) -> int:
    """A close that leaves something open is not done; nor is a stop that nobody has seen come to its end."""
    if report.state is not RunState.STOPPED and not report.sentence.endswith((GOES_ON, SAVES)):
        say(f"It has ended without a word ({going_on(report)}): its logs say why; the next start goes on.")
        return FAILED
    left = report.sentence.endswith(GOES_ON)
    say(f"Stopped: {report.sentence}." if left else "Stopped.")
    return FAILED if close_positions and left else DONE


def halt(data_dir: Path, scope: str, reason: str) -> int:
    """Says so when it is in the log."""
    if scope not in HALTED:
        raise CannotRunError(f"--scope {scope}: write {' or '.join(HALTED)}.")
    if not reason.strip():
        raise CannotRunError("--reason: say why, for whoever has to lift it.")
    _, _, report = _reached(data_dir)
    return _latch(data_dir, Halt(_fresh("halt", report), scope, reason), scope, on=True)


def lift(data_dir: Path, scope: str, reason: str) -> int:
    if scope not in LIFTED or not reason.strip():
        raise CannotRunError(f"--scope is {' or '.join(LIFTED)}, and --reason says why it is safe to go on.")
    _, _, report = _reached(data_dir)
    halts = _halts(report)
    if scope not in halts:
        there = ", ".join(halts) or "nothing"
        raise CannotRunError(f'"{scope}" is not halted ({there} is): see `run.py status`, and --scope.')
    return _latch(data_dir, Lift(_fresh("lift", report), scope, reason), scope, on=False)


def _latch(data_dir: Path, message: Halt | Lift, scope: str, on: bool) -> int:
    """Told until it is seen: whoever should hear it may just be dying."""
    system, supervisor, _ = _reached(data_dir)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        system.tell(supervisor, message)
        time.sleep(0.1)
        report = system.ask(supervisor, GetStatus(Id(f"latch-{time.monotonic_ns()}")), 1.0)
        halts = facts_of(report).portfolio.halts if isinstance(report, StatusReport) else None
        if halts is not None and (scope in halts) is on:
            say(f"Halted: {HALTED[scope]} until `run.py lift --scope {scope}`." if on else "Lifted.")
            return DONE
    raise CannotRunError("The run did not answer in time: look at `run.py status`, and try again.")


def _fresh(word: str, report: StatusReport) -> Id:
    """Never given before in this log: the clock alone begins anew with the machine."""
    return Id(f"{word}/{facts_of(report).wal.lsn}/{time.monotonic_ns()}")


def _reached(data_dir: Path) -> tuple[System, Address, StatusReport]:
    try:
        system = System.attach(running_dir(data_dir))
    except RuntimeError as error:
        raise CannotRunError(f"The run on {data_dir} has just ended.") from error
    supervisor = system.find(SUPERVISOR)
    if supervisor is None:
        raise CannotRunError(f"The run on {data_dir} is just starting or ending: try again in a second.")
    report = system.ask(supervisor, GetStatus(Id(f"status-{time.monotonic_ns()}")), PATIENCE_SECONDS)
    if not isinstance(report, StatusReport):
        raise CannotRunError(f"The run on {data_dir} did not answer within {PATIENCE_SECONDS:.0f} s.")
    return system, supervisor, report
