"""The page of each strategy says where it comes from, where it failed, and whether it is on, as it is."""

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from actors.messages import Refusal
from storage.config import Settings
from strategies import ai_model

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "config.toml").read_text())
NAMES = ("momentum", "scalping", "ai", "mix")
SAID = {True: "On by\ndefault", False: "Off by default"}


def text_of(name: str) -> str:
    return (ROOT / "strategies" / f"{name.upper()}.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_where_the_idea_comes_from_where_it_failed_and_whether_it_is_on(name):
    text, on = text_of(name), CONFIG[name].get("enabled", True)
    for words in ("**Where it comes from.**", "here it failed here", SAID[on]):
        assert words in text, words
    assert SAID[not on] not in text
    assert len(re.findall(r"\((?:19|20)\d\d\)|\b(?:19|20)\d\d\)", text)) >= 1  # A source with its year.


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_a_page_names_exists(name):
    tables = msgspec.to_builtins(Settings())
    known = {f"{table}.{key}" for table, own in tables.items() for key in own}
    keys = {key.partition(".")[2] for key in known} | set(ai_model.Card.__struct_fields__)
    named = re.findall(r"`([a-z_]+\.[a-z_]+)`", text_of(name))
    settings = [each for each in named if each.partition(".")[0] in tables]
    assert set(settings) <= known
    words = set(re.findall(r"`([a-z]+_[a-z_]+)`", text_of(name))) - set(Refusal)
    assert words <= keys, words - keys
    assert len(words) + len(settings) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_of_the_code_are_those_of_the_file(name):
    assert CONFIG[name] == json.loads(msgspec.json.encode(getattr(Settings(), name)))
