"""A private folder with a short name, and systems of actors in it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.base import System


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hf-") as folder:
        yield Path(folder)


@pytest.fixture
def system(run_dir: Path) -> Iterator[System]:
    system = System.start(run_dir)
    yield system
    system.shutdown()


@pytest.fixture(params=["processes", "in process"])
def any_system(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[System]:
    system = System.start(run_dir) if request.param == "processes" else System.in_process()
    yield system
    system.shutdown()
