"""A devnet for the whole session, as it was before each test; visibly skipped where there is no node."""

import pytest

from chains.devnet.anvil import find
from chains.devnet.artifacts import MODULES
from chains.devnet.devnet import Devnet

MISSING = "no devnet here: apt install nodejs npm, then make test (or npm ci --prefix chains/devnet)"


@pytest.fixture(scope="session")
def installed():
    """For tests that start nodes of their own."""
    if find() is None or not MODULES.exists():
        pytest.skip(MISSING)


@pytest.fixture(scope="session")
def devnet_of_all(installed, tmp_path_factory):
    with Devnet.start(tmp_path_factory.mktemp("devnet")) as net:
        yield net


@pytest.fixture
def devnet(devnet_of_all):
    with devnet_of_all.undone() as net:
        yield net
