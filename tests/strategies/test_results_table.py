"""RESULTS.md says what the code says, to the digit."""

from pathlib import Path

import pytest

from strategies import ai_model, results_ai, results_table
from strategies.results_ai import LESSONS, Trial, row, trials_of
from strategies.results_case import CASES
from strategies.results_table import HEAD, PROSE, rows_of

PAGE = Path(results_table.__file__).with_name("RESULTS.md")
TOP, _, AI = PAGE.read_text().partition("## ai\n")


def lines(part: str, title: str) -> list[str]:
    return [line for line in part.splitlines() if line.startswith(f"| {title} |")]


@pytest.mark.parametrize("number", [0, 1])
def test_a_part_of_the_table_made_anew_is_the_same(shared_data, number):
    case = CASES[number]
    paths = [shared_data(name) for name in case.files]
    made = list(rows_of(case, paths[0].parents[1]))
    assert made == lines(TOP, case.title)
    assert len(made) >= 4


@pytest.mark.parametrize(("learned", "played", "lesson"), [(0, 0, 0), (3, 3, 0), (3, 3, 3), (3, 4, 1)])
def test_a_model_trained_and_played_anew_has_the_same_figures(shared_data, learned, played, lesson):
    trial = Trial(CASES[learned], CASES[played])
    names = (*trial.learned.files, *trial.played.files)
    (data,) = {shared_data(name).parents[1] for name in names}
    assert row(trial, LESSONS[lesson], data) == lines(AI, trial.title)[lesson]


def test_every_recording_has_its_models_and_whatever_is_not_fit_is_refused_with_the_reason():
    assert f"## ai\n{AI}".startswith(results_ai.PROSE)
    for trial in trials_of(CASES):
        found = lines(AI, trial.title)
        enough = len(trial.learned.files) >= ai_model.LEAST_TOKENS
        assert len(found) == (len(LESSONS) if enough else 1)
        for line in found:
            cells = line.strip("| ").split(" | ")
            assert len(cells) == len(results_ai.HEAD)
            verdict = cells[results_ai.HEAD.index("verdict")]
            assert verdict == "fit" or verdict.startswith("refused: ")
            assert (verdict == "fit") != (cells[-1] == "-" or cells[-1].startswith("("))


def test_the_page_has_every_case_at_both_costs_and_says_how_it_was_made():
    assert TOP.startswith(PROSE)
    for case in CASES:
        rows = lines(TOP, case.title)
        assert [each.split(" | ")[2] for each in rows] == ["7", "35"] * (len(rows) // 2)
        assert all(each.count(" | ") == len(HEAD) - 1 for each in rows)
        assert {"momentum, donchian", "momentum, tsmom"} <= {each.split(" | ")[1] for each in rows}
        for name in case.files:
            assert f"`{name}`" in AI
