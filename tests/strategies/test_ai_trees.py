"""Trees walked in compiled code say what LightGBM says, to the bit; what is no such tree is refused."""

import lightgbm
import numpy as np
import pytest

from strategies.ai_model import GATE_FEATURES, RANKER_FEATURES
from strategies.ai_trees import ModelError, forest_of, score
from strategies.compiled import compiled
from strategies.layout import LIKE_ROW, LIKE_TABLE, Floats

NAMES = ("one", "two", "three", "four")


def drawn(rows, columns, seed=1):
    numbers = np.random.default_rng(seed)
    return np.round(numbers.normal(size=(rows, columns)), 2)  # Rounded: equal values, and thresholds at them.


def trained(objective, rounds, leaves, seed=1, names=NAMES, **more):
    rows = drawn(3_000, len(names), seed)
    target = rows[:, 0] * rows[:, 1] + rows[:, 2] + drawn(3_000, 1, seed + 1)[:, 0]
    labels = (target > 0).astype(int) if objective == "binary" else target
    how = {
        "objective": objective,
        "num_leaves": leaves,
        "verbose": -1,
        "num_threads": 1,
        "seed": seed,
        **more,
    }
    data = lightgbm.Dataset(rows, labels, feature_name=list(names), params={"verbose": -1})
    return lightgbm.train(how, data, rounds)


@compiled(LIKE_ROW, 0, LIKE_TABLE, LIKE_ROW)
def score_all(forest: Floats, first: int, rows: Floats, found: Floats) -> None:
    for row in range(len(rows)):
        found[row] = score(forest, first, rows[row])


def scores(forest, first, rows):
    found = np.empty(len(rows))
    score_all(forest, first, rows, found)
    return found


@pytest.mark.parametrize("objective", ["l2", "binary"])
@pytest.mark.parametrize(("rounds", "leaves"), [(1, 2), (7, 4), (100, 31)])
def test_the_walk_gives_lightgbm_s_raw_score_to_the_bit(objective, rounds, leaves):
    booster = trained(objective, rounds, leaves)
    forest = forest_of(booster.model_to_string(), NAMES, "it")
    rows = np.vstack([drawn(2_000, 4, 9), np.full((1, 4), 1e300), np.full((1, 4), -1e300), np.zeros((1, 4))])
    wanted = booster.predict(rows, raw_score=True, num_threads=1)
    assert scores(forest, 0, rows).tobytes() == wanted.tobytes()
    assert len(set(wanted)) > 1


def test_a_forest_may_begin_anywhere_among_the_parameters():
    booster = trained("l2", 20, 8)
    forest = forest_of(booster.model_to_string(), NAMES, "it")
    params = np.concatenate([np.full(17, 99.0), forest, np.full(5, -7.0)])
    assert scores(params, 17, drawn(50, 4)).tobytes() == scores(forest, 0, drawn(50, 4)).tobytes()


def test_a_tree_that_is_one_leaf_is_its_value():
    rows = np.zeros((500, 4))
    booster = lightgbm.train(
        {"objective": "l2", "verbose": -1, "num_threads": 1, "boost_from_average": False},
        lightgbm.Dataset(rows, np.full(500, 3.0), feature_name=list(NAMES), params={"verbose": -1}),
        2,
    )
    forest = forest_of(booster.model_to_string(), NAMES, "it")
    wanted = booster.predict(rows[:1], raw_score=True)
    assert scores(forest, 0, rows[:1]).tobytes() == wanted.tobytes()


def text_of(**more):
    return trained("l2", 3, 4, **more).model_to_string()


def with_missing():
    rows = drawn(500, 4)
    rows[::3, 0] = np.nan
    data = lightgbm.Dataset(
        rows, np.nan_to_num(rows[:, 0], nan=3.0), feature_name=list(NAMES), params={"verbose": -1}
    )
    how = {"objective": "l2", "num_leaves": 8, "verbose": -1, "num_threads": 1}
    return lightgbm.train(how, data, 20).model_to_string()


def with_zero_as_missing():
    rows = np.where(np.abs(drawn(3_000, 4)) < 0.7, 0.0, drawn(3_000, 4))
    data = lightgbm.Dataset(
        rows, np.abs(rows[:, 0]), feature_name=list(NAMES), params={"verbose": -1, "zero_as_missing": True}
    )
    how = {"objective": "l2", "num_leaves": 8, "verbose": -1, "num_threads": 1, "zero_as_missing": True}
    return lightgbm.train(how, data, 5).model_to_string()


def with_categories():
    rows = np.abs(drawn(2_000, 4) * 3).astype(int).astype(float)
    labels = (rows[:, 0] % 2) * 5.0
    data = lightgbm.Dataset(
        rows, labels, feature_name=list(NAMES), categorical_feature=["one"], params={"verbose": -1}
    )
    return lightgbm.train({"objective": "l2", "verbose": -1, "num_threads": 1}, data, 3).model_to_string()


WRONG = {
    "cut off": (lambda: text_of()[:900], "cut off"),
    "empty": (lambda: "", "other features"),
    "other names": (lambda: text_of(names=("one", "two", "three", "five")), "different: five, four"),
    "another order": (lambda: text_of(names=("two", "one", "three", "four")), "different: their order"),
    "missing values": (with_missing, "missing values or categories"),
    "zero for missing": (with_zero_as_missing, "missing values or categories"),
    "categories": (with_categories, "categories"),
    "a leaf too few": (lambda: text_of().replace("num_leaves=4", "num_leaves=5", 1), "a tree of 5 leaves"),
    "a loop": (lambda: _line(text_of(), "left_child", "0 0 0"), "node 0 leads to 0"),
    "a child that is not there": (lambda: _line(text_of(), "left_child", "1 2 7"), "node 2 leads to 7"),
    "a leaf that is not there": (lambda: _line(text_of(), "left_child", "1 2 -9"), "node 2 leads to -9"),
    "a feature that is not there": (lambda: _line(text_of(), "split_feature", "0 4 0"), "asks for feature 4"),
    "a threshold without end": (lambda: _line(text_of(), "threshold", "0 nan 0"), "at nan"),
    "a value that is none": (lambda: _line(text_of(), "leaf_value", "1 2 inf 3"), "is no number"),
    "no number": (lambda: _line(text_of(), "threshold", "0 x 0"), "makes no sense"),
    "a line too few": (lambda: text_of().replace("threshold=", "threshhold="), "makes no sense"),
    "more than one class": (lambda: text_of().replace("num_class=1", "num_class=3"), "more than one class"),
}


def _line(text, name, values):
    first = text.index(f"\n{name}=") + 1
    return f"{text[:first]}{name}={values}{text[text.index(chr(10), first) :]}"


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_a_text_that_is_not_such_a_forest_is_refused(text, sentence):
    with pytest.raises(ModelError, match=sentence) as refusal:
        forest_of(text(), NAMES, "ranker.txt")
    assert "ranker.txt" in str(refusal.value)
    assert "train" in str(refusal.value)


def test_the_gate_is_asked_with_what_the_ranker_saw_and_two_more():
    assert GATE_FEATURES[: len(RANKER_FEATURES)] == RANKER_FEATURES
    assert len(GATE_FEATURES) == len(RANKER_FEATURES) + 2
