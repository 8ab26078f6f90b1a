"""What `make crash` says at its end: of each bar whether it is met, and a failure if one is not."""

import pytest

from actors.messages import Append, Operation
from tests.crash import harness, kills, whole
from tests.crash.harness import Tally
from tests.crash.nursery import traced
from tests.crash.steps import steps


def tally(tried, bad=0, wanted=3):
    made = Tally("kills", "points", wanted)
    for number in range(tried):
        made.note(f"point {number}", "lost" if number < bad else "")
    return made


@pytest.mark.parametrize(
    ("made", "good", "told"),
    [
        (tally(3), True, "kills: good: 3 of 3 points, 0 bad"),
        (tally(2), False, "kills: TOO FEW: 2 of 3 points, 0 bad"),
        (tally(3, bad=1), False, "kills: BAD: 3 of 3 points, 1 bad"),
        (tally(1, bad=1), False, "kills: BAD: 1 of 3 points, 1 bad"),
    ],
)
def test_a_tally_is_good_if_all_that_is_wanted_was_tried_and_nothing_was_wrong(made, good, told):
    assert made.good is good
    assert str(made).startswith(told)
    assert made.verdict() == (0 if good else 1)


def test_what_there_is_no_time_for_is_wanted_all_the_same():
    made = Tally("flips", "bits")
    assert list(made.chosen(100, 7, 1, seconds=-1.0)) == []
    assert (made.wanted, made.good) == (7, False)


@pytest.mark.parametrize(
    ("made", "control", "why", "end", "said"),
    [
        (tally(3), "met: it is found out", "", 0, "crash: good"),
        (tally(2), "met: it is found out", "", 1, "crash: BAD: 1 bars are not met"),
        (tally(2), "NOT MET: it is found out", "", 1, "crash: BAD: 2 bars are not met"),
        (tally(2), "met: it is found out", "strace is missing", 0, "SKIPPED: kills: strace is missing"),
    ],
)
def test_a_bar_that_is_not_met_is_a_failure_and_one_that_can_not_be_tried_is_told(
    monkeypatch, capsys, made, control, why, end, said
):
    monkeypatch.setattr("sys.argv", ["whole"])
    monkeypatch.setattr(whole, "SEARCHES", {"kills": (1, lambda _seed, _seconds: made)})
    monkeypatch.setattr(whole, "why_not", lambda _: why)
    monkeypatch.setattr(whole, "found_out", lambda _: [control])
    assert whole.main() == end
    assert said in capsys.readouterr().out


def test_a_life_that_is_killed_everywhere_has_every_kind_of_operation():
    appends = [step for step, _ in zip(steps(), range(kills.ROUND + 1), strict=False)]
    records = [record for step in appends if isinstance(step, Append) for record in step.records]
    assert {record.operation for record in records} == set(Operation)


@pytest.mark.processes
@pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)
def test_a_child_is_traced_from_its_first_file_call_on_and_told_as_it_ended(tmp_path):
    log, trace = tmp_path / "data" / "wal.db", tmp_path / "trace"
    child = traced(trace, [str(log), "--appends", "2"])
    assert (child.returncode, child.stderr) == (0, "")
    assert [line.split()[0] for line in child.stdout.splitlines()] == [
        "open",
        "ack",
        "ack",
        "closing",
        "closed",
    ]
    first = next(line for line in trace.read_text().splitlines() if str(tmp_path) in line)
    assert first.startswith(f'mkdir("{log.parent}"')
    dead = traced(trace, [str(log)], "-P", f"{log}-wal", "-e", "inject=pwrite64:signal=SIGKILL:when=1")
    assert dead.returncode == -9
    wrong = traced(trace, [str(log), "--appends", "none"])
    assert (wrong.returncode, "SystemExit" in wrong.stderr) == (1, True)
