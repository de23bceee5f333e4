"""Every error rate of every test set, raw beside normalised, the baseline beside the candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.markup import count, escape, percent, percent_range, table
from components.evaluation.naming import baseline_name

_SHOWN_DIGITS = 16
_HEADER = (
    "Test set", "Model", "Text", "WER", "95 % interval", "CER", "MER", "WIL", "Sub.", "Del.", "Ins.", "Words",
    "Wrong utterances",
)  # fmt: skip


def rates_section(metrics: Mapping[str, Any]) -> str:
    """Returns the section, HTML without its heading."""
    splits = metrics.get("splits") or {}
    rows = [row for split, found in splits.items() for row in _rows(split, found, baseline_name(metrics))]
    return table(_HEADER, rows, "numbers") + _notes(splits)


def _rows(split: str, found: Mapping[str, Any], called: str) -> Iterator[tuple[str, ...]]:
    systems = {"this model": found}
    if found.get("baseline"):
        systems[called] = found["baseline"]
    for name, system in systems.items():
        raw = system.get("raw") or {}
        for text, part, interval in (("normalised", system, system.get("interval")), ("raw", raw, None)):
            words, characters = part.get("words") or {}, part.get("characters") or {}
            wer = percent(words.get("wer"), 2)
            wrong = f"{count(words.get('wrong_utterances'))} ({percent(words.get('sentence_error_rate'))})"
            yield (
                escape(split),
                escape(name),
                escape(text),
                f"<strong>{wer}</strong>" if text == "normalised" else wer,
                percent_range(interval, 2) if interval else "",
                percent(characters.get("cer"), 2),
                percent(words.get("mer"), 2),
                percent(words.get("wil"), 2),
                *(count(words.get(name)) for name in ("substitutions", "deletions", "insertions", "words")),
                wrong,
            )


def _notes(splits: Mapping[str, Any]) -> str:
    intervals = [found["interval"] for found in splits.values() if found.get("interval")]
    units = sorted({str(interval.get("unit")) for interval in intervals})
    normalisers = [found["normaliser"] for found in splits.values() if found.get("normaliser")]
    used = sorted({(str(one.get("name")), str(one.get("sha256"))) for one in normalisers})
    notes = [f"Intervals: 95 %, bootstrap over {escape(' and '.join(units))}s."] if units else []
    notes += [
        f"Normalised by <code>{escape(name)}</code>, sha256 <code>{escape(digest[:_SHOWN_DIGITS])}</code>; raw is as it"
        " was said and heard."
        for name, digest in used
    ]
    return f"<p>{' '.join(notes)}</p>" if notes else ""
