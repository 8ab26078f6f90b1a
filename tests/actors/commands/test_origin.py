"""A data folder goes on with the market that its books belong to, or not at all."""

import pytest
from msgspec.structs import replace

from actors.commands import origin
from actors.commands.origin import place_of
from actors.commands.refused import CannotRunError
from storage.config import Run
from storage.config_evm import Evm


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("1")
    return Run(feed="recording", recordings=(str(path),))


def test_a_new_folder_takes_any_market(tmp_path, recording):
    for run in (recording, Run(feed="simulated")):
        origin.check(run, tmp_path)


def test_the_same_market_goes_on_whatever_its_speed_and_wherever_its_files_are(tmp_path, recording):
    origin.remember(recording, tmp_path)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "bars.csv").write_text("1")
    elsewhere = replace(recording, recordings=(str(moved / "bars.csv"),), speed="max", until_end=True)
    origin.check(elsewhere, tmp_path)


@pytest.mark.parametrize("change", [{"feed": "simulated", "recordings": ()}, {"seed": 2}])
def test_another_market_is_refused(tmp_path, recording, change):
    origin.remember(recording, tmp_path)
    with pytest.raises(CannotRunError, match=r"holds a run on recording bars.csv with seed 1, not on"):
        origin.check(replace(recording, **change), tmp_path)


def test_a_recording_whose_content_has_changed_is_another_market(tmp_path, recording):
    origin.remember(recording, tmp_path)
    (tmp_path / "bars.csv").write_text("2")
    with pytest.raises(CannotRunError, match=r"holds a run on recording bars\.csv"):
        origin.check(recording, tmp_path)


@pytest.mark.parametrize("feed", ["live", "simulated"])
def test_auto_goes_on_with_what_it_was_at_first(tmp_path, feed):
    assert origin.continued(Run(feed="auto"), tmp_path).feed == "auto"
    origin.remember(Run(feed=feed), tmp_path)
    assert origin.continued(Run(feed="auto"), tmp_path).feed == feed


def test_a_damaged_note_is_refused(tmp_path):
    (tmp_path / "market.json").write_text("{")
    with pytest.raises(CannotRunError, match=r"is damaged .*: restore it"):
        origin.remembered(tmp_path)


def test_books_of_one_chain_do_not_go_on_on_another(tmp_path):
    run = Run(feed="chain")
    origin.remember(run, tmp_path, "base")
    origin.check(run, tmp_path, "base")
    with pytest.raises(CannotRunError, match=r"a run on the base market .* not on the bsc market"):
        origin.check(run, tmp_path, "bsc")


def test_books_that_know_the_coin_as_gas_do_not_go_on_where_it_is_traded(tmp_path):
    run, gas, quote = Run(feed="chain"), *(place_of(Evm(native_as=each)) for each in ("", "quote"))
    origin.remember(run, tmp_path, gas)
    origin.check(run, tmp_path, "ethereum")
    with pytest.raises(CannotRunError, match=r"not on the ethereum \(its coin as quote\) market"):
        origin.check(run, tmp_path, quote)


def test_what_evm_names_is_nothing_to_a_run_on_another_market(tmp_path):
    origin.remember(Run(feed="simulated"), tmp_path, "base")
    origin.check(Run(feed="simulated"), tmp_path, "bsc")


def test_real_money_does_not_go_on_in_the_books_of_play_money_nor_in_another_wallets(tmp_path):
    paper, live = Run(feed="chain"), Run(feed="chain", mode="live")
    for name in ("paper", "live"):
        (tmp_path / name).mkdir()
    origin.remember(paper, tmp_path / "paper", "base", "0xA")  # Whose wallet is at hand does not matter.
    origin.remember(live, tmp_path / "live", "base", "0xA")
    origin.check(paper, tmp_path / "paper", "base", "0xB")
    origin.check(live, tmp_path / "live", "base", "0xA")
    with pytest.raises(CannotRunError, match="not on the base market with seed 1 and the real money of 0xA"):
        origin.check(live, tmp_path / "paper", "base", "0xA")
    for run, wallet in ((paper, "0xA"), (live, "0xB")):
        with pytest.raises(
            CannotRunError, match=r"holds a run on the base market .* the real money of 0xA, not on"
        ):
            origin.check(run, tmp_path / "live", "base", wallet)
