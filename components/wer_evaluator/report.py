"""The report of an evaluation: one HTML file that needs no network. Everything that came from data is escaped."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from components.wer_evaluator.gate import Decision
from model.metrics import align_words

_WORST = 15
_CONFUSIONS = 15
_VERDICTS = {
    "ACCEPT": "Accepted: the model may be released.",
    "REJECT": "Rejected: the model is not released.",
    "NEEDS_REVIEW": "Needs review: a person decides.",
}


def render_report(decision: Decision, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the report as HTML.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
    """
    style = resources.files("components.wer_evaluator").joinpath("report.css").read_text(encoding="utf-8")
    name = metrics.get("release_name") or "model"
    sections = [
        _summary(decision, metrics),
        _section("Checks", _checks(decision)),
        _section("Word error rate", _rates(metrics) + _plot(metrics)),
        _section("Most frequent confusions", _confusions(rows)),
        _section("Worst utterances", _worst(rows)),
        _section("Provenance", _provenance(metrics)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escape(name)}: {_escape(decision.verdict)}</title><style>{style}</style></head>\n"
        f"<body><main><h1>{_escape(name)}</h1>\n" + "\n".join(sections) + "</main></body></html>\n"
    )


def _summary(decision: Decision, metrics: Mapping[str, Any]) -> str:
    rates = " · ".join(
        f"{_escape(split)} <strong>{_percent(found['wer'])}</strong> WER" for split, found in metrics["splits"].items()
    )
    reasons = "".join(f"<li>{_escape(reason)}</li>" for reason in decision.reasons)
    kind = decision.verdict.lower().replace("_", "-")
    return (
        f'<section class="verdict {kind}"><h2>{_escape(_VERDICTS[decision.verdict])}</h2>'
        f"<p>{rates}</p><ul>{reasons}</ul></section>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_escape(title)}</h2>{body}</section>"


def _checks(decision: Decision) -> str:
    rows = [
        (
            f'<span class="outcome {check.verdict.lower().replace(" ", "-")}">{_escape(check.verdict)}</span>',
            _escape(check.name),
            _number(check.measured),
            "" if check.interval is None else f"{_number(check.interval[0])} to {_number(check.interval[1])}",
            _number(check.threshold),
            _escape(check.reason),
        )
        for check in decision.checks
    ]
    table = _table(("", "Check", "Measured", "95 % interval", "Threshold", "Reason"), rows)
    return f'<div class="checks">{table}</div>'


def _rates(metrics: Mapping[str, Any]) -> str:
    rows: list[tuple[str, ...]] = []
    for split, found in metrics["splits"].items():
        interval = found["interval"]
        rows.append(_rate_row(split, found, f"{_percent(interval['low'])} to {_percent(interval['high'])}"))
        rows += [_rate_row(f"{split}, {name}", part, "") for name, part in found["slices"].items()]
    units = {found["interval"]["unit"] for found in metrics["splits"].values()}
    note = f"<p>Intervals: 95 %, bootstrap over {_escape(' and '.join(sorted(units)))}s.</p>" if units else ""
    header = ("Slice", "WER", "95 % interval", "Utterances", "Words", "Sub.", "Del.", "Ins.", "Wrong utterances")
    return _table(header, rows) + note


def _rate_row(name: str, found: Mapping[str, Any], interval: str) -> tuple[str, ...]:
    counts = (found[key] for key in ("utterances", "words", "substitutions", "deletions", "insertions"))
    return (
        _escape(name),
        _percent(found["wer"]),
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
            f'<text x="{label - 8}" y="{top + 15}" text-anchor="end">{_escape(name)}</text>'
            f'<rect x="{label}" y="{top + 4}" width="{length:.1f}" height="{height - 8}"></rect>'
            f'<text x="{label + length + 6:.1f}" y="{top + 15}">{_percent(wer)}</text>'
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
    return _table(
        ("Said", "Recognised", "Times"),
        [
            (_escape(said) or "<em>nothing</em>", _escape(heard) or "<em>nothing</em>", str(n))
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
            f"<li><p><strong>{_escape(row['utterance_id'])}</strong> {_escape(row['split'])}, {row['seconds']:.1f} s:"
            f" {errors(row)} errors in {row['words']} words</p><p class='words'>{words}</p></li>"
        )
    return f"<ol>{''.join(items)}</ol>" if items else "<p>There is no error.</p>"


def _aligned(step: Any) -> str:
    if step.kind == "equal":
        return _escape(step.reference)
    deleted = f"<del>{_escape(step.reference)}</del>" if step.reference else ""
    inserted = f"<ins>{_escape(step.hypothesis)}</ins>" if step.hypothesis else ""
    return f"{deleted}{inserted}"


def _provenance(metrics: Mapping[str, Any]) -> str:
    baseline = metrics.get("baseline") or {}
    values = {
        "Model digest": metrics.get("model_digest"),
        "Release digest": metrics.get("release_digest"),
        "Source checkpoint": (metrics.get("source_checkpoint") or {}).get("name"),
        "Source checkpoint, sha256": (metrics.get("source_checkpoint") or {}).get("sha256"),
        "Corpus": (metrics.get("corpus") or {}).get("root_name"),
        "Corpus fingerprint": (metrics.get("corpus") or {}).get("fingerprint"),
        "Latest blessed model digest": baseline.get("model_digest", "none"),
    }
    return _table(
        ("What", "Value"), [(_escape(name), f"<code>{_escape(value)}</code>") for name, value in values.items()]
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _escape(value: Any) -> str:
    return html.escape("" if value is None else str(value))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _percent(fraction: float) -> str:
    # A space at which no line is broken.
    return f"{100 * fraction:.1f}\u00a0%"
