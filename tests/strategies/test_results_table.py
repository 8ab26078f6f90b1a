"""RESULTS.md says what the code says, to the digit."""

from pathlib import Path

import pytest

from strategies import results_table
from strategies.results_table import CASES, HEAD, PROSE, rows_of

PAGE = Path(results_table.__file__).with_name("RESULTS.md")


@pytest.mark.parametrize("number", [0, 1])
def test_a_part_of_the_table_made_anew_is_the_same(shared_data, number):
    case = CASES[number]
    paths = [shared_data(name) for name in case.files]
    made = list(rows_of(case, paths[0].parents[1]))
    kept = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {case.title} |")]
    assert made == kept
    assert len(made) >= 4


def test_the_page_has_every_case_at_both_costs_and_says_how_it_was_made():
    text = PAGE.read_text()
    assert text.startswith(PROSE)
    for case in CASES:
        rows = [line for line in text.splitlines() if line.startswith(f"| {case.title} |")]
        assert [row.split(" | ")[2] for row in rows] == ["7", "35"] * (len(rows) // 2)
        assert all(row.count(" | ") == len(HEAD) - 1 for row in rows)
        assert {"momentum, donchian", "momentum, tsmom"} <= {row.split(" | ")[1] for row in rows}
        for name in case.files:
            assert f"`{name}`" in text
