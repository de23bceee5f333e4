"""Measures a release on the test splits, and the latest blessed one beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beam_jobs.evaluation import ALONE, BATCHED, ONNX, ONNX_INT8, HeardUtterance, Sound, Way
from beam_jobs.evaluation.example_splits import published_counts
from beam_jobs.evaluation.results import Probe
from beam_jobs.evaluation.tables import transcript_of
from components.evaluation.examples import read_info
from components.wer_evaluator.baseline import Baseline, hear_baseline
from components.wer_evaluator.checkpoint import compare_checkpoint
from components.wer_evaluator.leakage import find_leakage
from components.wer_evaluator.settings import EvaluationSettings
from components.wer_evaluator.sounds import speechless_sounds
from components.wer_evaluator.ways import compare_ways, speed_of, ways_of
from model.audio import SAMPLE_RATE_HZ
from model.errors import DataError
from model.export.release import CHECKPOINT, FORMATS, read_whole_release
from model.metrics import Score, ScoringSettings, get_normaliser, score

FORMAT_VERSION = 2

Hear = Callable[[str | Path, Sequence[Way], int, str], tuple[list[HeardUtterance], list[Probe]]]
"""Runs a release over the chosen splits: where it lies, in which ways, how many utterances are kept with their logits,
and what the progress is called."""

Listen = Callable[[Way, Sequence[np.ndarray[Any, Any]]], list[Sound]]
"""Runs the candidate over waveforms that are no utterances."""


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


def chosen_splits(split_names: Iterable[str], settings: EvaluationSettings) -> list[str]:
    """Returns the splits that are measured, in alphabetical order unless they are named.

    Args:
      split_names: All splits of the examples.
      settings: May name them.
    """
    return list(settings.splits) or sorted(name for name in split_names if name.startswith("test"))


def measure(
    examples_dir: str | Path,
    split_names: Sequence[str],
    release_dir: str | Path,
    baseline_dir: str | Path | None,
    settings: EvaluationSettings,
    margin: float | None,
    hear: Hear,
    listen: Listen,
) -> Measured:
    """Measures a release.

    Args:
      examples_dir: The examples, with `dataset_info.json` at the root.
      split_names: All splits of the examples.
      release_dir: The candidate.
      baseline_dir: The latest blessed release; None where there is none.
      settings: What to measure.
      margin: How much worse than the latest blessed release the candidate may be; None for no judgement.
      hear: Runs a release over the utterances.
      listen: Runs the candidate over other sounds.

    Raises:
      ReleaseError: the candidate is not what ReleaseExporter wrote.
      DataError: an utterance occurs twice, or no reference of a split has a word.
    """
    release = read_whole_release(release_dir)
    info = read_info(examples_dir)
    chosen, ways, normalise = (
        chosen_splits(split_names, settings),
        ways_of(settings),
        get_normaliser(settings.normaliser),
    )
    heard, probes = hear(release_dir, ways, settings.num_probes, "release")
    _require_own_ids(heard)
    by_split = {split: own for split in chosen if (own := [one for one in heard if one.split == split])}
    baseline = hear_baseline(
        baseline_dir,
        release,
        by_split,
        normalise,
        lambda directory: hear(directory, [BATCHED], 0, "latest blessed model")[0],
    )
    speakers_known = bool(info.get("speakers_known", True))
    scores = {split: _score(own, split, baseline, speakers_known, margin, settings) for split, own in by_split.items()}
    rows = {split: scored.rows for split, scored in scores.items()}
    references = {split: {one.utterance_id: one.reference for one in own} for split, own in by_split.items()}
    told = compare_ways(ways, by_split, rows, normalise, settings.batch_samples)
    told[CHECKPOINT] = compare_checkpoint(release_dir, probes, references, normalise)
    metrics: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "expected_splits": chosen,
        "expected_ways": [way.name for way in ways],
        "splits": {split: {**scored.to_mapping(), **_counts(info, split)} for split, scored in scores.items()},
        "ways": told,
        "speed": speed_of(ways, heard),
        "sizes": {format_: sum(release.sizes_of(format_).values()) for format_ in FORMATS},
        "silence": _hear_speechless(settings, listen),
        "leakage": find_leakage(examples_dir, split_names, heard, normalise, speakers_known),
        "release_files": len(release.files),
        "model_digest": release.model_digest,
        "release_digest": release.release_digest,
        "release_name": release.name,
        "source_checkpoint": release.source_checkpoint,
        "corpus": info.get("corpus"),
        "baseline": baseline.told,
    }
    return Measured(metrics, _rows(by_split, scores), _arrays(probes))


def _score(
    utterances: Sequence[HeardUtterance],
    split: str,
    baseline: Baseline,
    speakers_known: bool,
    margin: float | None,
    settings: EvaluationSettings,
) -> Score:
    transcripts = [transcript_of(one) for one in utterances]
    if not speakers_known:
        # What ingest calls a speaker then is a recording.
        transcripts = [dataclasses.replace(one, speaker=None) for one in transcripts]
    return score(
        transcripts,
        {one.utterance_id: one.by_way[BATCHED.name].text for one in utterances},
        None if baseline.texts is None else baseline.texts[split],
        ScoringSettings(
            normaliser=settings.normaliser,
            resamples=settings.bootstrap_resamples,
            seed=settings.seed,
            margin=margin,
            slices=settings.slices,
        ),
    )


def _counts(info: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Returns what ingest promised of a split, and what was published of it."""
    promised = info.get("splits", {}).get(split)
    return {
        "promised": None if promised is None else {name: promised.get(name) for name in ("utterances", "words")},
        "published": published_counts(info, split),
    }


def _hear_speechless(settings: EvaluationSettings, listen: Listen) -> list[dict[str, Any]]:
    sounds = speechless_sounds(settings.num_silences, settings.num_noises, settings.seed)
    waveforms = [sound.waveform for sound in sounds]
    by_way = {way.name: [_text(one) for one in listen(way, waveforms)] for way in (ALONE, ONNX)}
    return [
        {
            "name": sound.name,
            "kind": sound.kind,
            "seconds": round(sound.seconds, 3),
            "texts": {way: texts[place] for way, texts in by_way.items()},
        }
        for place, sound in enumerate(sounds)
    ]


def _text(sound: Sound) -> str | None:
    """Returns what was heard; None where a logit is no number, of which greedy decoding makes an empty text."""
    return sound.text if sound.logits.size and np.isfinite(sound.logits).all() else None


def _require_own_ids(utterances: Sequence[HeardUtterance]) -> None:
    """Checks that an id names one utterance, as whoever reads the results takes it to."""
    split_by_id: dict[str, str] = {}
    for one in utterances:
        first = split_by_id.setdefault(one.utterance_id, one.split)
        if first != one.split:
            raise DataError(
                f"An utterance must be in one test split, and {one.utterance_id} is in {first} and in {one.split};"
                " ingest the corpus with an id for each utterance, or name one of both in evaluation.splits."
            )


def _rows(by_split: Mapping[str, Sequence[HeardUtterance]], scores: Mapping[str, Score]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for split, utterances in by_split.items():
        known = {one.utterance_id: one for one in utterances}
        for scored in scores[split].rows:
            one = known[scored.utterance_id]
            rows.append(
                {
                    **scored.to_mapping(),
                    "split": split,
                    "speaker_id": one.speaker_id,
                    "gender": one.gender,
                    "seconds": round(one.num_samples / SAMPLE_RATE_HZ, 3),
                    "texts": {way: heard.text for way, heard in one.by_way.items()},
                }
            )
    return rows


def _arrays(probes: Sequence[Probe]) -> dict[str, np.ndarray[Any, Any]]:
    """Returns a few utterances with what the evaluated files made of them, as `model.export.verify` reads them."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for number, probe in enumerate(probes):
        batched, onnx, int8 = (probe.by_way[way.name] for way in (BATCHED, ONNX, ONNX_INT8))
        arrays[f"waveform_{number}"] = probe.waveform
        arrays[f"saved_model_logits_{number}"] = batched.logits
        arrays[f"onnx_logits_{number}"] = onnx.logits
        arrays[f"text_{number}"] = np.array(batched.text)
        arrays[f"onnx_text_{number}"] = np.array(onnx.text)
        arrays[f"onnx_int8_logits_{number}"] = int8.logits
        arrays[f"onnx_int8_text_{number}"] = np.array(int8.text)
    return arrays
