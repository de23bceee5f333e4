"""Which utterances a reviewer is shown, and which can be heard. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

MAX_AUDIO_SECONDS = 480.0
"""So much speech is in a page, at most; as it is embedded, it takes 1.9 MB."""

_WORST = 15
_REGRESSED = 12
_IMPROVED = 6

_Rows = tuple[Mapping[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is shown.

    Attributes:
      is_compared: Whether there is a baseline that heard the same utterances.
      worst: The utterances with the most errors, the worst first.
      regressed: Those in which the model has more errors than the baseline; the most first.
      improved: Those in which it has fewer; the most first.
    """

    is_compared: bool
    worst: _Rows
    regressed: _Rows
    improved: _Rows


def select(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Selection:
    """Chooses what is shown.

    Args:
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
    """
    baseline = metrics.get("baseline") or {}
    is_compared = bool(baseline) and not baseline.get("same") and not baseline.get("error")
    wrong = [row for row in rows if _errors(row)]
    worst = sorted(wrong, key=lambda row: (-_errors(row), row["words"]["words"], row["utterance_id"]))
    changed = [row for row in rows if row.get("baseline_words")] if is_compared else []
    changed.sort(key=lambda row: (-_change(row), row["utterance_id"]))
    regressed = [row for row in changed if _change(row) > 0]
    improved = [row for row in reversed(changed) if _change(row) < 0]
    return Selection(is_compared, tuple(worst[:_WORST]), tuple(regressed[:_REGRESSED]), tuple(improved[:_IMPROVED]))


def audio_ids(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Returns the ids of those whose sound the page wants: the worst and the most regressed, as far as they fit.

    Args:
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
    """
    chosen = select(metrics, rows)
    pairs = itertools.zip_longest(chosen.worst, chosen.regressed)
    wanted = {row["utterance_id"]: row["seconds"] for pair in pairs for row in pair if row is not None}
    ids, left = [], MAX_AUDIO_SECONDS
    for utterance_id, seconds in wanted.items():
        # A shorter one may fit where this one does not.
        if seconds <= left:
            ids.append(utterance_id)
            left -= seconds
    return tuple(ids)


def _errors(row: Mapping[str, Any]) -> int:
    return row["words"]["errors"]


def _change(row: Mapping[str, Any]) -> int:
    return row["words"]["errors"] - row["baseline_words"]["errors"]
