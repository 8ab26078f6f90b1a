"""The tables of the strategies' pages say what the code says, to the digit."""

from pathlib import Path

import pytest

from strategies import results_pages
from strategies.results_pages import FIVE, LINES, POOL, SEVEN, TABLE, row_of


def text_of(strategy: str) -> str:
    return Path(results_pages.__file__).with_name(f"{strategy.upper()}.md").read_text()


def rows_in(strategy: str) -> list[str]:
    return TABLE.findall(text_of(strategy))[0].splitlines()[2:]


@pytest.mark.parametrize(
    ("strategy", "number"),
    [(name, number) for name, lines in LINES.items() for number, line in enumerate(lines)
     if line.files in {POOL.files, FIVE.files}],
)  # fmt: skip
def test_a_row_made_anew_is_the_same(shared_data, strategy, number):
    line, before = LINES[strategy][number], LINES[strategy][number - 1] if number else None
    (data,) = {shared_data(name).parents[1] for name in line.files}
    assert row_of(strategy, line, data, before) == rows_in(strategy)[number]


@pytest.mark.parametrize("strategy", LINES)
def test_a_page_has_one_table_and_a_row_for_every_line_of_it(strategy):
    assert len(TABLE.findall(text_of(strategy))) == 1
    rows = rows_in(strategy)
    for line, row in zip(LINES[strategy], rows, strict=True):
        assert f" {line.fee_bps} bp " in row


def test_perpetuals_are_as_many_as_the_row_says():
    for case in (FIVE, SEVEN):
        assert case.title.startswith(f"{len(case.files)} perpetuals")
