"""What grows with the size of a log, drawn as an SVG: one panel a figure, the size on a logarithmic axis."""

from html import escape
from math import log10
from typing import Any

PANELS = {
    "append_ratio": "durable append p50, times the probe",
    "mb": "on disk, MB",
    "start_ms": "start to decisions, ms",
    "books_ms": "another process has its books, ms",
    "verify_per_s": "full verify, records/s",
    "replay_per_s": "verify and fold, records/s",
}
COLOURS = ("steelblue", "darkorange", "seagreen", "firebrick")
WIDTH, HEIGHT, MARGIN, COLUMNS = 280, 160, 50, 3
Place = tuple[float, float, float]


def drawn(growth: list[dict[str, Any]]) -> str:
    """From 0 up, so that a flat line looks flat."""
    panels = [_panel(at, name, title, growth) for at, (name, title) in enumerate(PANELS.items())]
    width = COLUMNS * (WIDTH + MARGIN) + MARGIN
    height = -(-len(PANELS) // COLUMNS) * (HEIGHT + 2 * MARGIN) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        + "".join(panels)
        + "</svg>\n"
    )


def _panel(at: int, name: str, title: str, growth: list[dict[str, Any]]) -> str:
    series = _series(name, growth)
    sizes = [each["records"] for each in growth]
    top = max(max(values) for values in series.values()) * 1.1
    first, last = log10(min(sizes)), log10(max(sizes))
    left = MARGIN + at % COLUMNS * (WIDTH + MARGIN)
    above = MARGIN + at // COLUMNS * (HEIGHT + 2 * MARGIN)
    parts = [
        f'<text x="{left}" y="{above - 26}" font-weight="bold">{escape(title)}</text>',
        f'<path d="M{left},{above} v{HEIGHT} h{WIDTH}" fill="none" stroke="gray"/>',
    ]
    across = [left + WIDTH * (log10(size) - first) / (last - first) for size in sizes]
    for x, size in zip(across, sizes, strict=True):
        parts.append(f'<text x="{x:.1f}" y="{above + HEIGHT + 15}" text-anchor="middle">{size:,}</text>')
    legend = float(left)
    for number, (label, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [
            (x, above + HEIGHT * (1 - value / top), value) for x, value in zip(across, values, strict=True)
        ]
        parts += _line(places, colour, numbered=number == 0)
        parts.append(f'<text x="{legend:.1f}" y="{above - 12}" fill="{colour}">{escape(label)}</text>')
        legend += 6.2 * len(label) + 12
    return "".join(parts)


def _series(name: str, growth: list[dict[str, Any]]) -> dict[str, list[float]]:
    if not isinstance(growth[0][name], dict):
        return {"": [each[name] for each in growth]}
    return {label: [each[name][label] for each in growth] for label in growth[0][name]}


def _line(places: list[Place], colour: str, numbered: bool) -> list[str]:
    """Only our own has its values written at it."""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    parts = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, y, value in places:
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        if numbered:
            parts.append(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{value:,.3g}</text>')
    return parts
