"""The evaluations of a pipeline so far, as a table and as lines. Everything in it is escaped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from components.evaluation.axes import NUM_COLOURS, Axes, ticks_between
from components.evaluation.markup import NOTHING, as_number, escape, figure, number, percent, table

SHOWN_EVALUATIONS = 50
"""So many of the latest evaluations are shown."""

# What is said of a verdict, and the class of its style.
_VERDICTS = {
    "ACCEPT": ("accepted", "accept"),
    "REJECT": ("rejected", "reject"),
    "NEEDS_REVIEW": ("needs review", "needs-review"),
}


# Of the axis; labels that are closer would be written over each other.
_MIN_SHARE_BETWEEN_LABELS = 0.2
# Of ISO 8601, the day and the minute.
_MINUTES = 16


@dataclasses.dataclass(frozen=True)
class PastEvaluation:
    """An evaluation, in short.

    Attributes:
      run_id: The first run that had it.
      when: That run began: UTC, ISO 8601.
      verdict: ACCEPT, REJECT or NEEDS_REVIEW.
      measure: What `values` are: `WER`, a fraction, or the name of something else.
      values: By split; None where it is no number.
      decision: What people decided about the release, in words; empty where nobody has.
      is_this: Whether the report is of this one.
    """

    run_id: str
    when: str
    verdict: str
    measure: str
    values: Mapping[str, float | None]
    decision: str = ""
    is_this: bool = False


def history_section(evaluations: Sequence[PastEvaluation]) -> str:
    """Returns the section of a report, HTML without its heading.

    Args:
      evaluations: The oldest first; of one measure.
    """
    shown = evaluations[-SHOWN_EVALUATIONS:]
    splits = list(dict.fromkeys(split for one in shown for split in one.values))
    measure = shown[-1].measure
    rows = [
        (
            escape(one.when[:_MINUTES].replace("T", " ")),
            f"<code>{escape(one.run_id)}</code>" + (" (this report)" if one.is_this else ""),
            *(_value(measure, one.values.get(split)) for split in splits),
            _verdict(one.verdict),
            escape(one.decision),
        )
        for one in reversed(shown)
    ]
    header = ("When, UTC", "Run", *(f"{measure}, {split}" for split in splits), "Gate", "People")
    hidden = len(evaluations) - len(shown)
    note = f" {hidden:,} older ones are not shown." if hidden else ""
    told = (
        "The evaluations of this pipeline up to this one, as they stood when this page was written; the latest first."
        " The test sets may have changed between them, and no gate compares these numbers."
    )
    return f"<p>{told}{note}</p>{_lines(shown, splits, measure)}{table(header, rows, 'history')}"


def _lines(shown: Sequence[PastEvaluation], splits: Sequence[str], measure: str) -> str:
    """Returns the values as lines, for two evaluations or more."""
    scale, unit = (100, " (%)") if measure == "WER" else (1, "")
    points = {
        split: [
            (place, scale * value)
            for place, one in enumerate(shown, start=1)
            if (value := as_number(one.values.get(split))) is not None
        ]
        for split in splits
    }
    values = [value for of_split in points.values() for _, value in of_split]
    if len(shown) < 2 or not values:
        return ""
    axes = Axes(1, len(shown), ticks_between(0.0, max(values)))
    drawn, told, legend = [], [], []
    for place, (split, of_split) in enumerate(points.items()):
        if not of_split:
            continue
        at = [axes.place(*point) for point in of_split]
        kind = f"line-{place % NUM_COLOURS}"
        drawn.append(f'<polyline class="line {kind}" points="{" ".join(f"{x},{y}" for x, y in at)}"/>')
        drawn += [f'<circle class="point {kind}" cx="{x}" cy="{y}" r="2.5"/>' for x, y in at]
        told.append(f"{split}: from {number(of_split[0][1])} to {number(of_split[-1][1])}")
        legend.append(f'<li class="{kind}">{escape(split)}</li>')
    labels = _labels(shown)
    title = f"{measure}{unit}, evaluation by evaluation"
    picture = axes.picture(f"{title}. {'; '.join(told)}.", labels, "", "".join(drawn))
    names = f'<ul class="legend">{"".join(legend)}</ul>'
    return f'<div class="plots">{figure(title, picture + names)}</div>'


def _labels(shown: Sequence[PastEvaluation]) -> dict[float, str]:
    """Returns what stands below the axis: where the report's own evaluation is, and the ends that are not beside it."""
    ends = {1.0: "oldest", float(len(shown)): "latest"}
    own = [float(place) for place, one in enumerate(shown, start=1) if one.is_this]
    apart = _MIN_SHARE_BETWEEN_LABELS * (len(shown) - 1)
    labels = {place: label for place, label in ends.items() if all(abs(place - one) >= apart for one in own)}
    return labels | dict.fromkeys(own, "this one")


def _verdict(verdict: str) -> str:
    word, kind = _VERDICTS.get(verdict, (verdict, "unknown"))
    return f'<span class="outcome {kind}">{escape(word)}</span>'


def _value(measure: str, value: float | None) -> str:
    known = as_number(value)
    if known is None:
        return NOTHING
    return percent(known) if measure == "WER" else number(known)
