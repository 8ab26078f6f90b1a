"""live-by-consent: real money is traded only where all of it was said, and the doctor is content."""

import pytest
from msgspec.structs import replace

from storage.config import Settings, consent_of, load
from storage.consent import Consent, caps_of, refusal, unconsented
from storage.strict_toml import ConfigError

WHOLE = Consent("live", True, "100", "10", 6)
WELL = ()


def test_paper_needs_no_consent_and_whoever_trades_it_is_not_asked_for_any():
    assert list(unconsented(consent_of(Settings()))) == []
    assert refusal(consent_of(Settings()), None) is None


def test_a_whole_consent_and_a_doctor_without_complaints_let_live_trading_start():
    assert refusal(WHOLE, WELL) is None
    assert caps_of(WHOLE) == (100_000_000, 10_000_000)


def test_where_the_coin_itself_is_paid_with_caps_and_limits_are_coins_of_18_decimals(tmp_path):
    evm = f'[evm]\nnative_as = "quote"\nrpc_urls = ["http://x"]\npools = ["0x{"12" * 20}"]'
    live = '[live]\ni_understand = true\ncapital_cap = "1.5"\nposition_cap = "0.0000001"'
    words = ['[run]\nmode = "live"\nfeed = "chain"', live, '[limits]\nmin_order = "0.00000001"']
    words += ['[paper]\ngas = "0.000000001"', evm]
    path = tmp_path / "my.toml"
    path.write_text("\n".join(words))
    assert caps_of(consent_of(load(path))) == (15 * 10**17, 10**11)
    path.write_text("\n".join(words).replace('native_as = "quote"', 'native_as = "token"'))
    with pytest.raises(ConfigError, match="the asset has 6 decimals"):
        load(path)


@pytest.mark.parametrize(
    ("change", "start"),
    [
        ({"i_understand": False}, "live.i_understand: run.mode = "),
        ({"capital_cap": ""}, "live.capital_cap: "),
        ({"position_cap": ""}, "live.position_cap: "),
        ({"capital_cap": "0"}, "live.capital_cap: an amount above 0"),
        ({"position_cap": "-1"}, "live.position_cap: write a plain decimal"),
        ({"position_cap": "0.0000001"}, "live.position_cap: the asset has 6 decimals"),
        ({"position_cap": "100.000001"}, "live.position_cap: one position would be more than all"),
    ],
)
def test_a_word_that_is_missing_or_wrong_refuses_to_start_with_its_key_and_the_fix(change, start):
    consent = replace(WHOLE, **change)
    assert refusal(consent, WELL).startswith(start)
    with pytest.raises(ValueError, match=start.split(":", maxsplit=1)[0]):
        caps_of(consent)


def test_a_doctor_who_has_not_looked_or_who_complains_refuses_to_start():
    assert refusal(WHOLE, None).startswith("Live trading starts only after a doctor")
    assert refusal(WHOLE, ("No disk.", "No node.")).endswith("while 2 checks fail: No disk. No node.")


def test_a_configuration_for_live_trading_without_consent_is_refused_when_it_is_read(tmp_path):
    path = tmp_path / "config.toml"
    words = ["[run]", 'mode = "live"', "[live]", "i_understand = true", 'capital_cap = "50"']
    for count in range(len(words) + 1):
        path.write_text("\n".join(words[:count]))
        if count < 2:
            load(path)
        else:
            with pytest.raises(ConfigError, match=r"live\.(i_understand|capital_cap|position_cap) = "):
                load(path)
    path.write_text("\n".join([*words, 'position_cap = "5"']))
    assert load(path).run.mode == "live"
