"""What a figure of a bench should be, and whether it is."""

from collections.abc import Mapping


def verdict(wanted: Mapping[str, tuple[str, float]], row: str, value: float) -> str:
    """Nothing about a row of which nothing is wanted."""
    if row not in wanted:
        return ""
    sign, limit = wanted[row]
    good = value <= limit if sign == "<=" else value >= limit
    return f"{'as wanted' if good else 'NOT AS WANTED'}: {sign} {limit:g}"
