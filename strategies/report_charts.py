"""Line charts as SVG in an HTML page, escaped, without scripts or anything to fetch.  Pure.

The lines are stretched to whatever width there is, by shares of the plot; labels are text beside it, so they
have the size of text on a phone too.
"""

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from msgspec import Struct

from strategies.kernel.tables import Integers
from strategies.metrics import DAY_NS, Floats

SIDE = 1_000  # Of the square that is stretched over the plot.
POINTS = 600  # Buckets of a line; of each its lowest and its highest value are drawn.
MANY = 80  # Marks: they are drawn smaller.
LABELS = 5  # Spaces between the labels of the time.


class Line(Struct, frozen=True):
    name: str
    values: Floats  # One for each moment.
    css: str
    area: bool = False  # Filled down to 0.


class Mark(Struct, frozen=True):
    """A triangle that points at its place: from below for a buy, from above for a sell."""

    at_ns: int
    value: float
    up: bool
    title: str


class Leg(Struct, frozen=True):
    """From a buy to its sale: whole where it was won, dashed where it was lost."""

    from_ns: int
    until_ns: int
    bought: float
    sold: float
    won: bool


class Look(Struct, frozen=True):
    """What a picture shows besides its lines."""

    height: int = 260
    unit: str = ""
    marks: Sequence[Mark] = ()
    legs: Sequence[Leg] = ()
    low: float | None = None  # The axis ends there, or where the values do, if that is further.
    high: float | None = None
    span: tuple[int, int] | None = None  # Of time, if it is not that of the lines.


class Frame(Struct, frozen=True):
    """What the picture shows, in the units of the data; places are shares of it, from the top left."""

    first_ns: int
    last_ns: int
    low: float
    high: float

    def x(self, at_ns: float) -> float:
        return (at_ns - self.first_ns) / max(1, self.last_ns - self.first_ns)

    def y(self, value: float) -> float:
        return (self.high - value) / (self.high - self.low)


def chart(title: str, moments: Integers, lines: Sequence[Line], look: Look = Look()) -> str:  # noqa: B008
    """A figure with a legend."""
    frame = _frame(moments, lines, look)
    values = list(_round_values(frame.low, frame.high))
    labels = [f"{_figure(value, values)}{look.unit}" for value in values]
    parts = [
        f"<figure><figcaption><strong>{escape(title)}</strong>{''.join(_legend(lines, look))}</figcaption>",
        f'<div class="chart"><div class="ys"><i>{escape(max(labels, key=len))}</i>',
        *(f'<span style="top:{frame.y(at):.2%}">{escape(text)}</span>'
          for at, text in zip(values, labels, strict=True)),
        f'</div><div class="plot" style="height:{look.height}px">',
        f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" role="img" ',
        f'aria-label="{escape(title)}">',
        *map(_rule, map(frame.y, values)), *_shapes(frame, moments, lines), "</svg>",
        *_above(frame, look), '</div><div class="xs">', *_times(frame), "</div></div></figure>",
    ]  # fmt: skip
    return "".join(parts)


def _frame(moments: Integers, lines: Sequence[Line], look: Look) -> Frame:
    ends = [each for line in lines for each in (float(line.values.min()), float(line.values.max()))]
    ends += [mark.value for mark in look.marks]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.04 or abs(high) * 0.01 or 1.0
    low = low - room if look.low is None else min(look.low, low)
    high = high + room if look.high is None else max(look.high, high)
    first, last = look.span or (int(moments[0]), int(moments[-1]))
    return Frame(first, last, low, high if high > low else low + room)


def _legend(lines: Sequence[Line], look: Look) -> Iterator[str]:
    for line in lines:
        yield f'<span class="key {escape(line.css)}">{escape(line.name)}</span>'
    if look.marks:
        yield '<span class="key buy">bought</span><span class="key sell">sold</span>'
    if look.legs:
        yield '<span class="key gain">won</span><span class="key loss">lost</span>'


# -- lines --
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


def _shapes(frame: Frame, moments: Integers, lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        at, values = thinned(moments, line.values)
        css = escape(line.css)
        points = [
            f"{frame.x(moment) * SIDE:.1f},{frame.y(value) * SIDE:.1f}"
            for moment, value in zip(at.tolist(), values.tolist(), strict=True)
        ]
        if line.area:
            zero = f"{frame.y(min(max(0.0, frame.low), frame.high)) * SIDE:.1f}"
            ends = (points[0].partition(",")[0], points[-1].partition(",")[0])
            corners = [f"{ends[0]},{zero}", *points, f"{ends[1]},{zero}"]
            yield f'<polygon class="area {css}" points="{" ".join(corners)}"/>'
        yield f'<polyline class="{css}" points="{" ".join(points)}"/>'


def _above(frame: Frame, look: Look) -> Iterator[str]:
    """What keeps its shape whatever the width."""
    if look.marks or look.legs:
        small = len(look.marks) > MANY
        legs = (_leg(frame, leg) for leg in look.legs)
        marks = (_mark(frame, mark, 5 if small else 8) for mark in look.marks)
        yield f'<svg aria-hidden="true">{"".join(legs)}{"".join(marks)}</svg>'


def _leg(frame: Frame, leg: Leg) -> str:
    ends = (frame.x(leg.from_ns), frame.y(leg.bought), frame.x(leg.until_ns), frame.y(leg.sold))
    x1, y1, x2, y2 = (f"{each:.3%}" for each in ends)
    return f'<line class="{"gain" if leg.won else "loss"}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _mark(frame: Frame, mark: Mark, size: int) -> str:
    css, away, half = ("buy", size, size * 0.55) if mark.up else ("sell", -size, size * 0.55)
    return (
        f'<svg x="{frame.x(mark.at_ns):.3%}" y="{frame.y(mark.value):.3%}"><polygon class="{css}" '
        f'points="0,0 {-half:.1f},{away} {half:.1f},{away}">'
        f"<title>{escape(mark.title)}</title></polygon></svg>"
    )


# -- axes --
def _rule(y: float) -> str:
    at = f"{y * SIDE:.1f}"
    return f'<line class="grid" x1="0" x2="{SIDE}" y1="{at}" y2="{at}"/>'


def _times(frame: Frame) -> Iterator[str]:
    span = frame.last_ns - frame.first_ns
    unit = "M" if span > 800 * DAY_NS else "D" if span > 4 * DAY_NS else "m"
    for place in range(LABELS + 1):
        at = np.datetime64(frame.first_ns + span * place // LABELS, "ns").astype(f"datetime64[{unit}]")
        text = str(at).replace("T", " ")
        yield f'<span style="left:{place / LABELS:.0%}">{text[5:] if unit == "m" else text}</span>'


def _round_values(low: float, high: float) -> Iterator[float]:
    """About five, at 1, 2 or 5 times a power of ten."""
    raw = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= raw * 0.75)
    for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        yield number * step


def _figure(value: float, among: Sequence[float]) -> str:
    """As many decimals as tell it from the next one."""
    step = among[1] - among[0] if len(among) > 1 else abs(value) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals > 9 or abs(value) >= 1e12:
        return f"{value:.3g}"
    return f"{value + 0.0:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")
