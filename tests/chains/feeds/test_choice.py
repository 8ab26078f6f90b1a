"""Which feed a run gets."""

import pytest

from chains.feeds.choice import open_feed
from chains.feeds.recordings import RecordingError
from storage.config import Run, Settings


def test_a_simulated_run_gets_the_market_of_its_seed():
    one, two = (open_feed(Settings(), Run(feed="simulated", seed=seed)) for seed in (1, 2))
    assert one.paced
    assert one.read(None, 1) != two.read(None, 1)
    assert "seed 1" in one.name


def test_a_recording_that_is_not_there_is_an_error_in_a_sentence():
    with pytest.raises(RecordingError, match="is not there"):
        open_feed(Settings(), Run(feed="recording", recordings=("nowhere.csv",)))


@pytest.mark.parametrize("feed", ["auto", "live"])
def test_live_prices_are_not_opened_here(feed):
    with pytest.raises(ValueError, match="is decided by whether live prices can be reached"):
        open_feed(Settings(), Run(feed=feed))
