"""The error rate by subset, speaker, gender, duration and speaking rate, and how much it changed in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.markup import (
    as_number,
    bounds_of,
    count,
    details,
    escape,
    percent,
    percent_range,
    points,
    points_range,
    table,
)
from components.evaluation.naming import baseline_name
from components.wer_evaluator.report.forest import Estimate, forest

_SHOWN_IN_PLOT = 16
_SHOWN_IN_TABLE = 300


def slices_section(metrics: Mapping[str, Any]) -> str:
    """Returns the section, HTML without its heading."""
    parts, called = [], baseline_name(metrics)
    for split, found in (metrics.get("splits") or {}).items():
        everything = as_number((found.get("words") or {}).get("wer")) or 0.0
        figures = [
            forest(f"{title}, {split}", estimates, "WER (%)", 100 * everything)
            for title, slices in _by_kind(found).items()
            if (estimates := [one for part in slices if (one := _rate(part, called)) is not None])
        ]
        legend = _legend(called) if found.get("baseline") and figures else ""
        plots = f"<div class='plots packed'>{''.join(figures)}</div>{legend}" if figures else ""
        parts.append(plots + _worst(split, found) + _table(split, found, called))
    return "".join(parts) or "<p>Nothing was measured.</p>"


def _legend(called: str) -> str:
    return (
        '<ul class="legend"><li class="line-0">this model, with its 95 % interval</li>'
        f'<li class="beside">{escape(called)}</li></ul>'
    )


def difference_section(metrics: Mapping[str, Any]) -> str:
    """Returns the section, HTML without its heading."""
    nothing = _nothing_to_compare(metrics.get("baseline"))
    if nothing:
        return f"<p>{nothing}</p>"
    parts = []
    for split, found in (metrics.get("splits") or {}).items():
        if not found.get("baseline"):
            continue
        everything = {"kind": "", "value": "everything", "difference": found["baseline"].get("difference")}
        groups = {"Everything": [everything], **_by_kind(found)}
        figures = [
            forest(f"{title}, {split}", estimates, "points of WER; to the left of 0 is better", 0.0)
            for title, slices in groups.items()
            if (estimates := [one for part in slices if (one := _change(part)) is not None])
        ]
        told = (
            f"<p>In {count(found['baseline'].get('better_utterances'))} utterances of {escape(split)} this model has"
            f" fewer errors, in {count(found['baseline'].get('worse_utterances'))} more.</p>"
        )
        parts.append(f"{told}<div class='plots packed'>{''.join(figures)}</div>")
    note = "<p>Green or red is an interval that is all better or all worse; the numbers stand in the tables above.</p>"
    return "".join(parts) + note if parts else "<p>No test set was compared.</p>"


def _nothing_to_compare(baseline: Mapping[str, Any] | None) -> str:
    if baseline is None:
        return "There is no blessed model to compare with yet."
    if baseline.get("error"):
        return f"The latest blessed model could not be measured: {escape(baseline['error'])}"
    if baseline.get("same"):
        return "The latest blessed model is this very model."
    return ""


def _by_kind(found: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Returns the slices that are drawn, by what is written above them; one that is everything is not."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    # Of speakers there are many, and they would stand before the rest.
    for part in sorted(found.get("slices") or (), key=lambda part: part["kind"] == "speaker"):
        groups.setdefault(str(part["kind"]).replace("_", " ").capitalize(), []).append(part)
    shown: dict[str, list[Mapping[str, Any]]] = {}
    for title, slices in groups.items():
        if len(slices) > _SHOWN_IN_PLOT:
            worst = sorted(slices, key=lambda part: -_wer(part))[:_SHOWN_IN_PLOT]
            shown[f"{title}: the worst {_SHOWN_IN_PLOT} of {len(slices)}"] = worst
        elif len(slices) > 1:
            shown[title] = slices
    return shown


def _wer(part: Mapping[str, Any]) -> float:
    wer = as_number(part["words"].get("wer"))
    return -1.0 if wer is None else wer


def _rate(part: Mapping[str, Any], called: str) -> Estimate | None:
    """Returns a slice as a row of a plot; None where a number is missing."""
    wer, (low, high) = as_number(part["words"].get("wer")), bounds_of(part.get("interval"))
    other = as_number((part.get("baseline_words") or {}).get("wer"))
    if wer is None or low is None or high is None:
        return None
    told = f"{part['value']}: {percent(wer, 2)} ({percent_range(part['interval'], 2)})"
    beside = "" if other is None else f"; {called} {percent(other, 2)}"
    return Estimate(
        label=str(part["value"]),
        value=100 * wer,
        low=100 * low,
        high=100 * high,
        text=percent(wer, 2),
        told=f"{told}{beside}; {count(part['words'].get('words'))} words",
        other=None if other is None else 100 * other,
    )


def _change(part: Mapping[str, Any]) -> Estimate | None:
    """Returns the difference in a slice as a row of a plot; None where a number is missing."""
    difference = part.get("difference") or {}
    value, (low, high) = as_number(difference.get("value")), bounds_of(difference.get("interval"))
    if value is None or low is None or high is None:
        return None
    return Estimate(
        label=str(part["value"]),
        value=100 * value,
        low=100 * low,
        high=100 * high,
        text=points(value),
        told=f"{part['value']}: {points(value)} points ({points_range(difference['interval'])})",
        kind="bad" if low > 0 else "good" if high < 0 else "plain",
    )


def _worst(split: str, found: Mapping[str, Any]) -> str:
    worst = found.get("worst_slice")
    if worst is None:
        return f"<p>No slice of {escape(split)} has words enough to be called the worst.</p>"
    name = f"{worst['kind']}={worst['value']}".replace("_", " ")
    return (
        f"<p>Among the slices of {escape(split)} with words enough, the worst is <strong>{escape(name)}</strong>:"
        f" {percent(worst['words'].get('wer'), 2)}.</p>"
    )


def _table(split: str, found: Mapping[str, Any], called: str) -> str:
    slices: Sequence[Mapping[str, Any]] = found.get("slices") or ()
    has_baseline = bool(found.get("baseline"))
    header = ["Slice", "WER", "95 % interval", "Utterances", "Words", "Sub.", "Del.", "Ins."]
    if has_baseline:
        header += [called[:1].upper() + called[1:], "Difference, points", "95 % interval"]
    rows = [_table_row(part, has_baseline) for part in slices[:_SHOWN_IN_TABLE]]
    more = len(slices) - _SHOWN_IN_TABLE
    rest = f"<p>{more:,} more stand in metrics.json.</p>" if more > 0 else ""
    return details(f"Every slice of {split}", table(header, rows, "numbers") + rest) if rows else ""


def _table_row(part: Mapping[str, Any], has_baseline: bool) -> tuple[str, ...]:
    words = part["words"]
    names = ("utterances", "words", "substitutions", "deletions", "insertions")
    compared = ()
    if has_baseline:
        difference = part.get("difference") or {}
        theirs = (part.get("baseline_words") or {}).get("wer")
        compared = (percent(theirs, 2), points(difference.get("value")), points_range(difference.get("interval")))
    return (
        escape(f"{part['kind']}={part['value']}".replace("_", " ")),
        percent(words.get("wer"), 2),
        percent_range(part.get("interval"), 2),
        *(count(words.get(name)) for name in names),
        *compared,
    )
