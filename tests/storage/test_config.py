"""The configuration: what is in the file is the default, and whatever can not be is refused with the fix."""

import re
from pathlib import Path

import pytest
from msgspec import structs

from storage.config import Settings, complaints, load
from storage.strict_toml import ConfigError, read, wanted

ROOT = Path(__file__).parents[2]
TABLES = {field.name: field.type for field in structs.fields(Settings)}
POOL = "eth/0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
SEED = "a whole number from 0 to 1_000_000_000 is wanted."
KEYS = [(table, field) for table, struct in TABLES.items() for field in structs.fields(struct)]


def written(folder, text):
    path = folder / "config.toml"
    path.write_text(text)
    return path


def refused(folder, text, overrides=None):
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text), overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence.replace(str(folder) + "/", "")


# -- the file in this folder --
@pytest.mark.parametrize(("table", "field"), KEYS, ids=lambda part: getattr(part, "name", part))
def test_every_setting_stands_in_config_toml_with_its_default(table, field):
    value = read(ROOT / "config.toml")[table][field.name]
    assert (tuple(value) if isinstance(value, list) else value) == field.default
    assert type(value) is (list if isinstance(field.default, tuple) else type(field.default))


def test_config_toml_is_the_defaults_and_they_make_sense():
    assert load(ROOT / "config.toml") == Settings()
    assert list(complaints(Settings())) == []


def test_every_table_and_every_setting_that_is_not_its_own_explanation_has_a_comment():
    plain = {
        "quote_decimals",
        "max_positions",
        "atr_bars",
        "max_hold_minutes",
        "tokens",
        "bar_seconds",
        "url",
    }
    plain |= {"pools", "poll_seconds", "requests_per_minute", "connect_seconds"}
    for line in (ROOT / "config.toml").read_text().splitlines():
        key = re.match(r"([a-z_]+) =", line)
        if key and key[1] not in plain:
            assert "#" in line, line


# -- what is taken --
def test_what_is_not_written_keeps_its_default(tmp_path):
    settings = load(written(tmp_path, "[run]\nseed = 7\n"))
    assert settings.run.seed == 7
    assert settings.run.speed == "7200"
    assert settings.limits == Settings().limits
    assert load(written(tmp_path, "")) == Settings()


def test_the_command_line_has_the_last_word(tmp_path):
    path = written(tmp_path, "[run]\nseed = 7\nspeed = '5'\n")
    run = load(path, {"run.seed": 8, "run.feed": "recording", "run.recordings": ["a.csv"]}).run
    assert (run.seed, run.speed, run.recordings) == (8, "5", ("a.csv",))


# -- what is refused: the whole sentence, but for the folder --
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[run]\nsede = 7", "config.toml: run.sede = 7: there is no such setting; did you mean run.seed."),
        ("[limit]\na = 1", "config.toml: limit = {…}: there is no such table; did you mean limits."),
        ("seed = 7", "config.toml: seed = 7: there is no such table; remove it, or write one of run, paper, "
                     "limits, exits, momentum, scalping, ai, mix, simulated, recording, live, evm."),
        ("run = 3", "config.toml: run = 3: this is a table; write [run] and its settings under it."),
        ("[run]\nseed = -1", f"config.toml: run.seed = -1: {SEED}"),
        ("[run]\nseed = true", f"config.toml: run.seed = true: {SEED}"),
        ("[run]\nseed = '1'", f'config.toml: run.seed = "1": {SEED}'),
        ("[run]\nseed = 1.5", f"config.toml: run.seed = 1.5: {SEED}"),
        ("[run]\ndrain_seconds = 0",
         "config.toml: run.drain_seconds = 0: a whole number above 0 and at most 1_000_000_000 is wanted."),
        ("[run]\nmode = 'dry'", 'config.toml: run.mode = "dry": "live" or "paper" is wanted.'),
        ("[run]\nfeed = 'tape'",
         'config.toml: run.feed = "tape": '
         '"auto" or "chain" or "live" or "recording" or "simulated" is wanted.'),
        ("[run]\nuntil_end = 1", "config.toml: run.until_end = 1: true or false is wanted."),
        ("[run]\nspeed = 60", "config.toml: run.speed = 60: a text in quotes is wanted."),
        ("[run]\nrecordings = 'a.csv'",
         'config.toml: run.recordings = "a.csv": a list of texts, such as ["one", "two"], is wanted.'),
        ("[limits]\nposition_bps = 20000",
         "config.toml: limits.position_bps = 20000: a whole number from 0 to 10_000 is wanted."),
        ("[momentum]\ntrail_atr = nan", "config.toml: momentum.trail_atr = nan: a number above 0 is wanted."),
        ("[momentum]\ntrail_atr = inf", "config.toml: momentum.trail_atr = inf: a number above 0 is wanted."),
        ("[momentum]\nentry_bars = 99999999",
         "config.toml: momentum.entry_bars = 99999999: a whole number above 0 and at most 10_000 is wanted."),
    ],
)  # fmt: skip
def test_a_typo_or_an_impossible_value_is_one_sentence_with_file_key_value_and_fix(tmp_path, text, sentence):
    assert refused(tmp_path, text) == sentence


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("[paper]\ncapital = '-5'", 'paper.capital = "-5"', 'such as "10000" or "0.02".'),
        ("[paper]\ncapital = 'nan'", 'paper.capital = "nan"', 'such as "10000" or "0.02".'),
        ("[paper]\ncapital = '1e4'", 'paper.capital = "1e4"', 'such as "10000" or "0.02".'),
        ("[paper]\ncapital = '0'", 'paper.capital = "0"', "an amount above 0 is wanted."),
        ("[paper]\ngas = '0.0000001'", 'paper.gas = "0.0000001"', "write at most 6 digits after the point."),
        ("[paper]\nquote_decimals = 1", 'paper.gas = "0.02"', "write at most 1 digits after the point."),
        ("[paper]\nquote = 'US DC'", 'paper.quote = "US DC"', "such as USDC."),
        ("[paper]\nquote = 'ALFA'", 'simulated.tokens = "ALFA"', "trade another token."),
        ("[paper]\ngas = '5'", 'paper.gas = "5"', "lower it."),
        ("[paper]\nlatency_seconds = 120", "limits.deadline_seconds = 120", "above paper.latency_seconds."),
        ("[paper]\nrevert_bps = 9700", "paper.drop_bps = 200", "more than all (10000)."),
        ("[limits]\nmin_order = '2001'", "limits.position_bps = 2000", "fits into it; raise it."),
        ("[limits]\nstrategy_budget_bps = 0", "limits.strategy_budget_bps = 0", "raise it."),
        (
            "[mix]\nenabled = true\nshadows = ['ai']",
            'mix.shadows = ["ai"]',
            "(run.py train), or leave ai out.",
        ),
        ("[mix]\nenabled = true\nfloor_bps = 2501", "mix.floor_bps = 2501", "and cash have one each."),
        (
            "[mix]\nenabled = true\nfloor_bps = 4",
            "mix.floor_bps = 4",
            "limits.min_order does not fit into it.",
        ),
        (
            "[mix]\nenabled = true\ncap_bps = 400",
            "mix.cap_bps = 400",
            "raise it to mix.floor_bps (500) at least.",
        ),
        ("[mix]\nenabled = true\ncap_bps = 5001", "mix.cap_bps = 5001", "above which nobody gets."),
        (
            "[mix]\nenabled = true\nai_bps = 499",
            "mix.ai_bps = 499",
            "to mix.cap_bps (5000).",
        ),
        ("[mix]\nenabled = true\nai_bps = 2501", "mix.momentum_bps = 5000", "more than all (10000)."),
        ("[limits]\nslippage_bps = 10000", "limits.slippage_bps = 10000", "50 is usual."),
        ("[exits]\nstop_bps = 10000", "exits.stop_bps = 10000", "write 0 for no stop."),
        ("[exits]\ntake_profit_portion_bps = 0", "exits.take_profit_portion_bps = 0", "take_profit_bps = 0."),
        ("[momentum]\nexit_bars = 49", "momentum.exit_bars = 49", "leave before it enters."),
        ("[simulated]\ntokens = []", "simulated.tokens = []", "none of them twice."),
        ("[simulated]\ntokens = ['A', 'A']", 'simulated.tokens = ["A", "A"]', "none of them twice."),
        ("[simulated]\ntokens = ['A/B']", 'simulated.tokens = "A/B"', "such as USDC."),
        ("[recording]\npool_depth = 'deep'", 'recording.pool_depth = "deep"', 'such as "10000" or "0.02".'),
        ("[live]\nurl = 'ftp://x'", 'live.url = "ftp://x"', "starts with https:// is wanted."),
        ("[live]\npools = []", "live.pools = []", "name at least one pool."),
        ("[live]\npools = ['eth']", 'live.pools = "eth"', "such as eth/0x88e6a0c2…."),
        (
            f"[live]\npools = {11 * [POOL]}",
            'live.pools = "11 pools"',
            "(25) is not enough for more.",
        ),
        (
            f"[live]\npools = {6 * [POOL]}",
            "live.poll_seconds = 10",
            "at least 15, for 6 pools and 25 live.requests_per_minute.",
        ),
        ("[evm]\nrpc_urls = ['node']", 'evm.rpc_urls = "node"', "starts with https:// is wanted."),
        (
            "[evm]\nrpc_urls = ['http://a', 'http://a']",
            'evm.rpc_urls = ["http://a", "http://a"]',
            "keep one of them.",
        ),
        ("[evm]\nws_url = 'http://a'", 'evm.ws_url = "http://a"', 'or "" for none.'),
        ("[evm]\nprivate_send_url = 'a'", 'evm.private_send_url = "a"', "starts with https:// is wanted."),
        ("[evm]\nchain = 'a b'", 'evm.chain = "a b"', "such as ethereum."),
        ("[evm]\nstable = '0x12'", 'evm.stable = "0x12"', "40 hexadecimal digits."),
        ("[evm]\nnative_as = 'cash'", 'evm.native_as = "cash"', '"quote" or "token" is wanted.'),
        ("[evm]\npools = ['0x12']", 'evm.pools = "0x12"', "40 hexadecimal digits."),
        (
            f"[evm]\npools = ['0x{'ab' * 20}', '0x{'AB' * 20}']",
            f'evm.pools = "0x{"AB" * 20}"',
            "it is named twice; remove one of them.",
        ),
        ("[run]\nfeed = 'chain'", "evm.rpc_urls = []", 'name at least one, for feed = "chain" reads it.'),
        (
            "[run]\nfeed = 'chain'\n[evm]\nrpc_urls = ['http://a']",
            "evm.pools = []",
            'name at least one, for feed = "chain" reads it.',
        ),
        ("[evm]\nbooked_depth = 3\nfinal_depth = 2", "evm.booked_depth = 3", "at most final_depth (2)."),
        ("[run]\nspeed = 'fast'", 'run.speed = "fast"', 'such as "60".'),
        ("[run]\nspeed = '0'", 'run.speed = "0"', 'such as "60".'),
        ("[run]\nfeed = 'recording'", 'run.feed = "recording"', "run.recordings or --recording."),
        ("[run]\nrecordings = ['a.csv']", 'run.feed = "auto"', "or remove them."),
        ("[run]\nuntil_end = true", "run.until_end = true", "feed simulated with simulated.bars."),
        ("[run]\ndata_dir = ''", 'run.data_dir = ""', 'such as "data".'),
    ],
)
def test_values_that_do_not_fit_together_are_one_sentence_too(tmp_path, text, start, end):
    sentence = refused(tmp_path, text)
    assert sentence.startswith(f"config.toml: {start}: ")
    assert sentence.endswith(end)


def test_the_command_line_is_blamed_for_its_own_mistakes(tmp_path):
    assert refused(tmp_path, "", {"run.seed": -1}).startswith("command line: run.seed = -1: ")
    assert refused(tmp_path, "", {"run.speed": "fast"}).startswith('command line: run.speed = "fast": ')
    assert refused(tmp_path, "[run]\nseed = -2", {"run.seed": 1}).startswith("config.toml: run.seed = -2: ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[run\n", r"config.toml: this is not TOML: .*line 1.*; mend that line\."),
        (b"[run]\nseed = 1\nseed = 2\n", r"config.toml: this is not TOML: .*line 3.*; mend that line\."),
        (b"a = \"\xff\"", r"config.toml: it is not UTF-8 \(byte 5\); save it as UTF-8\."),
        (b"#" * 1_000_001, r"config.toml: it has more than 1,000,000 bytes, so it is no configuration\."),
        (None, r"config.toml: no such file or directory; name another file with --config\."),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_read_is_refused_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert re.fullmatch(sentence, str(caught.value).replace(f"{tmp_path}/", ""))


@pytest.mark.parametrize(("table", "field"), KEYS, ids=lambda part: getattr(part, "name", part))
def test_every_setting_refuses_a_value_of_another_kind_and_says_what_is_wanted(tmp_path, table, field):
    path = written(tmp_path, f"[{table}]\n{field.name} = 1979-05-27\n")
    with pytest.raises(
        ConfigError, match=re.escape(f"{table}.{field.name} = 1979-05-27: {wanted(field.type)}")
    ):
        load(path)
