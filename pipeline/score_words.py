"""Rates as a terminal shows them: percentages, points, intervals, and the table that they stand in."""

from __future__ import annotations

from rich.table import Table

from components.evaluation.quantities import MINUS
from model.metrics import Interval


def percent(fraction: float) -> str:
    """Returns a fraction as a percentage; `no number` for NaN."""
    return "no number" if fraction != fraction else f"{100 * fraction:.2f} %"


def points(fraction: float) -> str:
    """Returns a difference of fractions in percentage points; `no number` for NaN."""
    return "no number" if fraction != fraction else f"{100 * fraction:.2f} points".replace("-", MINUS)


def signed_points(fraction: float) -> str:
    """Returns a difference with its sign."""
    return "no number" if fraction != fraction else f"{100 * fraction:+.2f} points".replace("-", MINUS)


def between(interval: Interval) -> str:
    """Returns an interval of rates, such as `3.10 % to 3.52 %`."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def plain_table(first: str, *others: str) -> Table:
    """Returns a table without lines: names at the left, numbers of several columns at the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right" if len(others) > 1 else "left")
    return table
