"""Opens the feed that a run asks for.  Whether live prices can be reached is for the caller to find out."""

from chains.feeds.feed import Feed
from chains.feeds.recordings import open_recordings
from chains.feeds.simulated import SimulatedFeed
from storage.config import Run, Settings


def open_feed(settings: Settings, run: Run) -> Feed:
    """RecordingError or ValueError, each one sentence, if it can not be opened."""
    match run.feed:
        case "recording":
            return open_recordings(run.recordings, settings.paper, settings.recording)
        case "simulated":
            pool = settings.recording
            return SimulatedFeed(settings.simulated, settings.paper, run.seed, pool.pool_depth, pool.fee_pips)
        case "auto" | "live":
            raise ValueError(f'feed = "{run.feed}" is decided by whether live prices can be reached')
        case "chain":
            raise ValueError('feed = "chain" is not read but followed')
