"""What the gate asks of the data: whole, as published, without anomalies, and not trained on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.evaluation.gate import Check
from components.evaluation.quantities import name_some
from components.evaluation.rules import check_anomalies, check_counts, check_most, check_splits, look_up
from components.wer_evaluator.settings import GateSettings

_SHOWN = 5


def checks(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Yields the checks of the data.

    Args:
      metrics: With `anomalies`, `expected_splits`, `splits` and `leakage`.
      settings: What is asked for.
    """
    yield check_anomalies(metrics, settings.allow_data_anomalies)
    yield from check_splits(metrics, _counts, settings.min_utterances)
    yield from _published(metrics, settings)
    yield from _leakage(metrics, settings)


def _counts(measured: Any) -> dict[str, Any]:
    # Ingest counts the words of the transcripts as they are.
    return {"utterances": look_up(measured, "utterances"), "words": look_up(measured, "raw", "words", "words")}


def _published(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    for split in metrics.get("expected_splits") or ():
        measured = look_up(metrics, "splits", split)
        if measured is None:
            continue
        name, published = f"published/{split}", look_up(measured, "published")
        if published is None:
            reason = f"{split} is no whole subset of LibriSpeech, whose counts are published."
            yield Check(name, "NOT APPLICABLE", reason)
            continue
        check = check_counts(name, split, _counts(measured), published, "was published", {"words"})
        if check.verdict == "FAIL" and settings.allow_partial_subsets:
            reason = f"{check.reason} The configuration allows a part of a subset."
            yield Check(name, "NOT APPLICABLE", reason, check.threshold, check.measured, unit="count")
        else:
            yield check


def _leakage(metrics: Mapping[str, Any], settings: GateSettings) -> Iterator[Check]:
    """Nothing that the model was made by is tested on."""
    found = metrics.get("leakage")
    if not isinstance(found, Mapping):
        reason = "The test splits must be held against training and validation, and that could not be read."
        yield Check("leakage", "FAIL", reason)
        return
    utterances, speakers = found.get("shared_utterances"), found.get("shared_speakers")
    what = "The number of utterances in training or validation and in test"
    yield check_most("shared_utterances", what, _number(utterances), 0, "count", told=_named(utterances))
    what = "The number of people in training or validation and in test"
    if found.get("speakers_known") is False:
        reason = "Nobody knows who speaks in this corpus, so whether training and test share people is not known."
        yield Check("shared_speakers", "NOT APPLICABLE", reason)
    else:
        limit = None if settings.allow_shared_speakers else 0
        yield check_most("shared_speakers", what, _number(speakers), limit, "count", told=_named(speakers))
    what = "The number of test utterances with a sentence of training or validation"
    sentences = found.get("shared_sentences")
    yield check_most("shared_sentences", what, sentences, settings.max_shared_sentences, "count")


def _number(names: Any) -> int | None:
    return len(names) if isinstance(names, Sequence) else None


def _named(names: Any) -> str:
    return f"They are {name_some(names, _SHOWN)}." if names and isinstance(names, Sequence) else ""
