"""Utterances one by one: counts, alignment, and a player."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.evaluation.markup import count, counted, decimal, escape
from components.evaluation.naming import CANDIDATE, LATEST_BLESSED
from components.wer_evaluator.report.alignment import alignment
from components.wer_evaluator.report.sound import data_uri


class UtterancePages:
    """Writes utterances; one that comes again is a link to where it stands, so that its sound is there once."""

    def __init__(
        self,
        audio: Mapping[str, np.ndarray[Any, Any]],
        called: str = LATEST_BLESSED,
        candidate: str = CANDIDATE,
    ) -> None:
        """Takes int16 `[samples]` at 16 kHz by utterance id, and what the baseline and what is judged are called."""
        self._audio, self._called, self._candidate = audio, called, candidate
        self._anchors: dict[str, str] = {}

    def listed(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Returns utterances as a list, HTML."""
        if not rows:
            return "<p>There is none.</p>"
        has_baseline = any(row.get("baseline_words") for row in rows)
        lines = f"the first line is what was said, the second what the {escape(self._candidate)} heard"
        if has_baseline:
            lines += f", the third what the {escape(self._called)} heard"
        note = f"<p class='note'>Where something is wrong, {lines}; – is nothing.</p>"
        return f"{note}<ol class='utterances'>{''.join(self._item(row) for row in rows)}</ol>"

    def _item(self, row: Mapping[str, Any]) -> str:
        utterance_id = row["utterance_id"]
        head = f"<h3>{escape(utterance_id)}</h3><p>{_counts(row, self._called)}</p>"
        if utterance_id in self._anchors:
            link = f'<a href="#{self._anchors[utterance_id]}">Its words and its sound stand above.</a>'
            return f"<li>{head}<p>{link}</p></li>"
        anchor = f"utterance-{len(self._anchors) + 1}"
        self._anchors[utterance_id] = anchor
        words = alignment(row["reference"], row["hypothesis"], row.get("baseline_hypothesis"), self._called)
        return f'<li id="{anchor}">{head}{words}{self._player(utterance_id)}</li>'

    def _player(self, utterance_id: str) -> str:
        samples = self._audio.get(utterance_id)
        if samples is None or not len(samples):
            return ""
        name = escape(f"Sound of {utterance_id}")
        return f'<audio controls preload="none" aria-label="{name}" src="{data_uri(samples)}"></audio>'


def _counts(row: Mapping[str, Any], called: str) -> str:
    words = row["words"]
    errors = counted(words["errors"], "error")
    parts = [
        escape(row.get("split")),
        *([f"speaker {escape(row['speaker_id'])}"] if row.get("speaker_id") else []),
        *([f"{decimal(row['seconds'], 1)}\u00a0s"] if row.get("seconds") is not None else []),
        f"<strong>{errors} in {counted(words['words'], 'word')}</strong>",
    ]
    if row.get("baseline_words"):
        parts.append(f"{escape(called)}: {count(row['baseline_words']['errors'])}")
    return ", ".join(parts)
