"""Recorded data, where it is at hand, for every test."""

from pathlib import Path

import pytest
from hypothesis import settings

import actors.wal

settings.register_profile("untimed", deadline=None)  # A busy machine is no mistake of the code.
settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The path of a recorded file; a test that needs one that is not there is skipped, and says so."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"recorded data is not here: {path}")
        return path

    return find


@pytest.fixture(autouse=True)
def the_log_is_not_looked_over(monkeypatch):
    """In this process a system without processes sleeps until every timer that it can wait for is over."""
    monkeypatch.setattr(actors.wal, "IDLE_SECONDS", 3_600.0)
