"""In which ways a release is run, and how far what they give is from each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs.evaluation import ALONE, BATCHED, BEAM_SEARCH, CONSTANT, ONNX, ONNX_INT8, HeardUtterance, Way
from beam_jobs.evaluation.batches import count_padded
from components.wer_evaluator.settings import EvaluationSettings
from model.audio import SAMPLE_RATE_HZ
from model.metrics import Counts, ScoredUtterance, TextNormaliser, align_words_of, counts_of_alignment, total


def ways_of(settings: EvaluationSettings) -> list[Way]:
    """Returns the ways in which the candidate is run; batches, which the others are compared with, come first."""
    ways = [BATCHED]
    if "alone" in settings.paddings:
        ways.append(ALONE)
    if "constant" in settings.paddings:
        ways.append(dataclasses.replace(CONSTANT, pad_to_samples=settings.pad_to_samples))
    ways += [ONNX, ONNX_INT8]
    if settings.beam_search is not None:
        ways.append(BEAM_SEARCH)
    return ways


def compare_ways(
    ways: Sequence[Way],
    by_split: Mapping[str, Sequence[HeardUtterance]],
    scored: Mapping[str, Sequence[ScoredUtterance]],
    normalise: TextNormaliser,
    batch_samples: int,
) -> dict[str, Any]:
    """Returns what `metrics.json` says of each way, by its name.

    Args:
      ways: In which the utterances were heard; the first is the one that was scored.
      by_split: What was heard, by split.
      scored: The same utterances as the first way has them, by split.
      normalise: What is done to texts before they are compared.
      batch_samples: Samples in a batch at most.
    """
    first = ways[0].name
    everything = [utterance for utterances in by_split.values() for utterance in utterances]
    found: dict[str, Any] = {}
    for way in ways:
        heard = [utterance.by_way[way.name] for utterance in everything]
        agree = [utterance.by_way[first].text == one.text for utterance, one in zip(everything, heard, strict=True)]
        wer = {split: _words_of(way.name, by_split[split], rows, normalise).rate for split, rows in scored.items()}
        own = {split: total(row.words for row in rows).rate for split, rows in scored.items()}
        found[way.name] = {
            "utterances": len(heard),
            "padded_utterances": _count_padded(way, everything, batch_samples),
            "text_agreement": sum(agree) / len(agree) if agree else None,
            "largest_logit_difference": max((one.logit_difference for one in heard), default=None),
            "wer": wer,
            "wer_difference": {split: wer[split] - own[split] for split in wer},
            "pad_to_samples": way.pad_to_samples,
            "decoder": way.decoder,
        }
    return found


def speed_of(ways: Sequence[Way], utterances: Sequence[HeardUtterance]) -> dict[str, Any]:
    """Returns how fast each way is that runs utterances one by one, as they are, by its name.

    Args:
      ways: In which the utterances were heard.
      utterances: What was heard.
    """
    found: dict[str, Any] = {}
    for way in ways:
        if not way.alone or way.pad_to_samples or way.decoder != "greedy" or not utterances:
            continue
        seconds = np.array([utterance.by_way[way.name].seconds for utterance in utterances])
        heard_seconds = sum(utterance.num_samples for utterance in utterances) / SAMPLE_RATE_HZ
        found[way.name] = {
            "realtime_factor": heard_seconds / float(seconds.sum()) if seconds.sum() > 0 else None,
            "median_seconds": float(np.median(seconds)),
            "p95_seconds": float(np.percentile(seconds, 95)),
            "utterances": len(seconds),
        }
    return found


def _count_padded(way: Way, utterances: Sequence[HeardUtterance], batch_samples: int) -> int:
    lengths = [utterance.num_samples for utterance in utterances]
    return sum(length < way.pad_to_samples for length in lengths) if way.alone else count_padded(lengths, batch_samples)


def _words_of(
    way: str, utterances: Sequence[HeardUtterance], rows: Sequence[ScoredUtterance], normalise: TextNormaliser
) -> Counts:
    """Returns the word errors of a way; where its text is that of the first way, they are counted already."""
    by_id = {row.utterance_id: row for row in rows}
    same: list[Counts] = []
    others: list[tuple[str, str]] = []
    for utterance in utterances:
        row, text = by_id[utterance.utterance_id], normalise(utterance.by_way[way].text)
        if text == row.hypothesis:
            same.append(row.words)
        else:
            others.append((row.reference, text))
    steps = align_words_of([reference for reference, _ in others], [text for _, text in others])
    return total([*same, *(counts_of_alignment(one) for one in steps)])
