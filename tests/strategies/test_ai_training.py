"""Training: no lesson knows its trial, no feature its future, and what can not teach is refused."""

import json
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from actors.commands.train import trained
from chains.feeds.recordings import open_recordings
from storage import models
from storage.config import Paper, Recording, Settings
from strategies import ai_samples
from strategies.ai_features import NAMES
from strategies.ai_model import model_of
from strategies.ai_samples import SampleError, looks_ahead, moments_of, samples_of, watch
from strategies.ai_training import Gated, Rules, check_apart, fold_edges, gate_of, learned, lessons_before
from tests.strategies.ai_market import HOUR, START, market
from tests.strategies.conftest import RULES


def seen(paths):
    feed = open_recordings(paths, Paper(), Recording())
    moments = moments_of(feed.read(None, feed.total), HOUR * 10**9)
    tokens = tuple(sorted(each.token for each in feed.instruments))
    return moments, tokens, watch(moments, tokens)


@pytest.fixture(scope="module")
def watched(learned_market):
    return seen(learned_market)


@pytest.fixture(scope="module")
def samples(watched):
    return samples_of(watched[2], RULES.horizon, 3)


# -- what came after --
def test_what_came_after_is_from_the_next_open_to_the_open_a_horizon_later(watched, samples):
    moments, tokens, _ = watched
    for row in (0, 7, 1_000, len(samples.moment) - 1):
        token, moment = tokens[samples.token[row]], int(samples.moment[row])
        later = [
            next(bar for bar in bars if bar.token == token) for _, bars in moments[moment + 1 : moment + 8]
        ]
        assert samples.came[row] == pytest.approx(later[6].open / later[0].open - 1, rel=1e-12)
        assert samples.known[row] == moment + 7
        closes = [next(bar for bar in moments[moment][1] if bar.token == token), *later[:6]]
        moves = np.diff([float(bar.close) for bar in closes]) / [float(bar.close) for bar in closes[:-1]]
        assert samples.moved[row] == pytest.approx(np.sqrt((moves**2).mean()), rel=1e-9)


def test_the_last_rows_have_no_future_and_teach_nothing(watched, samples):
    moments, _, whole = watched
    assert samples.moment.max() == len(moments) - 1 - 1 - RULES.horizon
    assert whole.moment.max() == len(moments) - 1


# -- looking ahead --
def test_our_features_do_not_look_ahead(watched):
    assert looks_ahead(*watched, watch) == ""


@pytest.mark.parametrize("column", [0, 10])
def test_a_feature_that_looks_ahead_is_found_out(watched, column):
    moments, tokens, _ = watched

    def scaled_by_the_whole(moments, tokens):
        """The commonest mistake: a feature that is standardised by the series that it stands in."""
        honest = watch(moments, tokens)
        values = honest.values.copy()
        values[:, column] = (values[:, column] - values[:, column].mean()) / values[:, column].std()
        return replace(honest, values=values)

    def of_the_next_bar(moments, tokens):
        honest = watch(moments, tokens)
        ranks = honest.ranks.copy()
        ranks[:-6, column] = ranks[6:, column]
        return replace(honest, ranks=ranks)

    for planted, what in ((scaled_by_the_whole, ""), (of_the_next_bar, "place of ")):
        sentence = looks_ahead(moments, tokens, planted(moments, tokens), planted)
        assert sentence.startswith(f"the {what}{NAMES[column]} of paper:")
        assert "depends on what comes after it: the feature looks ahead" in sentence


def test_train_refuses_a_feature_that_looks_ahead(learned_market, tmp_path, monkeypatch):
    honest = ai_samples.watch

    def planted(moments, tokens):
        found = honest(moments, tokens)
        return replace(found, values=found.values - found.values.mean(0))

    monkeypatch.setattr(ai_samples, "watch", planted)
    with pytest.raises(SampleError, match="the feature looks ahead; compute it from bars that have ended"):
        trained([str(path) for path in learned_market], tmp_path / "model", Settings(), RULES)
    assert not (tmp_path / "model").exists()


# -- purge and embargo --
@pytest.mark.parametrize("embargo", [0, 6, 50])
def test_no_lesson_is_known_later_than_an_embargo_before_its_trial(samples, embargo):
    rules = replace(RULES, embargo=embargo)
    for first, _ in fold_edges(samples, rules):
        lessons = lessons_before(samples, first, rules)
        assert samples.known[lessons].max() == first - embargo - 1
        check_apart(samples, lessons, first, rules)


def test_lessons_that_are_not_purged_are_found_out(samples):
    (first, _), *_ = fold_edges(samples, RULES)
    not_purged = np.asarray(samples.moment < first)
    no_embargo = np.asarray(samples.known < first)
    for lessons in (not_purged, no_embargo):
        with pytest.raises(SampleError, match="lessons reach into the fold"):
            check_apart(samples, lessons, first, RULES)


def test_the_folds_are_one_after_the_other_and_the_first_part_is_only_learned_from(samples):
    edges = fold_edges(samples, RULES)
    assert len(edges) == RULES.folds
    assert edges[0][0] > samples.moment.min() + (samples.moment.max() - samples.moment.min()) // 5
    assert all(one[1] == two[0] for one, two in pairwise(edges))
    assert edges[-1][1] == samples.moment.max() + 1


def test_the_gate_calibrates_on_what_its_trees_have_not_seen(samples):
    scores = np.random.default_rng(1).normal(size=len(samples.moment))
    gated = Gated(samples, scores, samples.spans[:, 1], RULES)
    lessons = []
    original = lessons_before

    def spied(given, first, rules):
        lessons.append((first, original(given, first, rules)))
        return lessons[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strategies.ai_training.lessons_before", spied)
        gate_of(gated, gated.rows, "the gate")
    ((cut, early),) = lessons
    assert samples.known[early].max() < cut - RULES.embargo
    assert (gated.rows & (samples.moment >= cut)).sum() > 50


# -- what comes out --
def test_a_market_with_a_rule_is_learned_and_the_card_says_so(model_folder):
    card = model_of(models.read(model_folder)).card
    found = card.out_of_sample
    assert found.ic > 0.4
    assert found.ic_t > 5
    assert found.auc > 0.65
    assert found.brier < found.brier_of_base_rate
    assert sum(each.count for each in found.reliability) > 500
    assert (card.trials, card.seed, len(card.data), card.data[0].bars) == (1, 1, 6, 900)
    page = (model_folder / "CARD.md").read_text()
    assert f"| rank IC | {found.ic:.4f} | 0 |" in page
    assert "Fit to trade" in page


def test_a_market_without_a_rule_teaches_nothing_and_the_card_says_that(tmp_path):
    paths = market(tmp_path, rows=700, drift=0.0)
    page = trained([str(path) for path in paths], tmp_path / "model", Settings(), RULES)
    assert "**Not fit to trade: its " in page


def test_the_same_seed_makes_the_same_model_and_every_training_is_counted(
    model_folder, learned_market, tmp_path
):
    paths = [str(path) for path in learned_market]
    for name in ("again", "other"):
        rules = RULES if name == "again" else replace(RULES, seed=2)
        trained(paths, tmp_path / name, Settings(), rules)
    for name in ("ranker.txt", "gate.txt", "calibration.json"):
        assert (tmp_path / "again" / name).read_bytes() == (model_folder / name).read_bytes()
    assert (tmp_path / "other" / "ranker.txt").read_bytes() != (model_folder / "ranker.txt").read_bytes()
    assert json.loads((tmp_path / "other" / "card.json").read_text())["trials"] == 2
    with pytest.raises(ValueError, match="is there already, and models are kept; name another folder"):
        trained(paths, tmp_path / "again", Settings(), RULES)


def test_nothing_in_a_model_s_folder_is_a_pickle(model_folder):
    for path in model_folder.iterdir():
        path.read_bytes().decode("utf-8")
    assert {path.name for path in model_folder.iterdir()} == {*models.FILES, "CARD.md"}


# -- what is refused --
def cells(path, change):
    head, *rows = path.read_text().splitlines()
    changed = [row for row in (change(number, row.split(",")) for number, row in enumerate(rows)) if row]
    path.write_text("\n".join([head, *(",".join(row) for row in changed)]))


REFUSED = {
    "two tokens": (lambda paths: paths[:2], "a ranker needs 3 tokens at least, these recordings hold 2"),
    "NaN": (
        lambda paths: [_with(paths, lambda n, row: [*row[:4], "nan", row[5]] if n == 9 else row)],
        "no price",
    ),
    "a long gap": (
        lambda paths: [_with(paths, lambda n, row: None if 300 < n < 330 else row)],
        "has a gap of 30.0 h after",
    ),
    "many gaps": (lambda paths: [_with(paths, lambda n, row: None if n % 50 == 3 else row)], "lacks 2.0% of"),
    "constant prices": (
        lambda paths: [_with(paths, lambda _, row: [row[0], "5", "5", "5", "5", "1"])],
        "its price does not move",
    ),
    "no volume": (
        lambda paths: [_with(paths, lambda _, row: [*row[:5], "0"])],
        "most bars of paper:AX have none",
    ),
    "not sorted": (
        lambda paths: [_with(paths, lambda n, row: [str(START), *row[1:]] if n == 9 else row)],
        "is earlier than the row before",
    ),
}


def _with(paths, change):
    cells(paths[0], change)
    return paths


@pytest.mark.parametrize(("spoil", "sentence"), REFUSED.values(), ids=REFUSED)
def test_recordings_that_teach_nothing_are_refused_and_nothing_is_written(tmp_path, spoil, sentence):
    paths = spoil(market(tmp_path, rows=400, tokens=3))
    flat = paths[0] if isinstance(paths[0], list) else paths
    with pytest.raises(Exception, match=sentence):
        trained([str(path) for path in flat], tmp_path / "model", Settings(), RULES)
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "trials.jsonl").exists()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (150, "no moment has 3 tokens with enough history before it and 6 bars after it"),
        (185, "10 moments can not be cut into 3 folds"),
        (240, "too little history: fold 1 would learn from"),
    ],
)
def test_too_little_history_is_refused(tmp_path, rows, sentence):
    paths = market(tmp_path, rows=rows, tokens=3)
    with pytest.raises(SampleError, match=sentence):
        trained([str(path) for path in paths], tmp_path / "model", Settings(), RULES)


def test_bars_that_do_not_fit_into_the_timeframe_are_refused(learned_market, tmp_path):
    settings = Settings()
    short = replace(settings, ai=replace(settings.ai, timeframe_minutes=15))
    with pytest.raises(Exception, match="bars of 60 minutes do not fit into 15"):
        trained([str(path) for path in learned_market], tmp_path / "model", short, RULES)


def test_progress_is_told_from_the_first_fold_to_the_end(samples):
    told = []
    learned(samples, RULES, lambda what, done, total: told.append((what, done, total)))
    assert [done for _, done, _ in told] == [1, 2, 3, 4, 5, 6]
    assert {total for _, _, total in told} == {6}
    assert isinstance(RULES, Rules)
