"""The tables of MOMENTUM.md and SCALPING.md: each strategy with its settings as they come, whole recordings.

`make results` writes them; tests make some of their rows anew, so that page and code can not drift apart.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from storage.config import Recording, Settings
from strategies import backtest
from strategies.recorded import load
from strategies.results import Figures, figures_of
from strategies.results_case import CASES
from strategies.sweep import Value, with_values

POOL, _, YEAR, FIVE, SEVEN = CASES
TITLES = {
    POOL.files: "Uniswap V3 USDC/WETH, 35 days of 2022, real pool",
    YEAR.files: "ETH 2023, 5 min",
    FIVE.files: FIVE.title,
    SEVEN.files: SEVEN.title,
}
DONCHIAN, TSMOM = "donchian 48/24 h", "tsmom 7/3 d"
FORMS: dict[str, dict[str, Value]] = {DONCHIAN: {}, TSMOM: {"momentum.form": "tsmom"}, "": {}}


class Line(Struct, frozen=True):
    """A row: what is played, by which form of a strategy, and the fee in basis points."""

    files: tuple[str, ...]
    form: str
    fee_bps: int


MOMENTUM = (
    Line(POOL.files, DONCHIAN, 5), Line(POOL.files, TSMOM, 5),
    Line(YEAR.files, DONCHIAN, 5), Line(YEAR.files, DONCHIAN, 30), Line(YEAR.files, TSMOM, 30),
    Line(SEVEN.files, DONCHIAN, 5), Line(SEVEN.files, TSMOM, 5),
    Line(FIVE.files, DONCHIAN, 5),
)  # fmt: skip
SCALPING = (
    Line(POOL.files, "", 5), Line(YEAR.files, "", 5), Line(YEAR.files, "", 30),
    Line(SEVEN.files, "", 5), Line(SEVEN.files, "", 30), Line(FIVE.files, "", 5), Line(FIVE.files, "", 30),
)  # fmt: skip
LINES = {"momentum": MOMENTUM, "scalping": SCALPING}
TABLE = re.compile(r"(?<=\n)\| recording \|.*\n\|[-|]+\|\n(?:\|.*\n)+")


def rows_of(strategy: str, data: Path) -> Iterator[str]:
    """The rows of a page's table, in their order."""
    before: Line | None = None
    for line in LINES[strategy]:
        yield row_of(strategy, line, data, before)
        before = line


def row_of(strategy: str, line: Line, data: Path, before: Line | None = None) -> str:
    """What is `before` it has the recording already, and what holding it came to."""
    again = before is not None and before.files == line.files
    figures = _figures(strategy, line, data)
    cells = ["same" if again else TITLES[line.files], f"{line.fee_bps} bp", *_earned(figures)]
    if strategy == "momentum":
        cells.insert(1, line.form)
        hold = figures.hold
        told = f" {_whole(hold.total_return, '+')}, {_whole(hold.max_drawdown)}"
        return f"| {' | '.join(cells)} |{'' if again else told} |"
    return f"| {' | '.join(cells)} | {_whole(figures.all.win_rate)} |"


def page(text: str, strategy: str, data: Path) -> str:
    """The page with its table made anew."""
    head, dashes = TABLE.findall(text)[0].splitlines()[:2]
    table = "\n".join([head, dashes, *rows_of(strategy, data), ""])
    return TABLE.sub(lambda _: table, text, count=1)


def write(data: Path) -> None:
    for strategy in LINES:
        path = Path(__file__).with_name(f"{strategy.upper()}.md")
        path.write_text(page(path.read_text(), strategy, data))


def _figures(strategy: str, line: Line, data: Path) -> Figures:
    settings = with_values(Settings(recording=Recording(fee_pips=line.fee_bps * 100)), FORMS[line.form])
    recorded = load([data / name for name in line.files], settings)
    return figures_of(backtest.run(recorded, settings, (strategy,)))


def _earned(figures: Figures) -> tuple[str, str, str]:
    earned = figures.curve.total_return
    shown = f"{earned * 100:+.1f} %"
    bold = f"**{shown}**" if earned < 0 else shown
    return bold, f"{figures.curve.max_drawdown * 100:.1f} %", str(figures.all.count)


def _whole(share: float, sign: str = "") -> str:
    return f"{share * 100:{sign}.0f} %"
