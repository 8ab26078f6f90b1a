"""The page fetches nothing, escapes everything, and its figures are those of the backtest."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from msgspec.structs import replace

from strategies import backtest, results
from strategies.report import Trials, certainty, monthly, page, shares
from strategies.report_charts import Line, Mark, chart, thinned
from tests.strategies.test_backtest import BUSY, market, recorded_of

EVIL = '<script src="https://evil.example/x.js"></script>&"\''


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    paths = market(tmp_path_factory.mktemp("report"), 5, 3_000, 2)
    return backtest.run(recorded_of(paths, BUSY), BUSY, ["momentum", "scalping"])


class Reader(HTMLParser):
    """Whatever could fetch something, and tags that are not closed."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open, self.tags, self.fetched = [], [], []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.fetched += [(tag, name) for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def read(text) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_fetches_nothing(played):
    figures = results.figures_of(played)
    text = page(played, figures, Trials(12, 0.002, "sweep.jsonl"), {"a.csv": "00ff"})
    reader = read(text)
    assert reader.fetched == []
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    assert not re.search(r"https?:|//|url\(|@import", text)
    assert reader.tags.count("svg") == 3 + 2  # Equity, drawdown, exposure; a price chart for each token.
    fills = sum(fill.outcome == "landed" for fill in played.fills)
    assert reader.tags.count("polygon") == fills > 40
    words = "12 trials (from sweep.jsonl)|00ff|2023-11|[momentum]|entry_bars|cost share|mean exposure"
    for word in (f"{figures.curve.sharpe:,.2f}", "deflated Sharpe ratio", *words.split("|")):
        assert word in text, word


def test_everything_from_outside_is_escaped(played):
    paper = replace(played.settings.paper, quote=EVIL)
    evil = replace(played, settings=replace(played.settings, paper=paper))
    figures = replace(results.figures_of(played), recording=EVIL)
    reader = read(page(evil, figures, Trials(2, 0.1, EVIL), {EVIL: EVIL}))
    assert "script" not in reader.tags
    assert reader.fetched == []


def test_a_name_in_a_chart_is_escaped():
    moments, values = np.array([0, 10**9]), np.array([1.0, 2.0])
    text = chart(EVIL, moments, [Line(EVIL, values, EVIL)], [Mark(0, 1.0, True, EVIL)])
    assert "script" not in read(text).tags


def test_what_the_strategies_did_is_what_the_equity_grew_by(played):
    cut = backtest.run(backtest.cut_off(played.recorded, 700), BUSY, ["momentum", "scalping"])
    for result in (played, cut):
        grown = result.equity[-1] - result.account["deposits"]
        assert sum(share.whole for share in shares(result).values()) == pytest.approx(grown, abs=1.0)
    assert any(share.open for share in shares(cut).values())  # One is open where it is cut off.


def test_months_compound_to_the_whole_and_begin_where_the_one_before_ended():
    moments = np.array(["2023-01-31T12", "2023-01-31T18", "2023-02-10", "2023-02-28", "2023-04-01"],
                       "datetime64[ns]").view("int64")  # fmt: skip
    found = monthly(np.array([100.0, 110.0, 90.0, 99.0, 198.0]), moments)
    assert found == {
        "2023-01": pytest.approx(0.1),
        "2023-02": pytest.approx(-0.1),
        "2023-04": pytest.approx(1.0),
    }


def test_a_long_line_is_thinned_and_keeps_its_ends_and_its_extremes():
    values = np.sin(np.arange(50_000) / 700.0)
    values[31_234], values[7] = 9.0, -9.0
    moments, thin = thinned(np.arange(50_000), values)
    assert len(thin) <= 1_202
    assert (thin.max(), thin.min()) == (9.0, -9.0)
    assert (moments[0], moments[-1]) == (0, 49_999)
    assert (np.diff(moments) > 0).all()
    assert np.array_equal(values[moments], thin)


def test_a_line_without_any_height_is_drawn():
    for value in (0.0, 10_000.0):
        read(chart("flat", np.array([0, 10**9]), [Line("x", np.full(2, value), "own")]))


def test_more_trials_make_the_page_less_sure(played):
    assert certainty(played, Trials(100, 0.01)) < certainty(played, Trials())
