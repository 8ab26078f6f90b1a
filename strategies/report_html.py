"""Pieces of a page: tables, cards and numbers, with every text from outside escaped.  Pure."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from msgspec import Struct

MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
DEEP = (0.0, 0.02, 0.05, 0.10)  # From each of these on a return is one shade stronger.


class Cell(Struct, frozen=True):
    """A text with a class of its own."""

    text: str
    css: str


Value = str | int | Cell


def section(name: str, title: str, parts: Iterable[str]) -> str:
    return f'<section id="{name}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def table(head: Sequence[str], rows: Iterable[Sequence[Value]], css: str = "") -> str:
    """The first cell of a row names it; it scrolls by itself where the page is narrow."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{_head(row[0])}{''.join(map(_cell, row[1:]))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{css}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _head(value: Value) -> str:
    text = value.text if isinstance(value, Cell) else str(value)
    return f'<th scope="row">{escape(text)}</th>'


def _cell(value: Value) -> str:
    if isinstance(value, Cell):
        return f'<td class="{escape(value.css)}">{escape(value.text)}</td>'
    return f"<td>{escape(str(value))}</td>"


def cards(items: Iterable[tuple[str, Value, str]]) -> str:
    """A name, a value, and what to hold it against."""
    made = []
    for name, value, beside in items:
        css = value.css if isinstance(value, Cell) else ""
        text = value.text if isinstance(value, Cell) else str(value)
        made.append(
            f'<div class="card"><dt>{escape(name)}</dt><dd class="{escape(css)}">{escape(text)}</dd>'
            f"<dd>{escape(beside)}</dd></div>"
        )
    return f'<dl class="cards">{"".join(made)}</dl>'


def percent(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}%}".replace("-", MINUS) if math.isfinite(value) else NONE


def number(value: float) -> str:
    if math.isinf(value):
        return "no loss"
    return NONE if math.isnan(value) else f"{value:,.2f}".replace("-", MINUS)


def gained(text: str, value: float) -> Cell:
    """Green and with a plus where something was made, red and with a minus where it was lost."""
    if not math.isfinite(value) or value == 0.0:
        return Cell(text, "")
    return Cell(f"+{text}", "gain") if value > 0.0 else Cell(text, "loss")


def gain(value: float, digits: int = 2) -> Cell:
    return gained(percent(value, digits), value)


def shade(value: float, digits: int = 2) -> Cell:
    """A return on a ground of its colour, stronger the larger it is."""
    if not math.isfinite(value) or value == 0.0:
        return Cell(percent(value, digits), "")
    depth = sum(abs(value) > each for each in DEEP)
    return Cell(gain(value, digits).text, f"{'g' if value > 0.0 else 'l'}{depth}")


def day(text: str) -> str:
    """A moment as numpy writes it, without seconds."""
    return text[:16].replace("T", " ")
