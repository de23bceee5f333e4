"""Distributions as SVG and as text: bars for those who see them, a table for those who do not."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.librispeech.profile import QUANTITIES, Quantity

# In units of a phone's pixels, so that text keeps its size there.
_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 352, 22, 138
_TICKS = 8
_TICK_STEPS = (1, 2, 4, 5, 8, 10, 20, 40, 50, 100)
_SMALLEST_SHARE = 1e-8
_QUANTILES = (("5 %", 0.05), ("Median", 0.5), ("95 %", 0.95))


def distribution(name: str, whole: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a distribution as HTML: a plot, quantiles by split, and the numbers of the bins.

    Args:
      name: Of the quantity.
      whole: `edges` and `counts` of all utterances.
      parts: The same, by split; none where there is nothing to part.
    """
    quantity = QUANTITIES.get(name) or Quantity(name, "", ())
    edges, counts = list(whole["edges"]), list(whole["counts"])
    unit = f" ({quantity.unit})" if quantity.unit else ""
    total = sum(counts)
    if not total:
        return f"<figure><figcaption>{_escape(quantity.title)}</figcaption><p>There is no utterance.</p></figure>"
    first, last = _shown_bins(counts)
    rows = "".join(
        f"<tr><th scope='row'>{_escape(bin_label(name, edges, index))}</th><td>{counts[index]:,}</td>"
        f"<td>{100 * counts[index] / total:.1f}\u00a0%</td></tr>"
        for index in range(first, last + 1)
        if counts[index]
    )
    title = f"{quantity.title}{unit}"
    return (
        f"<figure><figcaption>{_escape(title)}</figcaption>{_bars(name, title, edges, counts, first, last)}"
        f"{_quantiles(name, whole, parts)}"
        f"<details><summary>Numbers: {_escape(quantity.title)}</summary><table><thead><tr>"
        f"<th scope='col'>{_escape(title)}</th><th scope='col'>Utterances</th><th scope='col'>Share</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></details></figure>"
    )


def bin_label(name: str, edges: Sequence[float], index: int) -> str:
    """Returns what lies in a bin, in words."""
    if name == "clipped_fraction" and index == 0:
        return "none"
    if index == 0:
        return f"below {edge_label(name, edges[0])}"
    if index == len(edges):
        return f"{edge_label(name, edges[-1])} and more"
    return f"{edge_label(name, edges[index - 1])} to {edge_label(name, edges[index])}"


def edge_label(name: str, edge: float) -> str:
    """Returns an edge as people write it, with a true minus."""
    if name == "clipped_fraction":
        # The first edge parts what is clipped from what is not.
        return f"{100 * edge:g}\u00a0%" if edge >= _SMALLEST_SHARE else "0"
    text = f"{edge:g}"
    return text.replace("-", "−")


def quantile(edges: Sequence[float], counts: Sequence[int], share: float) -> float:
    """Returns below which value a share of the utterances lies, to the width of a bin; ±inf beyond the edges."""
    wanted = share * sum(counts)
    cumulative = list(itertools.accumulate(counts))
    index = next(place for place, count in enumerate(cumulative) if count >= wanted and count)
    if index == 0:
        return -math.inf
    if index == len(edges):
        return math.inf
    low, high = edges[index - 1], edges[index]
    return low + (high - low) * (wanted - (cumulative[index] - counts[index])) / counts[index]


def _quantiles(name: str, whole: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> str:
    if name == "clipped_fraction":
        return ""
    head = "".join(f"<th scope='col'>{title}</th>" for title, _ in _QUANTILES)
    rows = []
    for title, part in {"all": whole, **parts}.items():
        if sum(part["counts"]):
            values = (quantile(part["edges"], part["counts"], share) for _, share in _QUANTILES)
            cells = "".join(f"<td>{_value(value, part['edges'])}</td>" for value in values)
            rows.append(f"<tr><th scope='row'>{_escape(title)}</th>{cells}</tr>")
    return (
        f"<table class='quantiles'><thead><tr><th scope='col'>Split</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _value(value: float, edges: Sequence[float]) -> str:
    beyond = f"< {edges[0]:g}" if value < 0 else f"≥ {edges[-1]:g}"
    text = beyond if math.isinf(value) else f"{value:.1f}"
    return _escape(text.replace("-", "−"))


def _shown_bins(counts: Sequence[int]) -> tuple[int, int]:
    """Returns the first and the last bin that are drawn: from the first to the last that hold something, and a few."""
    held = [index for index, count in enumerate(counts) if count]
    first, last = held[0], held[-1]
    # A lone bar would fill the plot and say nothing of where it is.
    while last - first < min(7, len(counts) - 1):
        first, last = max(0, first - 1), min(len(counts) - 1, last + 1)
    return first, last


def _bars(name: str, title: str, edges: list[float], counts: list[int], first: int, last: int) -> str:
    shown = counts[first : last + 1]
    highest = max(shown)
    step = (_RIGHT - _LEFT) / len(shown)
    gap = min(2.0, step / 5)
    bars = []
    for place, count in enumerate(shown):
        if count:
            # At least one pixel: what is rare is what one looks for.
            height = max(1.0, (_BOTTOM - _TOP) * count / highest)
            told = _escape(f"{bin_label(name, edges, first + place)}: {count:,}")
            bars.append(
                f'<rect x="{_LEFT + place * step + gap / 2:.1f}" y="{_BOTTOM - height:.1f}" width="{step - gap:.1f}"'
                f' height="{height:.1f}"><title>{told}</title></rect>'
            )
    ticks = [
        f'<line x1="{x:.1f}" y1="{_BOTTOM}" x2="{x:.1f}" y2="{_BOTTOM + 5}"></line>'
        f'<text x="{x:.1f}" y="{_BOTTOM + 20}" text-anchor="middle">{_escape(edge_label(name, edges[index]))}</text>'
        for index in _ticks(name, edges, first, last)
        for x in (_LEFT + (index - first + 1) * step,)
    ]
    label = f"Distribution of {title}; the numbers are in the tables that follow"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_escape(label)}">{"".join(bars)}'
        f'<line x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_BOTTOM}"></line>{"".join(ticks)}'
        f'<text x="{_LEFT}" y="14">highest bar: {highest:,} utterances</text></svg>'
    )


def _ticks(name: str, edges: Sequence[float], first: int, last: int) -> list[int]:
    """Returns the edges that are marked: at round numbers, and so few that their labels do not touch."""
    # Bin number n ends at edge number n.
    inner = range(first, min(last, len(edges)))
    if name == "clipped_fraction":
        return list(inner)
    for step in _TICK_STEPS:
        marked = [index for index in inner if edges[index] % step == 0]
        if len(marked) <= _TICKS:
            return marked
    return []


def _escape(value: Any) -> str:
    return html.escape("" if value is None else str(value))
