"""Line charts as SVG that stands in an HTML page, escaped, without scripts or anything to fetch.  Pure."""

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from msgspec import Struct

from strategies.kernel.digits import Integers
from strategies.metrics import Floats

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 260, 70, 10, 10, 24
POINTS = 600  # Buckets of a line; of each its lowest and its highest value are drawn.


class Line(Struct, frozen=True):
    name: str
    values: Floats  # One for each moment.
    css: str


class Mark(Struct, frozen=True):
    """A triangle: up for a buy, down for a sell."""

    at_ns: int
    value: float
    up: bool
    title: str


class Frame(Struct, frozen=True):
    """What the picture shows, in the units of the data."""

    first_ns: int
    last_ns: int
    low: float
    high: float

    def x(self, at_ns: float) -> float:
        span = max(1, self.last_ns - self.first_ns)
        return LEFT + (at_ns - self.first_ns) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def chart(title: str, moments: Integers, lines: Sequence[Line], marks: Sequence[Mark] = ()) -> str:
    """A figure with a legend; values are written as they are."""
    frame = _frame(moments, lines, marks)
    parts = [
        f"<figure><figcaption>{escape(title)}{''.join(map(_legend, lines))}</figcaption>",
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *_axes(frame), *(_path(frame, moments, line) for line in lines),
        *(_triangle(frame, mark) for mark in marks),
        "</svg></figure>",
    ]  # fmt: skip
    return "".join(parts)


def _frame(moments: Integers, lines: Sequence[Line], marks: Sequence[Mark]) -> Frame:
    ends = [each for line in lines for each in (float(line.values.min()), float(line.values.max()))]
    ends += [mark.value for mark in marks]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.04 or abs(high) * 0.01 or 1.0
    return Frame(int(moments[0]), int(moments[-1]), low - room, high + room)


def _legend(line: Line) -> str:
    return f' <span class="{escape(line.css)}">&#9632; {escape(line.name)}</span>'


def thinned(moments: Integers, values: Floats, buckets: int = POINTS) -> tuple[Integers, Floats]:
    """The lowest and the highest of each stretch, in their order, and both ends."""
    if len(values) <= 2 * buckets:
        return moments, values
    edges = np.linspace(0, len(values), buckets + 1).astype(int)
    places = {0, len(values) - 1}
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[first:last]
        places |= {first + int(part.argmin()), first + int(part.argmax())}
    kept = np.array(sorted(places))
    return moments[kept], values[kept]


def _path(frame: Frame, moments: Integers, line: Line) -> str:
    at, values = thinned(moments, line.values)
    points = " ".join(
        f"{frame.x(moment):.1f},{frame.y(value):.1f}"
        for moment, value in zip(at.tolist(), values.tolist(), strict=True)
    )
    return f'<polyline class="{escape(line.css)}" points="{points}"/>'


def _triangle(frame: Frame, mark: Mark) -> str:
    x, y = frame.x(mark.at_ns), frame.y(mark.value)
    away = 7 if mark.up else -7
    points = f"{x:.1f},{y:.1f} {x - 4:.1f},{y + away:.1f} {x + 4:.1f},{y + away:.1f}"
    css = "buy" if mark.up else "sell"
    return f'<polygon class="{css}" points="{points}"><title>{escape(mark.title)}</title></polygon>'


def _axes(frame: Frame) -> Iterator[str]:
    for value in _round_values(frame.low, frame.high):
        y = frame.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>'
    for place in range(6):
        at_ns = frame.first_ns + (frame.last_ns - frame.first_ns) * place // 5
        anchor = ("start", *["middle"] * 4, "end")[place]
        day = np.datetime64(at_ns, "ns").astype("datetime64[D]")
        yield f'<text x="{frame.x(at_ns):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{day}</text>'


def _round_values(low: float, high: float) -> Iterator[float]:
    """About five, at 1, 2 or 5 times a power of ten."""
    raw = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= raw)
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield number * step
