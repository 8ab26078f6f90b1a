"""What grows with the size of a log, drawn as an SVG: one panel a figure, the size on a logarithmic axis."""

from html import escape
from math import log10
from typing import Any

PANELS = {
    "append_ratio": "append p50, times the probe",
    "start_ms": "start, ms",
    "verify_per_s": "full verify, records/s",
    "replay_per_s": "verify and fold, records/s",
    "mb": "file, MB",
}
WIDTH, HEIGHT, MARGIN = 280, 160, 40


def drawn(growth: list[dict[str, Any]]) -> str:
    """From 0 up, so that a flat line looks flat."""
    panels = [_panel(at, name, title, growth) for at, (name, title) in enumerate(PANELS.items())]
    width = len(PANELS) * (WIDTH + MARGIN) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 3 * MARGIN}"'
        ' font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        + "".join(panels)
        + "</svg>\n"
    )


def _panel(at: int, name: str, title: str, growth: list[dict[str, Any]]) -> str:
    values, sizes = [each[name] for each in growth], [each["records"] for each in growth]
    top, first, last = max(values) * 1.1, log10(min(sizes)), log10(max(sizes))
    left = MARGIN + at * (WIDTH + MARGIN)
    places = [
        (
            left + WIDTH * (log10(size) - first) / (last - first),
            MARGIN + HEIGHT * (1 - value / top),
            size,
            value,
        )
        for size, value in zip(sizes, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    parts = [
        f'<text x="{left}" y="{MARGIN - 12}" font-weight="bold">{escape(title)}</text>',
        f'<path d="M{left},{MARGIN} v{HEIGHT} h{WIDTH}" fill="none" stroke="gray"/>',
        f'<polyline points="{line}" fill="none" stroke="steelblue" stroke-width="2"/>',
    ]
    for x, y, size, value in places:
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="steelblue"/>',
            f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{value:,.3g}</text>',
            f'<text x="{x:.1f}" y="{MARGIN + HEIGHT + 15}" text-anchor="middle">{size:,}</text>',
        ]
    return "".join(parts)
