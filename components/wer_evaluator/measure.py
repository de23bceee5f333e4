"""Measures a release on the test splits, and the latest blessed one beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluation.examples import read_info, read_split, spread_by_length
from components.wer_evaluator.inference import Heard, hear_onnx, hear_saved_model
from components.wer_evaluator.settings import EvaluationSettings
from model.audio import to_float
from model.errors import ReleaseError
from model.examples import Utterance
from model.export.release import Release, read_whole_release
from model.metrics import (
    Counts,
    count_character_errors,
    count_word_errors,
    paired_difference,
    rate_interval,
    total,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What was measured.

    Attributes:
      metrics: The content of `metrics.json`.
      rows: The lines of `utterances.jsonl`.
      probes: The arrays of `probes.npz`.
    """

    metrics: dict[str, Any]
    rows: list[dict[str, Any]]
    probes: dict[str, np.ndarray[Any, Any]]


def measure(
    examples_dir: str | Path,
    split_names: Sequence[str],
    release_dir: str | Path,
    baseline_dir: str | Path | None,
    settings: EvaluationSettings,
) -> Measured:
    """Measures a release.

    Args:
      examples_dir: The examples, with `dataset_info.json` at the root.
      split_names: All splits of the examples.
      release_dir: The candidate.
      baseline_dir: The latest blessed release; None where there is none.
      settings: What to measure.

    Raises:
      ReleaseError: the candidate is not what ReleaseExporter wrote.
    """
    release = read_whole_release(release_dir)
    chosen = list(settings.splits) or sorted(name for name in split_names if name.startswith("test"))
    info = read_info(examples_dir)
    by_split = {split: read_split(examples_dir, split) for split in chosen}
    utterances = [utterance for split in chosen for utterance in by_split[split]]
    splits_of = [split for split in chosen for _ in by_split[split]]
    heard = hear_saved_model(Path(release_dir) / "saved_model", utterances, settings.batch_samples, "SavedModel")
    heard_onnx = hear_onnx(Path(release_dir) / "onnx", utterances, "ONNX")
    words = [count_word_errors(u.transcript, h.text) for u, h in zip(utterances, heard, strict=True)]
    characters = [count_character_errors(u.transcript, h.text) for u, h in zip(utterances, heard, strict=True)]
    rows = [
        {
            "utterance_id": utterance.utterance_id,
            "split": split,
            "speaker_id": utterance.speaker_id,
            "gender": utterance.gender,
            "seconds": round(utterance.seconds, 3),
            "reference": utterance.transcript,
            "hypothesis": one.text,
            "hypothesis_onnx": other.text,
            "words": count.reference,
            "substitutions": count.substitutions,
            "deletions": count.deletions,
            "insertions": count.insertions,
        }
        for utterance, split, one, other, count in zip(utterances, splits_of, heard, heard_onnx, words, strict=True)
    ]
    metrics: dict[str, Any] = {
        "format_version": 1,
        "expected_splits": chosen,
        "splits": {
            split: _split_metrics(
                [index for index, name in enumerate(splits_of) if name == split],
                utterances,
                words,
                characters,
                info.get("splits", {}).get(split),
                settings,
            )
            for split in chosen
            if by_split[split]
        },
        "exports": {"onnx": _parity(heard, heard_onnx)},
        "model_digest": release.model_digest,
        "release_digest": release.release_digest,
        "release_name": release.name,
        "source_checkpoint": release.source_checkpoint,
        "corpus": info.get("corpus"),
        "baseline": _baseline(baseline_dir, release, utterances, splits_of, words, settings),
    }
    probes = _probes(utterances, heard, heard_onnx, settings.num_probes)
    return Measured(metrics, rows, probes)


def _split_metrics(
    indices: Sequence[int],
    utterances: Sequence[Utterance],
    words: Sequence[Counts],
    characters: Sequence[Counts],
    promised: Mapping[str, Any] | None,
    settings: EvaluationSettings,
) -> dict[str, Any]:
    counts = [words[index] for index in indices]
    speakers = [utterances[index].speaker_id for index in indices]
    slices: dict[str, dict[str, Any]] = {}
    for kind, value_of in (("gender", lambda u: u.gender or "unknown"), ("speaker", lambda u: u.speaker_id)):
        for value in sorted({value_of(utterances[index]) for index in indices}):
            part = [words[index] for index in indices if value_of(utterances[index]) == value]
            slices[f"{kind}={value}"] = _counts_as_mapping(total(part))
    return {
        **_counts_as_mapping(total(counts)),
        "cer": total(characters[index] for index in indices).rate,
        "seconds": round(sum(utterances[index].seconds for index in indices), 3),
        "speakers": len(set(speakers)),
        "interval": dataclasses.asdict(rate_interval(counts, speakers, settings.bootstrap_resamples, settings.seed)),
        "promised": None if promised is None else {name: promised[name] for name in ("utterances", "words")},
        "slices": slices,
    }


def _counts_as_mapping(counts: Counts) -> dict[str, Any]:
    return {
        "utterances": counts.utterances,
        "words": counts.reference,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "wrong_utterances": counts.wrong_utterances,
        "wer": counts.rate,
    }


def _parity(heard: Sequence[Heard], heard_onnx: Sequence[Heard]) -> dict[str, Any]:
    """Compares texts and logits of all utterances."""
    if not heard:
        return {"utterances": 0, "text_agreement": None, "largest_logit_difference": None}
    pairs = list(zip(heard, heard_onnx, strict=True))
    largest = max(
        float(np.abs(one.logits - other.logits).max()) if one.logits.shape == other.logits.shape else float("inf")
        for one, other in pairs
    )
    return {
        "utterances": len(pairs),
        "text_agreement": sum(one.text == other.text for one, other in pairs) / len(pairs),
        "largest_logit_difference": largest,
    }


def _baseline(
    baseline_dir: str | Path | None,
    release: Release,
    utterances: Sequence[Utterance],
    splits_of: Sequence[str],
    words: Sequence[Counts],
    settings: EvaluationSettings,
) -> dict[str, Any] | None:
    """Runs the baseline on this run's test set; a WER that was stored is never compared."""
    if baseline_dir is None:
        return None
    try:
        other = read_whole_release(baseline_dir)
        digests = {"model_digest": other.model_digest, "release_digest": other.release_digest}
        if other.model_digest == release.model_digest:
            return {**digests, "same": True, "error": None, "splits": {}}
        heard = hear_saved_model(
            Path(baseline_dir) / "saved_model", utterances, settings.batch_samples, "latest blessed model"
        )
    except ReleaseError as error:
        # An unreadable baseline is for the gate to judge, and it fails closed.
        return {"same": False, "error": str(error), "splits": {}}
    theirs = [count_word_errors(u.transcript, h.text) for u, h in zip(utterances, heard, strict=True)]
    splits: dict[str, Any] = {}
    for split in sorted(set(splits_of)):
        indices = [index for index, name in enumerate(splits_of) if name == split]
        difference = paired_difference(
            [words[index] for index in indices],
            [theirs[index] for index in indices],
            [utterances[index].speaker_id for index in indices],
            settings.bootstrap_resamples,
            settings.seed,
        )
        splits[split] = {
            **_counts_as_mapping(total(theirs[index] for index in indices)),
            "difference": dataclasses.asdict(difference),
        }
    return {**digests, "same": False, "error": None, "splits": splits}


def _probes(
    utterances: Sequence[Utterance], heard: Sequence[Heard], heard_onnx: Sequence[Heard], count: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Returns a few utterances, spread over the range of lengths, with what the evaluated files made of them."""
    chosen = spread_by_length(utterances, count)
    probes: dict[str, np.ndarray[Any, Any]] = {}
    for number, index in enumerate(chosen):
        probes[f"waveform_{number}"] = to_float(utterances[index].samples)
        probes[f"saved_model_logits_{number}"] = heard[index].logits
        probes[f"onnx_logits_{number}"] = heard_onnx[index].logits
        probes[f"text_{number}"] = np.array(heard[index].text)
        probes[f"onnx_text_{number}"] = np.array(heard_onnx[index].text)
    return probes
