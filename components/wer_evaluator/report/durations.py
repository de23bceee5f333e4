"""Duration against error: every utterance as a dot, and the error rate of tenths of the test set as a line.

Utterances lie on a grid; a dot stands for all of them at its place, and grows with their number. So the picture stays
small and legible however many there are.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.axes import Axes, tick_label, ticks_between
from components.evaluation.markup import count, escape, figure, percent
from components.evaluation.naming import LATEST_BLESSED
from components.evaluation.quantities import is_number

_COLUMNS, _LEVELS = 72, 40
_PARTS = 10
# The rest would leave no room for what is usual.
_SHOWN_SHARE = 0.98
# Radii of dots for 1, 2 to 4, 5 to 16, 17 to 64 and more utterances; where there are few, all are larger.
_FEW, _SCALE_OF_FEW = 400, 1.8
_SIZES = ((1, 0.9), (4, 1.4), (16, 2.0), (64, 2.7), (None, 3.4))


def durations_section(rows: Sequence[Mapping[str, Any]], called: str = LATEST_BLESSED) -> str:
    """Returns the section, HTML without its heading; each split has a plot.

    Args:
      rows: The lines of `utterances.jsonl`.
      called: What the baseline is called.
    """
    by_split: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_split.setdefault(str(row.get("split")), []).append(row)
    figures = "".join(_figure(split, found, called) for split, found in by_split.items())
    if not figures:
        return "<p>There is no utterance with a duration and a word.</p>"
    note = (
        "<p>A dot is an utterance, a larger one several alike; the few above the scale stand at its top. The line is"
        " the error rate of each tenth of the utterances, from the shortest to the longest.</p>"
    )
    return f"<div class='plots wide'>{figures}</div>{note}"


def _figure(split: str, rows: Sequence[Mapping[str, Any]], called: str) -> str:
    measured = sorted(
        (row["seconds"], row["words"]["errors"], row["words"]["words"], (row.get("baseline_words") or {}).get("errors"))
        for row in rows
        if is_number(row.get("seconds")) and row["words"]["words"]
    )
    if not measured:
        return ""
    parts = _tenths(measured)
    columns = {"line-0": (1, "this model")}
    if all(theirs is not None for *_, theirs in measured):
        columns["line-1"] = (3, called)
    rates = [100 * _rate(part, column) for part in parts for column, _ in columns.values()]
    longest, highest = measured[-1][0], max(_usual_wer(measured), *rates)
    axes = Axes(0.0, longest, ticks_between(0.0, highest))
    lines = "".join(_line(axes, parts, column, kind) for kind, (column, _) in reversed(columns.items()))
    title = f"WER by duration, {split}"
    told = "; ".join(f"{part[0][0]:.1f} to {part[-1][0]:.1f} s: {percent(_rate(part, 1))}" for part in parts)
    labels = {tick: tick_label(tick) for tick in ticks_between(0.0, longest) if tick <= longest}
    picture = axes.picture(f"{title}. {told}.", labels, "seconds", _dots(axes, measured) + lines)
    legend = "".join(f'<li class="{kind}">{escape(name)}</li>' for kind, (_, name) in columns.items())
    left_out = len(rows) - len(measured)
    note = f"<p class='note'>{count(left_out)} without a word or a duration are left out.</p>" if left_out else ""
    return figure(f"{title}, in %", f'{picture}<ul class="legend">{legend}</ul>{note}')


def _usual_wer(measured: Sequence[Any]) -> float:
    """Returns the WER, in percent, that all but a few utterances stay below."""
    rates = sorted(100 * errors / words for _, errors, words, _ in measured)
    return rates[round((len(rates) - 1) * _SHOWN_SHARE)]


def _tenths(measured: Sequence[Any]) -> list[Sequence[Any]]:
    """Returns the utterances in parts of equal number, the shortest first."""
    edges = [round(place * len(measured) / _PARTS) for place in range(_PARTS + 1)]
    return [measured[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _rate(part: Sequence[Any], column: int) -> float:
    return sum(row[column] for row in part) / sum(row[2] for row in part)


def _line(axes: Axes, parts: Sequence[Sequence[Any]], column: int, kind: str) -> str:
    middles = [(sum(row[0] for row in part) / len(part), _rate(part, column)) for part in parts]
    at = [axes.place(seconds, 100 * rate) for seconds, rate in middles]
    dots = "".join(f'<circle class="point {kind}" cx="{x}" cy="{y}" r="2.5"/>' for x, y in at)
    return f'<polyline class="line {kind}" points="{" ".join(f"{x},{y}" for x, y in at)}"/>{dots}'


def _dots(axes: Axes, measured: Sequence[Any]) -> str:
    """Returns the utterances as dots on a grid, those of one size in one path."""
    highest = axes.y_ticks[-1]
    places = collections.Counter(
        (
            round(_COLUMNS * seconds / axes.x_high),
            round(_LEVELS * min(100 * errors / words, highest) / highest),
        )
        for seconds, errors, words, _ in measured
    )
    drawn = []
    least, scale = 0, _SCALE_OF_FEW if len(measured) < _FEW else 1
    for most, radius in _SIZES:
        chosen = sorted(place for place, number in places.items() if least < number <= (most or number))
        steps = []
        for column, level in chosen:
            x, y = axes.place(axes.x_high * column / _COLUMNS, highest * level / _LEVELS)
            steps.append(f"M{x:g} {y:g}h0")
        if steps:
            drawn.append(f'<path class="dots" stroke-width="{2 * scale * radius:g}" d="{"".join(steps)}"/>')
        least = most or least
    return "".join(drawn)
