"""The dry run of a recovery: each open order, the evidence, what a start would do; and nothing changes."""

import json
import sqlite3
from hashlib import sha256

import pytest
from msgspec.structs import replace

from actors.commands.folders import owned
from actors.commands.origin import remember
from actors.commands.recover import Evidence, planned, recover, steps
from actors.commands.refused import CannotRunError
from actors.messages import Append, Bar, Id, Instrument, Side, Signed, Tick
from chains.paper.venue import PaperVenue
from chains.venue import Missing, Quote, Receipt, Unanswered, Waiting
from storage.config import Paper, Run, Settings
from storage.layout import log_path, venue_path
from storage.log import Log, LogError
from storage.snapshots import packed
from storage.trades import opening, signing
from tests.deals import UNIT, USDC, WETH, Desk, order

SECOND = 10**9
DECIMALS = {USDC: 6, WETH: 18}
CALM = Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0)
INSTRUMENT = Instrument(WETH, USDC, 18, 6, 500)
LATE = 10**6 * SECOND


def tick(seconds):
    price = 1_000 * UNIT * 10**12
    return Tick(seconds * SECOND, (Bar(WETH, price, price, price, price, 0, 10**6 * UNIT, 1_000 * 10**18),))


class Folder:
    """A data folder in which one order has been opened, and whatever is done to it next."""

    def __init__(self, path, paper=CALM, deadline_ns=100 * SECOND):
        self.path = path
        self.settings = Settings(paper=paper, run=Run(data_dir=str(path)))
        self.desk = Desk()
        self.venue = PaperVenue(venue_path(path), paper, 1, (INSTRUMENT,), 60 * SECOND)
        self.log = Log.open(log_path(path))
        self.log.append(Append(Id("deposit"), (self.desk.records[0],)))
        made = order("o1", amount=100 * UNIT, max_fee=UNIT, deadline_ns=deadline_ns)
        self.order = self.write(opening(made)) or made

    def write(self, append):
        self.desk.append(append)
        self.log.append(append)

    def sign(self):
        quote = Quote(10**17, 0, 0)
        attempt = self.venue.build(self.order, quote, 0, 0)
        signed = Signed(Id("o1"), 1, attempt.raw, attempt.tx_id, 0, 1, attempt.valid_until_ns, "paper")
        self.write(signing(signed, 0))
        return signed

    def close(self):
        self.venue.close()
        self.log.close()

    def only(self):
        self.close()
        (step,) = planned(self.settings).steps
        return step


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def contents(path):
    return {each.name: (sha256(each.read_bytes()).hexdigest(), each.stat().st_mtime_ns)
            for each in path.rglob("*") if each.is_file()}  # fmt: skip


# -- on evidence ----------------------------------------------------------------------------------------
def test_an_order_without_bytes_that_can_still_be_signed_is_quoted_anew(folder):
    step = folder.only()
    assert step.state == "pending"
    assert step.tx_id is None
    assert step.holds == "101 USDC"
    assert step.action.startswith("quote anew, and sign by 1970-01-01 00:01:40 UTC")


def test_an_order_without_bytes_that_is_too_late_is_rolled_back(folder):
    folder.venue.send(folder.venue.build(order("other"), Quote(1, 0, 0), 9, 0).raw, 0)
    folder.venue.advance(tick(101))
    step = folder.only()
    assert step.action.startswith("roll back, for it could be signed until 1970-01-01 00:01:40 UTC only")


def test_bytes_that_have_landed_are_booked_with_the_amounts_of_the_chain(folder):
    folder.venue.send(folder.sign().raw, 0)
    folder.venue.advance(tick(60))
    step = folder.only()
    assert step.state == "in_progress"
    assert "landed in block 1 at 1970-01-01 00:01:00 UTC" in step.evidence
    assert "then book it as landed: 100 USDC for 9994" in step.action
    assert step.action.endswith("base units of paper:WETH, fee 0.02 USDC")


def test_bytes_that_reverted_cost_their_fee_alone(tmp_path):
    folder = Folder(tmp_path, replace(CALM, revert_bps=10_000))
    folder.venue.send(folder.sign().raw, 0)
    folder.venue.advance(tick(60))
    assert folder.only().action.endswith("then book it as reverted, for its fee of 0.02 USDC alone")


def test_bytes_that_never_left_are_sent_and_not_given_up_before_their_time(folder):
    folder.sign()
    step = folder.only()
    assert step.evidence == "the venue does not have it at 1970-01-01 00:00:00 UTC"
    assert step.action.startswith("send the same bytes again")
    assert "it can land until 1970-01-01 00:06:00 UTC, and holds until proof" in step.action


def test_bytes_that_are_out_of_time_and_unknown_to_the_venue_are_dead(folder):
    folder.venue.send(folder.sign().raw, 400 * SECOND)
    folder.venue.advance(tick(500))
    folder.venue.status("0xnobody", 500 * SECOND)  # The venue writes its clock down.
    step = folder.only()
    assert "then book it as dead" in step.action
    assert step.action.endswith("all that it holds is free again")


def test_a_missing_venue_is_unknown_and_never_taken_for_an_answer(folder, tmp_path):
    folder.sign()
    folder.close()
    for each in tmp_path.glob("venue.db*"):
        each.unlink()
    plan = planned(folder.settings)
    assert plan.steps[0].evidence == "Unknown: venue.db, the venue's record, is not there"
    assert "ask at every tick" in plan.steps[0].action
    assert "Restore" in plan.warning
    assert not venue_path(tmp_path).exists()


def test_a_damaged_venue_is_unknown_too(folder, tmp_path):
    folder.sign()
    folder.close()
    for each in tmp_path.glob("venue.db-*"):
        each.unlink()
    venue_path(tmp_path).write_bytes(b"no database" * 1_000)
    (step,) = planned(folder.settings).steps
    assert step.evidence.startswith("Unknown: venue.db can not be read")
    assert "holds until proof" in step.action


SIGNED = Signed(Id("o1"), 1, "00", "t1", 0, 1, 100 * SECOND, "paper")
ANSWERS = {
    "landed": (Receipt("t1", True, 100, 5, 1, 1, 1), "book it as landed"),
    "reverted": (Receipt("t1", False, 0, 0, 1, 1, 1), "book it as reverted"),
    "waiting": (Waiting("t1"), "ask at every tick"),
    "missing in time": (Missing("t1", 100 * SECOND - 1), "ask at every tick"),
    "missing too late": (Missing("t1", 100 * SECOND), "book it as dead"),
    "unanswered": (Unanswered("silence"), "ask at every tick"),
}


@pytest.mark.parametrize(("answer", "words"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_one_action_and_only_proof_ends_an_order(answer, words):
    desk = Desk()
    desk.append(opening(order("o1")))
    desk.append(signing(SIGNED, 0))
    (step,) = steps(desk.books, Evidence(LATE, {Id("o1"): answer}), DECIMALS)
    assert words in step.action
    assert sum(each in step.action for each in ("as landed", "as reverted", "as dead", "ask at")) == 1


def test_a_sell_is_booked_the_other_way_round():
    desk = Desk()
    bought = desk.bought(WETH, 10**18)
    sell = order("s1", side=Side.SELL, amount=10**18, position=bought.position, closes=True)
    desk.append(opening(sell))
    desk.append(signing(replace(SIGNED, order=Id("s1"), nonce=1), 0))
    receipt = Receipt("t1", True, 10**18, 70 * UNIT, 1, 1, 1)
    (step,) = steps(desk.books, Evidence(0, {Id("s1"): receipt}), DECIMALS)
    assert "1 WETH for 70 USDC" in step.action


# -- without effect -------------------------------------------------------------------------------------
def test_not_a_byte_of_the_folder_changes(folder, tmp_path):
    folder.venue.send(folder.sign().raw, 0)
    folder.venue.advance(tick(60))
    before = contents(tmp_path)  # The writers are still at it: a log and a venue that nobody has closed.
    assert "wal.db-wal" in before
    assert recover(folder.settings, dry_run=True, as_json=False) == 0
    assert contents(tmp_path) == before
    folder.close()
    before = contents(tmp_path)
    assert "wal.db-wal" not in before
    assert recover(folder.settings, dry_run=True, as_json=True) == 0
    assert contents(tmp_path) == before


def test_the_plan_is_json_for_programs(folder, capsys):
    folder.close()
    assert recover(folder.settings, dry_run=True, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["records"] == 3
    assert [step["order"] for step in found["steps"]] == ["o1"]


def test_it_says_the_same_twice(folder):
    folder.sign()
    folder.close()
    assert planned(folder.settings) == planned(folder.settings)


# -- what is refused ------------------------------------------------------------------------------------
def test_without_dry_run_it_says_that_a_start_does_it(folder):
    folder.close()
    with pytest.raises(CannotRunError, match="Every start recovers by itself"):
        recover(folder.settings, dry_run=False, as_json=False)


def test_a_folder_that_a_run_owns_is_refused(folder, tmp_path):
    folder.close()
    with owned(tmp_path), pytest.raises(CannotRunError, match="belongs to a running instance"):
        planned(folder.settings)


def test_no_log_is_refused_and_no_folder_is_made(tmp_path):
    settings = Settings(run=Run(data_dir=str(tmp_path / "nosuch")))
    with pytest.raises(LogError, match="there is no log"):
        planned(settings)
    assert not (tmp_path / "nosuch").exists()


def test_a_log_that_a_start_would_refuse_is_refused_by_its_own_name(folder, tmp_path):
    folder.close()
    path = log_path(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"Deposited") + 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError, match=f"A start would refuse this log: {path}: "):
        planned(folder.settings)


def test_a_snapshot_that_a_start_would_not_fold_on_from_is_refused(folder, tmp_path):
    folder.log.save_snapshot(3, packed(folder.desk.books))
    folder.close()
    database = sqlite3.connect(log_path(tmp_path))
    database.executescript("UPDATE snapshots SET body = '{}'")
    database.close()
    with pytest.raises(LogError, match="the snapshot at record 3 is not what was written"):
        planned(folder.settings)


def test_of_a_live_run_it_says_that_the_chain_knows_and_asks_for_no_file(tmp_path):
    folder = Folder(tmp_path)
    folder.sign()
    folder.close()
    remember(Run(feed="chain", mode="live"), tmp_path, "base", "0xA")
    venue_path(tmp_path).unlink()
    plan = planned(folder.settings)
    (step,) = plan.steps
    assert step.evidence == "Unknown: this looks at the log alone; a start asks the chain's nodes"
    assert plan.warning == ""
