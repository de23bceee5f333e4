"""Pieces of HTML for a report: escaped text, numbers as people read them, tables and sections. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from components.evaluation.quantities import MINUS, is_number

NOTHING = "–"
"""What stands where there is no number."""

_NO_BREAK = "\u00a0"


def escape(value: Any) -> str:
    """Returns text from elsewhere as HTML; nothing for None."""
    return html.escape("" if value is None else str(value))


def number(value: float | None) -> str:
    """Returns a number with four digits; nothing for None."""
    return "" if value is None else _signed(f"{value:.4g}")


def as_number(value: Any) -> float | None:
    """Returns a number from a document; None for what is none, such as NaN."""
    return value if is_number(value) else None


def percent(fraction: Any, digits: int = 1) -> str:
    """Returns a fraction as a percentage, whose sign stays on its line; a dash for what is no number."""
    return _signed(f"{100 * fraction:.{digits}f}{_NO_BREAK}%") if is_number(fraction) else NOTHING


def percent_range(interval: Any, digits: int = 1) -> str:
    """Returns an interval with `low` and `high`, fractions, as percentages; a dash where there is none."""
    low, high = bounds_of(interval)
    if low is None or high is None:
        return NOTHING
    return f"{_signed(f'{100 * low:.{digits}f}')} to {_signed(f'{100 * high:.{digits}f}')}{_NO_BREAK}%"


def points(fraction: Any) -> str:
    """Returns a difference of fractions in points, with its sign; a dash for what is no number."""
    if not is_number(fraction):
        return NOTHING
    text = f"{100 * fraction:+.2f}"
    return "0.00" if float(text) == 0 else _signed(text)


def points_range(interval: Any) -> str:
    """Returns an interval of a difference in points; a dash where there is none."""
    low, high = bounds_of(interval)
    return NOTHING if low is None or high is None else f"{points(low)} to {points(high)}"


def count(value: Any) -> str:
    """Returns a whole number with its thousands parted; a dash for what is no number."""
    return _signed(f"{value:,.0f}") if is_number(value) else NOTHING


def counted(value: Any, thing: str) -> str:
    """Returns a whole number of things: `1 error`, `2 errors`."""
    return f"{count(value)} {thing}{'' if value == 1 else 's'}"


def decimal(value: Any, digits: int) -> str:
    """Returns a number with so many decimals; a dash for what is none."""
    return _signed(f"{value:,.{digits}f}") if is_number(value) else NOTHING


def _signed(text: str) -> str:
    return MINUS + text[1:] if text.startswith("-") else text


def bounds_of(interval: Any) -> tuple[float | None, float | None]:
    """Returns the ends of an interval as documents have it; None for what is no number."""
    return (None, None) if interval is None else (as_number(interval.get("low")), as_number(interval.get("high")))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Returns a table that scrolls by itself where it is too wide.

    Args:
      header: The columns' names, plain text.
      rows: Their cells are HTML already.
      kind: A class for the style, such as `numbers`: all columns but the first are set to the right.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    named = f' class="{escape(kind)}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0"><table{named}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(title: str, body: str, anchor: str = "") -> str:
    """Returns a section with its heading.

    Args:
      title: Plain text.
      body: HTML.
      anchor: Its id, for links within the page.
    """
    named = f' id="{escape(anchor)}"' if anchor else ""
    return f"<section{named}><h2>{escape(title)}</h2>{body}</section>"


def details(summary: str, body: str) -> str:
    """Returns a part that is folded until somebody opens it; the summary is plain text, the body HTML."""
    return f"<details><summary>{escape(summary)}</summary>{body}</details>"


def figure(title: str, body: str) -> str:
    """Returns a figure with its title above; the title is plain text, the body HTML."""
    return f"<figure><figcaption>{escape(title)}</figcaption>{body}</figure>"
