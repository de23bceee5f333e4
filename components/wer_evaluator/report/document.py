"""The parts of the report, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.evaluation.gate import Decision
from components.evaluation.naming import baseline_name, candidate_name
from components.evaluation.page import render_page
from components.wer_evaluator.report.durations import durations_section
from components.wer_evaluator.report.errors import errors_section
from components.wer_evaluator.report.rates import rates_section
from components.wer_evaluator.report.selection import select
from components.wer_evaluator.report.slices import difference_section, slices_section
from components.wer_evaluator.report.summary import headline
from components.wer_evaluator.report.test_set import test_set_section
from components.wer_evaluator.report.utterances import UtterancePages
from components.wer_evaluator.report.ways import silence_section, ways_section


def render_transcripts_report(
    decision: Decision | None, metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Returns the report of a system of which nothing but its texts is known, as HTML.

    Args:
      decision: Of the gate; None where none was asked for.
      metrics: As `transcripts.judge` gives them.
      rows: Likewise.
    """
    chosen, called = select(metrics, rows), baseline_name(metrics)
    utterances = UtterancePages({}, called, candidate_name(metrics))
    has_durations = any(row.get("seconds") is not None for row in rows)
    sections = {
        "Error rates": rates_section(metrics),
        "By slice": slices_section(metrics),
        **({f"Difference from the {called}": difference_section(metrics)} if chosen.is_compared else {}),
        **({"Duration against error": durations_section(rows, called)} if has_durations else {}),
        "Most frequent errors": errors_section(metrics),
        "Worst utterances": utterances.listed(chosen.worst),
        **({"Most regressed utterances": utterances.listed(chosen.regressed)} if chosen.is_compared else {}),
        **({"Most improved utterances": utterances.listed(chosen.improved)} if chosen.is_compared else {}),
    }
    return render_page(decision, metrics, headline(metrics), sections)


def render_report(
    decision: Decision,
    metrics: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    audio: Mapping[str, np.ndarray[Any, Any]],
) -> str:
    """Returns the report as HTML.

    Args:
      decision: Of the gate.
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      audio: int16 `[samples]` at 16 kHz by utterance id, of those that `audio_ids` names; one that is missing has no
        player.
    """
    chosen = select(metrics, rows)
    utterances = UtterancePages(audio)
    sections = {
        "Error rates": rates_section(metrics),
        "By slice": slices_section(metrics),
        "Difference from the latest blessed model": difference_section(metrics),
        "Duration against error": durations_section(rows),
        "Ways of running the model": ways_section(metrics, rows),
        "Silence and noise": silence_section(metrics),
        "Most frequent errors": errors_section(metrics),
        "Worst utterances": utterances.listed(chosen.worst),
        **({"Most regressed utterances": utterances.listed(chosen.regressed)} if chosen.is_compared else {}),
        **({"Most improved utterances": utterances.listed(chosen.improved)} if chosen.is_compared else {}),
        "Test set": test_set_section(metrics, decision),
    }
    return render_page(decision, metrics, headline(metrics), sections)
