"""A data folder goes on with the market that its books belong to, or not at all."""

import pytest
from msgspec.structs import replace

from actors.commands import origin
from actors.commands.refused import CannotRunError
from storage.config import Run


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("1")
    return Run(feed="recording", recordings=(str(path),))


def test_a_new_folder_takes_any_market(tmp_path, recording):
    for run in (recording, Run(feed="simulated")):
        origin.check(run, tmp_path)


def test_the_same_market_goes_on_whatever_its_speed_and_wherever_its_files_are(tmp_path, recording):
    origin.remember(recording, tmp_path)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "bars.csv").write_text("1")
    elsewhere = replace(recording, recordings=(str(moved / "bars.csv"),), speed="max", until_end=True)
    origin.check(elsewhere, tmp_path)


@pytest.mark.parametrize("change", [{"feed": "simulated", "recordings": ()}, {"seed": 2}])
def test_another_market_is_refused(tmp_path, recording, change):
    origin.remember(recording, tmp_path)
    with pytest.raises(CannotRunError, match=r"holds a run on recording bars.csv with seed 1, not on"):
        origin.check(replace(recording, **change), tmp_path)


def test_a_recording_whose_content_has_changed_is_another_market(tmp_path, recording):
    origin.remember(recording, tmp_path)
    (tmp_path / "bars.csv").write_text("2")
    with pytest.raises(CannotRunError, match=r"holds a run on recording bars\.csv"):
        origin.check(recording, tmp_path)


@pytest.mark.parametrize("feed", ["live", "simulated"])
def test_auto_goes_on_with_what_it_was_at_first(tmp_path, feed):
    assert origin.continued(Run(feed="auto"), tmp_path).feed == "auto"
    origin.remember(Run(feed=feed), tmp_path)
    assert origin.continued(Run(feed="auto"), tmp_path).feed == feed


def test_a_damaged_note_is_refused(tmp_path):
    (tmp_path / "market.json").write_text("{")
    with pytest.raises(CannotRunError, match=r"is damaged .*: restore it"):
        origin.remembered(tmp_path)
