"""The page fetches nothing, escapes everything, and its figures are those of the backtest."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from msgspec.structs import replace

from strategies import backtest, results
from strategies.report import page, verdict
from strategies.report_charts import Leg, Line, Look, Mark, chart, thinned
from strategies.report_html import number
from strategies.report_luck import Trials, certainty
from strategies.report_pictures import legs_of
from strategies.report_shares import costs_of, grown, shares
from strategies.report_style import STYLE
from strategies.report_tables import monthly
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
    # Equity, drawdown, exposure, contributions; a price chart for each token.
    assert reader.tags.count("figure") == 4 + 2 + 1  # And the bar of costs.
    assert reader.tags.count("polyline") == 2 + 2 + 1 + 2 + 2
    fills = sum(fill.outcome == "landed" for fill in played.fills)
    assert reader.tags.count("polygon") == fills + 3 > 40  # And the areas below three lines.
    words = (
        "12 trials (from sweep.jsonl)|00ff|2023-11|[momentum]|entry_bars|cost share|mean exposure|VaR 95 %|"
        "The best|The worst|reached again|bp of what was swapped"
    )
    for word in (number(figures.curve.sharpe), "deflated Sharpe ratio", *words.split("|")):
        assert word in text, word


def test_everything_from_outside_is_escaped(played):
    paper = replace(played.settings.paper, quote=EVIL)
    evil = replace(played, settings=replace(played.settings, paper=paper))
    figures = replace(results.figures_of(played), recording=EVIL)
    reader = read(page(evil, figures, Trials(2, 0.1, EVIL), {EVIL: EVIL}, EVIL))
    assert "script" not in reader.tags
    assert reader.fetched == []


def test_a_name_in_a_chart_is_escaped():
    moments, values = np.array([0, 10**9]), np.array([1.0, 2.0])
    text = chart(EVIL, moments, [Line(EVIL, values, EVIL)], Look(marks=[Mark(0, 1.0, True, EVIL)]))
    assert "script" not in read(text).tags


def test_what_the_strategies_did_is_what_the_equity_grew_by(played):
    cut = backtest.run(backtest.cut_off(played.recorded, 700), BUSY, ["momentum", "scalping"])
    for result in (played, cut):
        grown = result.equity[-1] - result.account["deposits"]
        assert sum(share.whole for share in shares(result).values()) == pytest.approx(grown, abs=1.0)
    assert any(share.open for share in shares(cut).values())  # One is open where it is cut off.


def test_what_a_strategy_has_added_is_what_the_equity_has_grown_by_at_every_moment(played):
    together = sum(grown(played, name) for name in played.strategies)
    assert together == pytest.approx(played.equity - played.account["deposits"], abs=1.0)


def test_what_was_made_less_its_costs_is_the_result_of_the_trades(played):
    trips, figures = list(results.trips_of(played.fills)), results.figures_of(played)
    found = costs_of(trips)
    assert found.left == pytest.approx(figures.all.result, abs=1.0)
    assert (found.slipped + found.gas) / found.before == pytest.approx(figures.all.cost_share)


def test_a_line_leads_from_each_buy_to_its_last_sale_and_says_whether_that_was_won(played):
    legs = [leg for each in legs_of(played).values() for leg in each]
    trips = results.trips_of(played.fills)
    assert len(legs) == len(trips) > 10
    assert sum(leg.won for leg in legs) == sum(trip.result > 0 for trip in trips)
    assert {(leg.from_ns, leg.until_ns) for leg in legs} == {(t.opened_ns, t.closed_ns) for t in trips}


def test_the_verdict_says_who_won_and_that_nothing_was_traded(played):
    figures = results.figures_of(played)
    assert verdict(figures).startswith("It lost" if figures.curve.total_return < 0 else "It made")
    idle = replace(figures, all=replace(figures.all, count=0), open_positions=0)
    assert verdict(idle).startswith("It traded nothing; holding came to")


def test_a_report_of_no_trades_is_whole_and_draws_its_curves(played):
    still = replace(played, fills=(), equity=np.full_like(played.equity, played.equity[0]))
    reader = read(page(still, results.figures_of(still), Trials(), {}))
    assert reader.tags.count("polyline") == 9


def luminance(code: str) -> float:
    """WCAG 2, relative luminance."""
    code = "".join(letter * 2 for letter in code) if len(code) == 3 else code
    parts = (int(code[at : at + 2], 16) / 255 for at in (0, 2, 4))
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_text_stands_out_from_its_ground(scheme):
    light, dark = STYLE.partition("@media (prefers-color-scheme:dark)")[::2]
    found = dict(re.findall(r"--(\w+):#(\w+)", light))
    if scheme == "dark":
        changed = dict(re.findall(r"--(\w+):#(\w+)", dark.partition("}}")[0]))
        assert changed.keys() == found.keys()
        found = changed
    for name in ("text", "quiet", "own", "hold", "price", "gain", "loss", "s0", "s1", "s2"):
        for ground in ("ground", "raised"):
            ends = sorted([luminance(found[name]), luminance(found[ground])])
            assert (ends[1] + 0.05) / (ends[0] + 0.05) >= 4.5, (name, ground)


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


@pytest.mark.parametrize("look", [Look(), Look(low=-1.0, high=0.0), Look(legs=[Leg(0, 9, 1.0, 1.0, True)])])
@pytest.mark.parametrize("value", [0.0, -0.5, 1e-9, 10_000.0])
def test_a_line_without_any_height_is_drawn(look, value):
    text = chart("flat", np.array([0, 10**9]), [Line("x", np.full(2, value), "own", area=True)], look)
    read(text)
    assert "nan" not in text
    assert all(0 <= float(y) <= 1_000 for y in re.findall(r"polyline.*?points=\"[\d.]+,(-?[\d.]+)", text))


def test_labels_of_an_axis_are_round_and_have_as_many_digits_as_they_need():
    ends = ((0.0, 1.0, "0.2"), (9_900.0, 12_000.0, "10,500"), (1e-5, 3e-5, "0.000015"),
            (1e6, 3e6, "1,500,000"), (-9.0, 0.0, "\N{MINUS SIGN}4"))  # fmt: skip
    for low, high, wanted in ends:
        text = chart("x", np.array([0, 10**9]), [Line("x", np.array([low, high]), "own")])
        assert f">{wanted}</span>" in text, (low, high)


def test_more_trials_make_the_page_less_sure(played):
    assert certainty(played, Trials(100, 0.01)) < certainty(played, Trials())
