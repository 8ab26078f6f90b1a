"""A trained model, made once."""

import pytest

from actors.commands.train import trained
from storage.config import Settings
from strategies.ai_training import Rules
from tests.strategies.ai_market import market, settings_with

RULES = Rules(horizon=6, top=0.2, folds=3, embargo=6, rounds=(40, 40))


@pytest.fixture(scope="session")
def learned_market(tmp_path_factory):
    """The files that the model of `model_folder` has learned from."""
    return market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def model_folder(learned_market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "planted"
    trained([str(path) for path in learned_market], folder, Settings(), RULES)
    return folder


@pytest.fixture
def ai_settings(model_folder):
    return settings_with(model_folder)
