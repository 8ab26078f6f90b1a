"""The report in a real browser: nothing is fetched, nothing complains, nothing is cut off, all is drawn."""

import numpy as np
import pytest
from msgspec.structs import replace

from storage.config_strategies import Mix
from strategies import backtest, results
from strategies.report import page
from strategies.report_luck import Trials
from tests.browser.chromium import browser, found
from tests.strategies.test_backtest import BUSY, market, recorded_of
from tests.strategies.test_mix_parity import MIXED, hours

SECTIONS = ["short", "curves", "months", "figures", "strategies", "costs", "trades", "parameters", "data"]
NAMES = ["momentum", "scalping"]
WIDE = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.wide') && e.getBoundingClientRect()"
LONG = {"a_name_of_a_file_that_is_as_long_as_such_names_are_in_practice_2025-05.parquet": "0123456789ab" * 5}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    program = found()
    if program is None:
        pytest.skip("Chromium is not here, so nobody looks at the report: apt install chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as made:
        yield made


def written(folder, result):
    path = folder / "report.html"
    path.write_text(page(result, results.figures_of(result), Trials(), LONG), encoding="utf-8")
    return path, result


@pytest.fixture(scope="module", params=["minutes", "mix", "no trade"])
def report(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    if request.param == "mix":
        mixed = recorded_of(hours(folder, 1, 420, 3), MIXED)
        settings = replace(MIXED, mix=Mix(enabled=True, band_bps=0))
        return written(folder, backtest.run(mixed, settings, NAMES))
    result = backtest.run(recorded_of(market(folder, 5, 3_000, 2), BUSY), BUSY, NAMES)
    if request.param == "no trade":
        result = replace(result, fills=(), equity=np.full_like(result.equity, result.equity[0]))
    return written(folder, result)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1_280, 400])
def test_a_report_is_drawn_whole_without_a_network_at_any_width(chromium, report, width, dark):
    path, result = report
    chromium.open(path, width, dark)
    assert chromium.complaints() == []
    assert chromium.requests() == [path.as_uri()]
    assert chromium.asked("innerWidth") == width
    assert chromium.asked("document.documentElement.scrollWidth") <= width
    assert chromium.asked(f"{WIDE}.right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))") == []
    sections = chromium.asked("[...document.querySelectorAll('section')].map(e => e.id)")
    assert [each for each in sections if each != "budgets"] == SECTIONS
    assert ("budgets" in sections) == bool(result.rebalances)
    heights = chromium.asked("[...document.querySelectorAll('section')].map(e => e.offsetHeight)")
    assert min(heights) > 40


def test_every_chart_has_a_line_with_a_length_and_a_label_on_each_axis(chromium, report):
    path, result = report
    chromium.open(path, 400)
    lengths = chromium.asked(
        "[...document.querySelectorAll('.plot')].map(e => Math.min("
        "...[...e.querySelectorAll('polyline')].map(line => line.getTotalLength())))"
    )
    assert len(lengths) == 4 + bool(result.rebalances) + len(result.recorded.instruments)
    assert (
        min(lengths) >= 900
    )  # Of the 1,000 that a level line has; of a token that ends early, a little less.
    for axis in ("ys", "xs"):
        counts = chromium.asked(
            f"[...document.querySelectorAll('.{axis}')].map(e => [...e.querySelectorAll('span')]"
            ".filter(label => label.offsetWidth > 0).length)"
        )
        assert min(counts) >= 2
    sizes = chromium.asked(
        "[...document.querySelectorAll('.chart span')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 11
    marks = chromium.asked("document.querySelectorAll('svg svg polygon').length")
    assert marks == sum(fill.outcome == "landed" for fill in result.fills)


def test_labels_of_an_axis_do_not_lie_upon_each_other(chromium, report):
    chromium.open(report[0], 400)
    overlaps = chromium.asked("""[...document.querySelectorAll('.xs, .ys')].flatMap(axis => {
        const boxes = [...axis.querySelectorAll('span')].filter(e => e.offsetWidth > 0)
            .map(e => [e.textContent, e.getBoundingClientRect()]);
        const meet = (a, b) => a.left < b.right && b.left < a.right
            && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
        return boxes.flatMap(([name, a], i) => boxes.slice(i + 1)
            .filter(([, b]) => meet(a, b)).map(([other]) => name + ' and ' + other));
    })""")
    assert overlaps == []


def test_light_and_dark_have_grounds_of_their_own(chromium, report):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (chromium.open(report[0], 1_280, dark).asked(ground) for dark in (False, True))
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(21, 23, 26)")


def test_the_browser_of_these_tests_hears_errors_and_requests(chromium, tmp_path):
    """What the tests above rely on: a page that does wrong is found out."""
    path = tmp_path / "bad.html"
    path.write_text('<script>console.error("x"); nothing()</script><img src="missing.png">')
    chromium.open(path, 400)
    assert len(chromium.complaints()) >= 2
    assert len(chromium.requests()) == 2
