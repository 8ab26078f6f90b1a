"""What no backtest, training, sweep, walk or report makes sense of is one sentence, and leaves nothing.

In this process, for there are many of them; test_backtest.py and test_sweep.py start the program itself.
"""

import pytest
from msgspec.structs import replace

import run
from strategies import backtest
from tests.strategies.ai_market import changed, market
from tests.strategies.test_ai_live import toml_of

OVER = ["--over", "momentum.entry_bars=24,48"]
COMMANDS = {
    "backtest": ["--out", "{out}"],
    "train": ["--out", "{out}"],
    "sweep": [*OVER, "--keep", "{out}/k.jsonl"],
    "walk-forward": [*OVER, "--inside", "6", "--outside", "3", "--keep", "{out}/k.jsonl", "--out", "{out}"],
    "report": ["--out", "{out}"],
}
PLAYING = [name for name in COMMANDS if name != "train"]
CONFIG = "[scalping]\nenabled = true\ntimeframe_minutes = 60\nvwap_bars = 24\n"


def cell(column: int, text: str, row: int = 50):
    def change(rows):
        cells = rows[row].split(",")
        cells[column] = text
        return [*rows[:row], ",".join(cells), *rows[row + 1 :]]

    return change


def column(first: int, last: int, text: str):
    def change(rows):
        cut = [row.split(",") for row in rows[1:]]
        return [rows[0], *(",".join([*row[:first], *[text] * (last - first), *row[last:]]) for row in cut)]

    return change


BAD = {
    "too little history": (
        lambda rows: rows[:22],
        ("momentum needs ", "no moment has 3 tokens", "does not fit"),
    ),
    "a gap": (lambda rows: [*rows[:100], *rows[140:]], ("has a gap of 41.0 h after 2023-11-",)),
    "missing bars": (
        lambda rows: [row for at, row in enumerate(rows) if at < 2 or at % 10],
        ("of its bars, ",),
    ),
    "no volume": (column(5, 6, "0"), ("weighs prices by volume, and most bars of paper:AX have none; use",)),
    "NaN": (cell(4, "nan"), ('AX-USDC.csv, row 50, column "close": nan is no price; repair',)),
    "NaN as volume": (cell(5, "nan"), ('row 50, column "volume": nan is no volume; write 0',)),
    "constant prices": (column(1, 5, "7"), ("AX-USDC.csv: its price does not move over 299 bars",)),
    "not sorted": (lambda rows: [*rows[:50], rows[51], rows[50], *rows[52:]], ("sort the rows",)),
    "there twice": (lambda rows: [*rows[:50], rows[49], *rows[50:]], ("is there twice; sort the rows",)),
    "below its low": (cell(2, "0.001"), ('row 50, column "high": 0.001 is below the low of its row; rep',)),
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    paths = market(tmp_path_factory.mktemp("good"), rows=300, tokens=3, seed=4)
    return {path.name: path.read_text().splitlines() for path in paths}


def ran(capsys, folder, lines, command, config):
    """What is said on stderr by a command that must be refused."""
    out, words = folder / "out", []
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows))
        words += ["--recording", str(folder / name)]
    (folder / "config.toml").write_text(config)
    more = [word.format(out=out) for word in COMMANDS[command]]
    code = run.main([command, *words, *more, "--config", str(folder / "config.toml")])
    said = capsys.readouterr()
    kept, left = out / "k.jsonl", {path.name for path in out.glob("*")} - {"k.jsonl"}
    assert (code, left) == (run.REFUSED, set())
    if kept.exists():  # Sets that were tried and refused; a sweep is not asked again.
        assert all('"refused":"' in line for line in kept.read_text().splitlines())
    assert all("were there already" in line for line in said.out.splitlines())
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    return said.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("change", "sentences"), BAD.values(), ids=BAD)
def test_a_recording_that_tells_nothing_is_one_sentence_in_every_command(
    capsys, tmp_path, lines, command, change, sentences
):
    wrong = {name: change(rows) for name, rows in lines.items()}
    said = ran(capsys, tmp_path, wrong, command, CONFIG)
    assert any(sentence in said for sentence in sentences), said


@pytest.mark.parametrize("command", PLAYING)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[momentum]\nentry_bars = 0\n", "momentum.entry_bars = 0: a whole number above 0"),
        ("[momentum]\nexit_bars = 99\n", "momentum.exit_bars = 99: at most entry_bars (48)"),
        ("[mix]\nenabled = true\nfloor_bps = 3000\n", "mix.floor_bps = 3000: at most 2500"),
        ('[ai]\nenabled = true\nmodel = "nowhere"\n', "nowhere/card.json can not be read (no such file"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence_in_every_command(
    capsys, tmp_path, lines, command, text, sentence
):
    assert sentence in ran(capsys, tmp_path, lines, command, text)


@pytest.mark.parametrize("command", PLAYING)
def test_a_model_of_other_features_is_one_sentence_in_every_command(
    capsys, tmp_path, lines, command, ai_settings, model_folder
):
    other = changed(model_folder, tmp_path, features_hash="0123456789abcdef")
    settings = replace(ai_settings, ai=replace(ai_settings.ai, enabled=True, model=str(other)))
    said = ran(capsys, tmp_path, lines, command, toml_of(settings))
    assert said.startswith(
        "ai.model was trained on other features than this program computes (0123456789abcdef"
    )
    assert "train a model anew" in said


@pytest.mark.parametrize("command", PLAYING)
def test_a_strategy_that_looks_ahead_is_one_sentence_in_every_command(
    capsys, tmp_path, lines, command, monkeypatch
):
    """Planted: the whole decides otherwise than a part.  test_backtest.py plants a strategy that peeks."""
    played = backtest.played

    def peeking(recorded, settings, strategies, *more):
        result = played(recorded, settings, strategies, *more)
        whole = len(recorded.tape.moments) == 300
        fills = [replace(fill, amount_in=fill.amount_in + whole) for fill in result.fills]
        return replace(result, fills=tuple(fills))

    monkeypatch.setattr(backtest, "played", peeking)
    said = ran(capsys, tmp_path, lines, command, CONFIG)
    assert "depends on what comes after it: the strategy looks ahead" in said
