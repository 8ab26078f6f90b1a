"""What a start would do with the orders that were left half done, and on what evidence.  Changes nothing.

It works on a copy of the log and of the venue's record: even reading a SQLite file can leave files beside it.
"""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, json
from msgspec.structs import replace

from actors.commands.decimals import decimals_in
from actors.commands.folders import owner, run_dir
from actors.commands.origin import remembered
from actors.commands.refused import DONE, CannotRunError
from actors.commands.view import say
from actors.messages import NEVER, Allowed, Dead, Id, Landed, Reverted, Side, Status
from actors.processes import admin_pid
from chains.paper.venue import PaperVenue, has_record
from chains.resolution import Answer, outcome, seen
from chains.venue import Missing, Receipt, Unanswered, Waiting
from storage import log
from storage.books import Books, LiveOrder
from storage.config import Settings
from storage.evidence import Wallet
from storage.layout import log_path, venue_path
from storage.log_file import archives_of
from storage.recovery import case_of
from storage.recovery import recover as to_recover
from storage.start import started
from storage.story import Decimals, moment, worded, worded_all

KEPT = ("", "-wal")  # Of a SQLite file; the index in -shm is made anew.


class Evidence(Struct, frozen=True):
    """What the venue knows of the transactions that were signed, and its clock; None if it is not there."""

    head_ns: int | None
    answers: dict[Id, Answer]


class Step(Struct, frozen=True):
    """One open order."""

    order: Id
    state: Status
    side: Side
    tx_id: str | None
    holds: str
    evidence: str
    action: str


class Plan(Struct, frozen=True):
    log: str
    records: int
    steps: tuple[Step, ...]
    warning: str = ""


def recover(settings: Settings, dry_run: bool, as_json: bool) -> int:
    """CannotRunError unless it is a dry run: what recovers is a start."""
    data_dir = Path(settings.run.data_dir)
    if not dry_run:
        raise CannotRunError(
            f"Every start recovers by itself: `run.py paper --data-dir {data_dir}`, or `live`.  "
            f"To see what it would do, and do nothing: `run.py recover --dry-run --data-dir {data_dir}`."
        )
    plan = planned(settings)
    if as_json:
        sys.stdout.write(json.format(json.encode(plan)).decode() + "\n")
    else:
        _say(plan)
    return DONE


def planned(settings: Settings) -> Plan:
    """LogError if a start would refuse the log."""
    data_dir = Path(settings.run.data_dir)
    _assert_idle(data_dir)
    decimals = decimals_in(data_dir, settings)
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-recover-") as name:
            copy = Path(name)
            _copy(data_dir, copy)
            _assert_idle(data_dir)  # Nobody wrote while it was copied.
            folded, lsn = _folded(data_dir, copy)
            evidence = _evidence(data_dir, copy, folded, settings)
    except OSError as error:
        raise CannotRunError(
            f"The log could not be copied to look at it ({(error.strerror or str(error)).lower()}): "
            f"set TMPDIR to a folder with room for it."
        ) from error
    known = evidence.head_ns is not None or not folded.live or _is_live(data_dir)
    warning = "" if known else _missing_venue(data_dir)
    return Plan(str(log_path(data_dir)), lsn, steps(folded, evidence, decimals), warning)


def steps(folded: Books, evidence: Evidence, decimals: Decimals) -> tuple[Step, ...]:
    """Pure: what the executor does at its start with every order that has not ended."""
    market_ns = max(evidence.head_ns or 0, folded.last_order_ns)
    late = to_recover(folded, market_ns).roll_back
    return tuple(
        _step(live, folded, evidence.answers, id in late, market_ns, decimals)
        for id, live in folded.live.items()
    )


def _step(
    live: LiveOrder,
    folded: Books,
    answers: Mapping[Id, Answer],
    late: bool,
    market_ns: int,
    decimals: Decimals,
) -> Step:
    holds = worded_all(folded.ledger.reservations[live.order.id], decimals)
    order, deadline = live.order, moment(live.order.deadline_ns)
    step = Step(order.id, live.status, order.side, None, holds, "", "")
    if not live.attempts:
        evidence = f"no bytes exist; it is {moment(market_ns)} on the market"
        if late:
            action = (
                f"roll back, for it could be signed until {deadline} only; all that it holds is free again"
            )
        else:
            action = f"quote anew, and sign by {deadline}; after that, roll back"
        return replace(step, evidence=evidence, action=action)
    answer, signed = answers[order.id], live.attempts[-1]
    action = "send the same bytes again, which changes nothing where they have arrived, then " + _then(
        live, answer, decimals
    )
    return replace(step, tx_id=signed.tx_id, evidence=_words(answer), action=action)


def _words(answer: Answer) -> str:
    match answer:
        case Receipt():
            how = "landed" if answer.landed else "reverted"
            return f"the venue has it: {how} in block {answer.block} at {moment(answer.at_ns)}"
        case Waiting():
            return "the venue has it; it has not landed yet"
        case Missing(_, head_ns):
            return f"the venue does not have it at {moment(head_ns)}"
        case Unanswered(sentence):
            return f"Unknown: {sentence}"


def _then(live: LiveOrder, answer: Answer, decimals: Decimals) -> str:
    order, signed, case = live.order, live.attempts[-1], case_of(Books(), live)
    match outcome(case, seen(case, answer, Wallet.GOOD, 0)):
        case Landed() as end:
            paid, got = (order.quote, order.token) if order.side is Side.BUY else (order.token, order.quote)
            return (
                f"book it as landed: {worded(end.amount_in, paid, decimals)} for "
                f"{worded(end.amount_out, got, decimals)}, fee {worded(end.fee, order.fee_asset, decimals)}"
            )
        case Allowed() as end:
            fee = worded(end.fee, order.fee_asset, decimals)
            return f"book its {end.leg} as landed, for a fee of {fee}; then its next transaction is signed"
        case Reverted() as end:
            return f"book it as reverted, for its fee of {worded(end.fee, order.fee_asset, decimals)} alone"
        case Dead() as end:
            return f"book it as dead ({end.evidence}); all that it holds is free again"
        case None:
            free = signed.valid_until_ns == NEVER
            until = "while its nonce is free" if free else f"until {moment(signed.valid_until_ns)}"
            return f"ask at every tick; it can land {until}, and holds until proof"


def _assert_idle(data_dir: Path) -> None:
    pid = owner(data_dir) or admin_pid(str(run_dir(data_dir)))
    if pid:
        raise CannotRunError(
            f"{data_dir} belongs to a running instance (process {pid}), which has recovered at its start: "
            f"see `run.py status --data-dir {data_dir}`."
        )


def _copy(data_dir: Path, copy: Path) -> None:
    source = log_path(data_dir)
    if not source.exists():
        raise log.LogError(f"{source}: there is no log; name the folder of a run with --data-dir.")
    for original in (source, venue_path(data_dir)):
        for suffix in KEPT:
            path = original.with_name(original.name + suffix)
            if path.exists():
                shutil.copyfile(path, copy / path.name)
    head = source.with_suffix(".head")
    if head.exists():
        shutil.copyfile(head, copy / head.name)
    for archived in archives_of(source):  # Nobody writes them.
        (copy / archived.name).symlink_to(archived.absolute())


def _folded(data_dir: Path, copy: Path) -> tuple[Books, int]:
    """What a start reads; a log that a start would refuse is refused in its own name."""
    try:
        ours = log.Log.open(log_path(copy))
        try:
            return started(ours)[0], ours.head.lsn
        finally:
            ours.close()
    except log.LogError as error:
        sentence = str(error).replace(str(log_path(copy)), str(log_path(data_dir)))
        raise log.LogError(f"A start would refuse this log: {sentence}") from error


def _evidence(data_dir: Path, copy: Path, folded: Books, settings: Settings) -> Evidence:
    if _is_live(data_dir):
        unasked = Unanswered("this looks at the log alone; a start asks the chain's nodes")
        return Evidence(None, {id: unasked for id, live in folded.live.items() if live.attempts})
    return _asked(copy, folded, settings, _seed(data_dir, settings))


def _is_live(data_dir: Path) -> bool:
    """With real money, of whose orders a chain knows and no file."""
    origin = remembered(data_dir)
    return origin is not None and bool(origin.wallet)


def _asked(copy: Path, folded: Books, settings: Settings, seed: int) -> Evidence:
    """The venue without its moods: what it knows, not whether it would answer this minute."""
    signed = {id: live.attempts[-1] for id, live in folded.live.items() if live.attempts}
    path = venue_path(copy)
    if not has_record(path):
        absent = Unanswered(f"{path.name}, the venue's record, is not there")
        return Evidence(None, dict.fromkeys(signed, absent))
    try:
        venue = PaperVenue(path, settings.paper, seed, (), bar_ns=0)
    except sqlite3.DatabaseError as error:
        return Evidence(None, dict.fromkeys(signed, Unanswered(f"{path.name} can not be read ({error})")))
    try:
        head_ns = venue.head_ns()
        return Evidence(head_ns, {id: venue.status(each.tx_id, head_ns) for id, each in signed.items()})
    finally:
        venue.close()


def _seed(data_dir: Path, settings: Settings) -> int:
    origin = remembered(data_dir)
    return settings.run.seed if origin is None else origin.seed


def _missing_venue(data_dir: Path) -> str:
    return (
        f"Restore {venue_path(data_dir)} before you start: without it a start is refused, for a new, empty "
        f"one would not know a transaction, and that is no evidence."
    )


def _say(plan: Plan) -> None:
    count = len(plan.steps)
    say(f"{plan.log}: {plan.records:,} records, and {count or 'no'} open order{'' if count == 1 else 's'}.")
    for step in plan.steps:
        tx = f", transaction {step.tx_id}" if step.tx_id else ""
        say(f"{step.order}: {step.state.value} {step.side.value}{tx}, holds {step.holds}")
        say(f"    evidence: {step.evidence}")
        say(f"    a start would: {step.action}")
    if plan.warning:
        say(plan.warning)
    say("Nothing was changed.")
