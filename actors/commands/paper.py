"""Runs the bot with play money: checks, starts, watches, stops and sums up."""

import shutil
import signal
import time
from pathlib import Path
from types import FrameType

from loguru import logger
from msgspec import to_builtins
from rich.console import Console

from actors.base import Actor, Address, Poisoned, System
from actors.commands import market_choice, origin, summary
from actors.commands.apart import answered_apart
from actors.commands.facts import going_on
from actors.commands.folders import full, owned, run_dir
from actors.commands.options import Options
from actors.commands.refused import DONE, FAILED, FORCED, CannotRunError, FailedError
from actors.commands.view import REDRAW_SECONDS, Screen, screen
from actors.messages import GetStatus, Id, RunState, Start, StatusReport, Stop, Unlock
from actors.supervisor import Supervisor
from storage import logs
from storage.config import Run, Settings, load
from storage.layout import logs_path

SUPERVISOR = "supervisor"
ANSWER_SECONDS = 0.5  # After this, look whether the supervisor still lives.
PATIENCE_SECONDS = 30.0  # A living supervisor that says nothing for this long has failed.
SUCCESSORS = 5
GRACE_SECONDS = 5.0  # Over the drain's own limit.
OVER = (RunState.STOPPED, RunState.FAILED)


def paper(options: Options) -> int:
    """Exit code; ConfigError or CannotRunError, with nothing started and nothing left behind."""
    settings = load(options.config, options.overrides)
    if settings.run.mode != "paper":
        raise CannotRunError(
            f'run.mode = "{settings.run.mode}": this trades play money alone; `run.py live` does not.'
        )
    return run_through(settings, options)


def run_through(settings: Settings, options: Options, unlock: Unlock | None = None) -> int:
    """From the start to the summary; `unlock` for a run that signs."""
    if options.summary is not None and not options.summary.parent.is_dir():
        raise CannotRunError(f"--summary {options.summary}: its folder is not there; make it first.")
    if settings.ai.enabled and (sentence := answered_apart(lambda: model_refusal(settings))):
        raise CannotRunError(sentence)
    console = Console()
    with owned(Path(settings.run.data_dir)) as data_dir:
        run, sentence = market_choice.chosen(settings, origin.continued(settings.run, data_dir))
        origin.check(run, data_dir, origin.place_of(settings.evm), settings.live.wallet)
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)  # Tokens name themselves.
        logs.rotate(logs_path(data_dir))
        logs.start(logs_path(data_dir), "launcher")
        origin.remember(run, data_dir, origin.place_of(settings.evm), settings.live.wallet)
        begin = Start(Id("start"), to_builtins(settings), to_builtins(run), unlock)
        last = trade(begin, run, data_dir, screen(console, options.view))
        return _ended(last, settings, run, options, console)


def model_refusal(settings: Settings) -> str:
    """Why the model may not trade; the compiler is not for the process that watches the others."""
    from strategies.ai_model import LEAST_TOKENS, refusal  # noqa: PLC0415

    return refusal(settings, LEAST_TOKENS)


def trade(
    begin: Start, run: Run, data_dir: Path, view: Screen, supervisor: type[Actor] = Supervisor
) -> StatusReport | None:
    """Start everything and watch it to its end; None if it had to be ended hard."""
    sockets = run_dir(data_dir)
    logger.info("starts on {} with seed {}", run.feed, run.seed)
    system = System.start(sockets)
    try:
        return Watch(system, begin, run, view, supervisor).to_the_end()
    finally:
        view.close()
        system.shutdown()
        if system.admin_pid is None:
            shutil.rmtree(sockets, ignore_errors=True)
        logger.info("has ended")


def _ended(
    last: StatusReport | None, settings: Settings, run: Run, options: Options, console: Console
) -> int:
    if last is None:
        return FORCED
    if last.state is RunState.FAILED:
        raise FailedError(full(Path(run.data_dir)) or last.sentence)
    made = summary.of_run(last, settings, run)
    if options.summary is not None:
        summary.write(made, options.summary)
    console.print(summary.table(made))
    return FAILED if made.promises.broken else DONE


class Watch:
    """The conversation with the supervisor, a question a quarter of a second."""

    def __init__(self, system: System, begin: Start, run: Run, view: Screen, supervisor: type[Actor]) -> None:
        self._system, self._run, self._view, self._class = system, run, view, supervisor
        self._start = begin
        self._asked = 0
        self._successors = 0
        self._report: StatusReport | None = None
        self._interrupts = 0  # Counted by the signal handlers, answered by the loop.
        self._answered = 0
        self._stop_at: float | None = None

    def to_the_end(self) -> StatusReport | None:
        before = {
            number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            self._supervisor = self._begun()
            return self._followed()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupts += 1

    def _begun(self) -> Address:
        supervisor = self._system.create(self._class, SUPERVISOR)
        self._system.tell(supervisor, self._start)
        return supervisor

    def _followed(self) -> StatusReport | None:
        heard_at = time.monotonic()
        while True:
            began = time.monotonic()
            report = self._question()
            if report is not None:
                heard_at, self._report = time.monotonic(), report
                self._view.show(report)
                if report.state in OVER:
                    return report
            elif time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise FailedError(f"The supervisor has not answered for {PATIENCE_SECONDS:.0f} s; see logs/.")
            else:
                self._revive()
            if self._handle_interrupts():
                return None
            time.sleep(max(0.0, REDRAW_SECONDS - (time.monotonic() - began)))

    def _question(self) -> StatusReport | None:
        self._asked += 1
        answer = self._system.ask(self._supervisor, GetStatus(Id(f"status-{self._asked}")), ANSWER_SECONDS)
        if isinstance(answer, Poisoned):
            logger.warning("the supervisor fails: {}", answer.text)
        return answer if isinstance(answer, StatusReport) else None

    def _revive(self) -> None:
        """A supervisor that was killed took all actors with it; its successor starts them again."""
        if self._system.admin_pid is None:
            raise FailedError("The actor system has ended, and its actors with it: start again to go on.")
        if self._system.find(SUPERVISOR) is not None:
            return
        if self._successors == SUCCESSORS:
            raise FailedError(f"The supervisor has died {SUCCESSORS + 1} times; see logs/ for the reason.")
        self._successors += 1
        self._view.say("The supervisor has died; its successor starts everything again.")
        logger.error("the supervisor has died")
        self._supervisor = self._begun()
        if self._stop_at is not None:
            self._tell_stop()

    # -- stopping --
    def _handle_interrupts(self) -> bool:
        """Whether the stop has taken so long that everything must be ended hard."""
        if self._interrupts > self._answered:
            self._answered = self._interrupts
            if self._stop_at is None:
                self._stop_at = time.monotonic()
                closing = " and sells its positions" if self._run.close_on_stop else ""
                self._view.say(
                    f"Stopping: finishes what is under way{closing}, {self._run.drain_seconds} s at most."
                )
                self._tell_stop()
            else:
                self._view.say(f"Still {self._going_on()}.")
        if (
            self._stop_at is None
            or time.monotonic() - self._stop_at < self._run.drain_seconds + GRACE_SECONDS
        ):
            return False
        self._view.say(
            f"Not stopped after {self._run.drain_seconds} s ({self._going_on()}): ended hard. "
            f"The log has it all: the next start settles what is open."
        )
        return True

    def _tell_stop(self) -> None:
        self._system.tell(self._supervisor, Stop(Id("stop"), self._run.close_on_stop))

    def _going_on(self) -> str:
        return "starting" if self._report is None else going_on(self._report)
