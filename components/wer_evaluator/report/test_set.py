"""What was measured: whether all of it was, as the gate found, and whether the training has seen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.gate import Decision
from components.evaluation.markup import count, decimal, escape, table
from components.evaluation.quantities import is_number, name_some

_SHOWN = 10
_NOT_KNOWN = "not known"
_HEADER = ("Test set", "Utterances", "Words", "Speakers", "Hours", "Promised by ingest", "Published for LibriSpeech")


def test_set_section(metrics: Mapping[str, Any], decision: Decision) -> str:
    """Returns the section, HTML without its heading.

    Args:
      metrics: The content of `metrics.json`.
      decision: Of the gate, which has held the counts against those that were promised and published.
    """
    splits = metrics.get("splits") or {}
    missing = [name for name in metrics.get("expected_splits") or () if name not in splits]
    rows = [_row(split, found, decision) for split, found in splits.items()]
    rows += [(escape(name), "not measured", "", "", "", "", "") for name in missing]
    return table(_HEADER, rows, "numbers") + _leakage(metrics.get("leakage"))


def _row(split: str, found: Mapping[str, Any], decision: Decision) -> tuple[str, ...]:
    # Ingest counts the words of the transcripts as they are.
    words = ((found.get("raw") or {}).get("words") or {}).get("words")
    seconds, speakers = found.get("seconds"), found.get("speakers")
    return (
        escape(split),
        count(found.get("utterances")),
        count(words),
        _NOT_KNOWN if speakers is None else count(speakers),
        decimal(None if seconds is None else seconds / 3_600, 2),
        _held(found.get("promised"), f"complete/{split}", decision),
        _held(found.get("published"), f"published/{split}", decision),
    )


def _held(counts: Mapping[str, Any] | None, check_name: str, decision: Decision) -> str:
    """Returns counts with what the gate made of them."""
    if counts is None:
        return ""
    parts = []
    for name in ("utterances", "words"):
        value = counts.get(name)
        parts.append(f"{count(value)} {name}" if is_number(value) else f"{name} {_NOT_KNOWN}")
    verdicts = [check.verdict for check in decision.checks if check.name == check_name]
    told = "".join(f' <span class="outcome {one.lower().replace(" ", "-")}">{escape(one)}</span>' for one in verdicts)
    return ", ".join(parts) + told


def _leakage(leakage: Mapping[str, Any] | None) -> str:
    if leakage is None:
        return "<p>Whether the test set and the training share anything was not looked at.</p>"
    against = " and ".join(f"<code>{escape(split)}</code>" for split in leakage.get("against") or ())
    parts = [_shared(leakage, "utterances")]
    # Where nobody knows who speaks, what ingest calls a speaker is a recording.
    parts.insert(0, "speakers not known" if leakage.get("speakers_known") is False else _shared(leakage, "speakers"))
    parts.append(f"{count(leakage.get('shared_sentences'))} sentences")
    return f"<p>Shared with {against}: {', '.join(parts)}.</p>"


def _shared(leakage: Mapping[str, Any], name: str) -> str:
    ids = leakage.get(f"shared_{name}") or ()
    return f"{count(len(ids))} {name}{f' ({escape(name_some(ids, _SHOWN))})' if ids else ''}"
