"""The command line as a user types it: each mistake is one sentence on stderr, and nothing is left behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from run import app

ROOT = Path(__file__).parent.parent
BARS = "timestamp,open,high,low,close,volume\n"


@pytest.fixture
def run(tmp_path):
    def run(*words, code):
        command = [sys.executable, str(ROOT / "run.py"), *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done

    return run


def refusal(done):
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--seed -3", "command line: run.seed = -3: a whole number from 0 to 1_000_000_000 is wanted."),
        ("--speed quick", 'command line: run.speed = "quick": write "max", or how many times faster'),
        ("--feed tape", 'command line: run.feed = "tape": "auto" or "chain" or "live" or "recording"'),
        ("--feed recording", 'command line: run.feed = "recording": name a recording with'),
        ("--feed simulated --until-end", "command line: run.until_end = true: this market has no end"),
        ("--config nosuch.toml", "nosuch.toml: no such file or directory; name another file with --config."),
        ("config check --config nosuch.toml", "nosuch.toml: no such file or directory"),
        ("--feed simulated --summary nosuch/out.json", "--summary nosuch/out.json: its folder is not there"),
        ("--feed simulated --data-dir /proc/nosuch", "/proc/nosuch can not be made ("),
        ("--recording nosuch.csv", "nosuch.csv is not there; check the path given for the recording"),
        ("status", "Nothing runs on data: start it with"),
        ("stop", "Nothing runs on data: start it with"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(run, tmp_path, words, sentence):
    assert refusal(run(*words.split(), code=2)).startswith(sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("", "holds no rows"),
        ("1658188800,1,1,1,1,1\n1658188860,1,1,1,nan,1\n", "nan"),
        ("1658188800,1,1,1,1,1\n1658188860,1,1,1,-1,1\n", "-1"),
        ("1658188860,1,1,1,1,1\n1658188800,1,1,1,1,1\n", "row 2"),
        ("1658188800,1,1\n", "row 1 has 3 columns instead of 6"),
    ],
)
def test_a_bad_recording_is_one_sentence_and_leaves_nothing_behind(run, tmp_path, rows, sentence):
    path = tmp_path / "WETH-USDC_1m.csv"
    path.write_text(BARS + rows)
    assert sentence in refusal(run("--recording", path.name, code=2))
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_typo_in_the_configuration_names_file_key_value_and_fix(run, tmp_path):
    (tmp_path / "my.toml").write_text("[limits]\nmax_position = 3\n")
    sentence = (
        "my.toml: limits.max_position = 3: there is no such setting; did you mean limits.max_positions."
    )
    assert refusal(run("--config", "my.toml", code=2)) == sentence
    assert refusal(run("config", "check", "--config", "my.toml", code=2)) == sentence


def test_the_configuration_that_comes_with_it_is_fine(run):
    assert "every setting is known and possible" in run("config", "check", code=0).stdout


def test_the_doctor_finds_this_machine_well_and_a_typo_not(run, tmp_path):
    assert "FAIL" not in run("doctor", code=0).stdout
    (tmp_path / "my.toml").write_text("[limits]\nmax_position = 3\n")
    assert "FAIL my.toml: limits.max_position = 3" in run("doctor", "--config", "my.toml", code=1).stdout


def test_a_log_that_is_not_there_is_not_verified(run):
    assert "there is no log" in run("wal", "verify", code=1).stderr


def test_help_names_every_command(run):
    text = run("--help", code=0).stdout
    for command in ("paper", "status", "stop", "halt", "lift", "wal", "config", "doctor"):
        assert command in text


def commands_of(group, name="run.py"):
    yield name, group
    for word, each in getattr(group, "commands", {}).items():
        yield from commands_of(each, f"{name} {word}")


def test_no_help_has_square_brackets_for_they_are_markup_and_not_shown():
    """The name of a table of config.toml is one."""
    for name, command in commands_of(typer.main.get_command(app)):
        texts = [command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]
        assert not [text for text in texts if re.search(r"\[[a-z]+\]", text)], name


@pytest.mark.processes
def test_a_recording_is_traded_to_its_end_and_summed_up(run, tmp_path):
    rows = "".join(f"{1658188800 + 60 * n},1500,1501,1499,1500,10\n" for n in range(300))
    (tmp_path / "WETH-USDC_1m.csv").write_text(BARS + rows)
    done = run(
        "--recording", "WETH-USDC_1m.csv", "--speed", "max", "--until-end", "--summary", "out.json", code=0
    )
    assert done.stderr == ""
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["bars"] == 300
    assert found["promises"]["broken"] == []
    assert "replay" in found["promises"]["checked"]
    assert not (tmp_path / "data" / "lock").exists()
    assert "kept" in run("wal", "verify", code=0).stdout
    assert "holds a run on recording" in refusal(run("--feed", "simulated", code=2))
