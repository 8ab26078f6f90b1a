"""Recorded data, where it is at hand, for every test."""

from pathlib import Path

import pytest

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
