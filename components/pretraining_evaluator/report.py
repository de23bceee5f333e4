"""The report of a pre-trained model's evaluation: its contrastive loss, its codes, and who is hardest to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.gate import Decision
from components.evaluation.markup import escape, number, percent, table
from components.evaluation.page import render_page
from components.evaluation.quantities import is_number

_SHOWN = 15


def render_report(decision: Decision, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the report as HTML.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
    """
    headline = " · ".join(
        f"{escape(split)} <strong>{number(found['contrastive_loss'])}</strong> nats,"
        f" {number(found['code_perplexity'])} of {found['codes']} codes"
        for split, found in metrics["splits"].items()
    )
    sections = {
        "Contrastive task": _task(metrics),
        "Codebooks": _codes(metrics),
        "Speakers": _speakers(rows),
        "Hardest utterances": _hardest(rows),
    }
    return render_page(decision, metrics, headline, sections)


def _task(metrics: Mapping[str, Any]) -> str:
    rows = []
    for split, found in metrics["splits"].items():
        interval = found["interval"]
        span = "" if interval is None else f"{number(interval['low'])} to {number(interval['high'])}"
        rows.append(
            (
                escape(split),
                number(found["contrastive_loss"]),
                span,
                number(found["chance_loss"]),
                _share(found["accuracy"]),
                f"{found['utterances']:,}",
                f"{found['masked_frames']:,}",
                f"{found['utterances_without_masks']:,}",
            )
        )
    header = (
        "Split",
        "Loss, nats",
        "95 % interval",
        "By chance",
        "Accuracy",
        "Utterances",
        "Masked frames",
        "Too short",
    )
    units = {found["interval"]["unit"] for found in metrics["splits"].values() if found["interval"]}
    note = f"<p>Intervals: bootstrap over {escape(' and '.join(sorted(units)))}s.</p>" if units else ""
    negatives = sorted({found["negatives"] for found in metrics["splits"].values()})
    told = f"<p>Each masked frame is to be told from {escape(', '.join(map(str, negatives)))} others.</p>"
    return table(header, rows) + note + (told if negatives else "")


def _codes(metrics: Mapping[str, Any]) -> str:
    rows = [
        (
            escape(split),
            number(found["code_perplexity"]),
            ", ".join(number(value) for value in found["code_perplexities"]),
            f"{found['codes']:,}",
            f"{found['codes_unused']:,}",
        )
        for split, found in metrics["splits"].items()
    ]
    return table(("Split", "Perplexity", "Of each group", "Codes", "Never chosen"), rows)


def _speakers(rows: Sequence[Mapping[str, Any]]) -> str:
    sums: dict[str, list[float]] = {}
    for row in rows:
        if row["masked_frames"]:
            held = sums.setdefault(row["speaker_id"], [0.0, 0, 0])
            held[0] += row["contrastive_loss"] * row["masked_frames"]
            held[1] += row["correct_frames"]
            held[2] += row["masked_frames"]
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0] / item[1][2], item[0]))[:_SHOWN]
    return table(
        ("Speaker", "Loss, nats", "Accuracy", "Masked frames"),
        [
            (escape(speaker), number(loss / frames), percent(correct / frames), f"{frames:,}")
            for speaker, (loss, correct, frames) in ordered
        ],
    )


def _hardest(rows: Sequence[Mapping[str, Any]]) -> str:
    measured = [row for row in rows if row["masked_frames"]]
    ordered = sorted(measured, key=lambda row: (-row["contrastive_loss"], row["utterance_id"]))[:_SHOWN]
    return table(
        ("Utterance", "Speaker", "Seconds", "Loss, nats"),
        [
            (
                escape(row["utterance_id"]),
                escape(row["speaker_id"]),
                number(row["seconds"]),
                number(row["contrastive_loss"]),
            )
            for row in ordered
        ],
    )


def _share(value: float) -> str:
    return percent(value) if is_number(value) else ""
