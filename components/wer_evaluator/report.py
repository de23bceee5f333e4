"""The report of a recogniser's evaluation: its error rates, and where they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.gate import Decision
from components.evaluation.page import escape, percent, render_page, table
from model.metrics import align_words

_WORST = 15
_CONFUSIONS = 15


def render_report(decision: Decision, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the report as HTML.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
    """
    rates = " · ".join(
        f"{escape(split)} <strong>{percent(found['wer'])}</strong> WER" for split, found in metrics["splits"].items()
    )
    sections = {
        "Word error rate": _rates(metrics) + _plot(metrics),
        "Most frequent confusions": _confusions(rows),
        "Worst utterances": _worst(rows),
    }
    return render_page(decision, metrics, rates, sections)


def _rates(metrics: Mapping[str, Any]) -> str:
    rows: list[tuple[str, ...]] = []
    for split, found in metrics["splits"].items():
        interval = found["interval"]
        rows.append(_rate_row(split, found, f"{percent(interval['low'])} to {percent(interval['high'])}"))
        rows += [_rate_row(f"{split}, {name}", part, "") for name, part in found["slices"].items()]
    units = {found["interval"]["unit"] for found in metrics["splits"].values()}
    note = f"<p>Intervals: 95 %, bootstrap over {escape(' and '.join(sorted(units)))}s.</p>" if units else ""
    header = ("Slice", "WER", "95 % interval", "Utterances", "Words", "Sub.", "Del.", "Ins.", "Wrong utterances")
    return table(header, rows) + note


def _rate_row(name: str, found: Mapping[str, Any], interval: str) -> tuple[str, ...]:
    counts = (found[key] for key in ("utterances", "words", "substitutions", "deletions", "insertions"))
    return (
        escape(name),
        percent(found["wer"]),
        interval,
        *(f"{count:,}" for count in counts),
        f"{found['wrong_utterances']:,}",
    )


def _plot(metrics: Mapping[str, Any]) -> str:
    """Bars of the WER by slice, as SVG."""
    bars = [
        (f"{split}, {name}", part["wer"])
        for split, found in metrics["splits"].items()
        for name, part in (("all", found), *found["slices"].items())
    ]
    highest = max((wer for _, wer in bars), default=0) or 1.0
    height, label, width = 22, 230, 640
    lines = []
    for index, (name, wer) in enumerate(bars):
        top = index * height
        length = (width - label - 70) * wer / highest
        lines.append(
            f'<text x="{label - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{label}" y="{top + 4}" width="{length:.1f}" height="{height - 8}"></rect>'
            f'<text x="{label + length + 6:.1f}" y="{top + 15}">{percent(wer)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height * len(bars)}" role="img" aria-label="WER by slice">{"".join(lines)}</svg>'
    )


def _confusions(rows: Sequence[Mapping[str, Any]]) -> str:
    pairs: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["substitutions"] or row["deletions"] or row["insertions"]:
            for step in align_words(row["reference"], row["hypothesis"]):
                if step.kind != "equal":
                    pairs[(step.reference, step.hypothesis)] += 1
    if not pairs:
        return "<p>There is no error.</p>"
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:_CONFUSIONS]
    return table(
        ("Said", "Recognised", "Times"),
        [
            (escape(said) or "<em>nothing</em>", escape(heard) or "<em>nothing</em>", str(n))
            for (said, heard), n in ordered
        ],
    )


def _worst(rows: Sequence[Mapping[str, Any]]) -> str:
    def errors(row: Mapping[str, Any]) -> int:
        return row["substitutions"] + row["deletions"] + row["insertions"]

    ordered = sorted(rows, key=lambda row: (-errors(row), row["utterance_id"]))
    items = []
    for row in ordered[:_WORST]:
        if errors(row) == 0:
            break
        words = " ".join(_aligned(step) for step in align_words(row["reference"], row["hypothesis"]))
        items.append(
            f"<li><p><strong>{escape(row['utterance_id'])}</strong> {escape(row['split'])}, {row['seconds']:.1f} s:"
            f" {errors(row)} errors in {row['words']} words</p><p class='words'>{words}</p></li>"
        )
    return f"<ol>{''.join(items)}</ol>" if items else "<p>There is no error.</p>"


def _aligned(step: Any) -> str:
    if step.kind == "equal":
        return escape(step.reference)
    deleted = f"<del>{escape(step.reference)}</del>" if step.reference else ""
    inserted = f"<ins>{escape(step.hypothesis)}</ins>" if step.hypothesis else ""
    return f"{deleted}{inserted}"
