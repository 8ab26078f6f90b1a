"""The Recorder: whatever the log and its archives hold, the tables are those of a rebuild."""

import pytest

from actors.messages import Append, Committed, Fatal, Id, Ready
from actors.recorder import Recorder
from actors.wal import Wal
from storage import archive as module
from storage import logs
from storage.archive import archive
from storage.layout import log_path, projection_path
from storage.log import Log
from storage.log_file import archives_of
from storage.projection import Projection, digest, rebuild
from storage.snapshots import packed
from tests.actors.alone import OUTSIDE, alone
from tests.deals import busy_desk

DESK = busy_desk()
APPENDS = (Append(Id("deposit"), (DESK.records[0],)), *DESK.appends)
LAST = len(DESK.records)


@pytest.fixture(autouse=True)
def no_log_files(monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)


@pytest.fixture
def folder(tmp_path):
    """A log of which the older part is archived."""
    log = Log.open(log_path(tmp_path))
    for append in APPENDS:
        log.append(append)
    log.save_snapshot(LAST, packed(DESK.books))
    archive(log, 3)
    archive(log, 10**18)
    log.close()
    return tmp_path


def caught_up(folder):
    """The recorder, once log and recorder have nothing more to say to each other."""
    wal = alone(Wal, folder, "wal", "supervisor")
    recorder = alone(Recorder, folder, "recorder", "wal", "supervisor")
    said = 0
    while said < len(recorder.told) or recorder.woken:
        target, message = recorder.told[said] if said < len(recorder.told) else ("", None)
        said += message is not None
        if target == "wal":
            for _, answer in wal.hears(message):
                recorder.receive(answer, OUTSIDE)
        elif message is None:
            recorder.wakes()
    wal.on_exit()
    recorder.on_exit()
    return recorder


def as_rebuilt(folder):
    return digest(projection_path(folder)) == rebuild(log_path(folder), folder / "again.db")


@pytest.mark.parametrize("known", [0, 1, 7, LAST - 2, LAST])
def test_it_goes_on_after_its_last_record_through_the_archives(folder, known):
    before = Projection(projection_path(folder))
    before.apply(0, tuple(DESK.records[:known]))
    before.close()
    recorder = caught_up(folder)
    assert recorder.lsn == LAST
    assert [message for _, message in recorder.told if isinstance(message, Ready)] == [
        Ready("recorder", LAST)
    ]
    assert as_rebuilt(folder)


def test_a_rebuild_after_an_archiving_gives_the_bytes_of_one_before_it(tmp_path):
    log = Log.open(log_path(tmp_path))
    for append in APPENDS:
        log.append(append)
    before = rebuild(log.path, tmp_path / "a.db")
    log.save_snapshot(LAST, packed(DESK.books))
    archive(log, 10**18)
    log.close()
    assert rebuild(log_path(tmp_path), tmp_path / "b.db") == before


def test_archives_are_read_a_batch_at_a_time_between_other_messages(folder, monkeypatch):
    sizes = []
    real = Projection.apply
    monkeypatch.setattr(module.archived, "__defaults__", (4,))
    monkeypatch.setattr(
        Projection, "apply", lambda self, after, news: sizes.append(len(news)) or real(self, after, news)
    )
    assert caught_up(folder).lsn == LAST
    assert len(sizes) > 3
    assert max(sizes[:3]) <= 4
    assert as_rebuilt(folder)


def test_an_archive_that_is_missing_is_asked_for(folder):
    archives_of(log_path(folder))[1].unlink()
    recorder = caught_up(folder)
    (sentence,) = [message.sentence for _, message in recorder.told if isinstance(message, Fatal)]
    assert "in an archive that is not beside it; put it back" in sentence
    assert recorder.stopped


def test_a_projection_that_is_ahead_of_its_log_is_made_anew(folder):
    ahead = Projection(projection_path(folder))
    ahead.apply(0, (*DESK.records, DESK.records[0], DESK.records[0]))
    ahead.close()
    recorder = caught_up(folder)
    assert recorder.lsn == LAST
    assert as_rebuilt(folder)


def test_what_is_heard_twice_on_the_way_changes_nothing(folder):
    recorder = alone(Recorder, folder, "recorder", "wal", "supervisor")
    recorder.hears(Committed(0, 9, tuple(DESK.records[:9]), replay=True))
    recorder.hears(Committed(0, 5, tuple(DESK.records[:5]), replay=True))
    assert recorder.lsn == 9
    recorder.on_exit()
