"""Measures a pre-trained release on a split, and the latest blessed one beside it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluation.examples import read_info, read_split, spread_by_length
from components.pretraining_evaluator.contrast import Contrast, contrast
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings
from model import progress
from model.audio import normalise, to_float
from model.errors import CheckpointError, ReleaseError
from model.examples import Utterance
from model.export.release import CHECKPOINT, ONNX, SAVED_MODEL, Release, read_whole_release
from model.export.servable import HIDDEN_STATES, servable
from model.metrics import paired_ratio_difference, ratio_interval

_Arrays = dict[str, np.ndarray[Any, Any]]


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
    probes: _Arrays


def measure(
    examples_dir: str | Path,
    release_dir: str | Path,
    baseline_dir: str | Path | None,
    settings: PretrainingEvaluationSettings,
) -> Measured:
    """Measures a release.

    Args:
      examples_dir: The examples, with `dataset_info.json` at the root.
      release_dir: The candidate.
      baseline_dir: The latest blessed release; None where there is none.
      settings: What to measure.

    Raises:
      ReleaseError: the candidate is not what ReleaseExporter wrote, or was not pre-trained.
    """
    release = read_whole_release(release_dir)
    loaded = _open_checkpoint(Path(release_dir), release)
    split = settings.split
    info = read_info(examples_dir)
    utterances = read_split(examples_dir, split)
    splits: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    exports: dict[str, Any] = {}
    probes: _Arrays = {}
    baseline = None
    if utterances:
        found = contrast(loaded, utterances, settings, "contrastive task")
        splits[split] = _split_metrics(found, utterances, info.get("splits", {}).get(split), settings)
        rows = _rows(found, utterances, split)
        exports, probes = _exports(loaded, Path(release_dir), utterances, settings)
        baseline = _baseline(baseline_dir, release, utterances, found, settings)
    metrics: dict[str, Any] = {
        "format_version": 1,
        "task": "pretraining",
        "expected_splits": [split],
        "splits": splits,
        "exports": exports,
        "model_digest": release.model_digest,
        "release_digest": release.release_digest,
        "release_name": release.name,
        "source_checkpoint": release.source_checkpoint,
        "corpus": info.get("corpus"),
        "baseline": baseline,
    }
    return Measured(metrics, rows, probes)


def _open_checkpoint(release_dir: Path, release: Release) -> Any:
    """Opens the checkpoint of a release as whoever trains on would: the very bytes that are published are measured."""
    from model.checkpoint import convert_checkpoint
    from model.directory import load_model

    if release.head != "pretraining":
        raise ReleaseError(
            "What is judged by its contrastive loss must have the heads of pre-training, and the release"
            f" {release.name} in {release_dir} has the head {release.head!r}."
        )
    with tempfile.TemporaryDirectory() as place:
        try:
            convert_checkpoint(release_dir / CHECKPOINT, Path(place) / "model")
            return load_model(Path(place) / "model")
        except CheckpointError as error:
            raise ReleaseError(
                f"{release_dir / CHECKPOINT} must be a checkpoint that can be loaded: {error}"
            ) from error


def _split_metrics(
    found: Contrast,
    utterances: Sequence[Utterance],
    promised: Mapping[str, Any] | None,
    settings: PretrainingEvaluationSettings,
) -> dict[str, Any]:
    speakers = [utterance.speaker_id for utterance in utterances]
    interval = None
    if found.masked.sum():
        interval = dataclasses.asdict(
            ratio_interval(
                found.losses.tolist(), found.masked.tolist(), speakers, settings.bootstrap_resamples, settings.seed
            )
        )
    samples = [len(utterance.samples) for utterance in utterances]
    return {
        "utterances": len(utterances),
        "samples": sum(samples),
        "seconds": round(sum(utterance.seconds for utterance in utterances), 3),
        "speakers": len(set(speakers)),
        "masked_frames": int(found.masked.sum()),
        "utterances_without_masks": int((found.masked == 0).sum()),
        "negatives": settings.num_negatives,
        "contrastive_loss": found.loss,
        "chance_loss": float(np.log(settings.num_negatives + 1)),
        "interval": interval,
        "accuracy": found.accuracy,
        "code_perplexity": float(sum(found.perplexities)),
        "code_perplexities": found.perplexities,
        "codes": int(found.code_counts.size),
        "codes_unused": int((found.code_counts == 0).sum()),
        "promised": None if promised is None else {name: promised[name] for name in ("utterances", "samples")},
    }


def _rows(found: Contrast, utterances: Sequence[Utterance], split: str) -> list[dict[str, Any]]:
    return [
        {
            "utterance_id": utterance.utterance_id,
            "split": split,
            "speaker_id": utterance.speaker_id,
            "gender": utterance.gender,
            "seconds": round(utterance.seconds, 3),
            "masked_frames": int(masked),
            "correct_frames": int(correct),
            "contrastive_loss": float(loss / masked) if masked else None,
        }
        for utterance, loss, correct, masked in zip(utterances, found.losses, found.correct, found.masked, strict=True)
    ]


def _exports(
    loaded: Any, release_dir: Path, utterances: Sequence[Utterance], settings: PretrainingEvaluationSettings
) -> tuple[dict[str, Any], _Arrays]:
    """Compares the exported backbones with the model, utterance by utterance, and keeps some of them as probes."""
    import tensorflow as tf

    from model.onnx_release import OnnxRelease

    backbone = servable(loaded)
    try:
        encode = tf.saved_model.load(str(release_dir / SAVED_MODEL)).signatures["encode"]
    except (OSError, KeyError, ValueError) as error:
        raise ReleaseError(
            f"{release_dir / SAVED_MODEL} must be a SavedModel with the signature 'encode': {error}."
        ) from error
    onnx = OnnxRelease(release_dir / ONNX, HIDDEN_STATES)
    does_normalise = bool(loaded.preprocessor.get("do_normalize", True))
    long_enough = [one for one in utterances if len(one.samples) >= loaded.config.min_samples]
    chosen = [long_enough[index] for index in spread_by_length(long_enough, settings.parity_utterances)]
    kept = set(spread_by_length(chosen, settings.num_probes))
    differences: dict[str, list[float]] = {SAVED_MODEL: [], ONNX: []}
    probes: _Arrays = {}
    for number, utterance in enumerate(chosen):
        waveform = to_float(utterance.samples)
        values = normalise(waveform) if does_normalise else waveform
        expected = backbone.model(values[np.newaxis].astype(np.float32))[0][0].numpy()
        outputs = encode(waveform=tf.constant(waveform[np.newaxis]), num_samples=tf.constant([len(waveform)], tf.int32))
        states = {SAVED_MODEL: outputs[HIDDEN_STATES][0, : int(outputs["num_frames"][0])].numpy()}
        states[ONNX] = onnx.run(waveform)
        for format_, found in states.items():
            fits = found.shape == expected.shape
            differences[format_].append(float(np.abs(found - expected).max()) if fits else float("inf"))
        if number in kept:
            place = len(probes) // 3
            probes[f"waveform_{place}"] = waveform
            for format_, found in states.items():
                probes[f"{format_}_hidden_states_{place}"] = found
        progress.report(number + 1, len(chosen), "utterances", "SavedModel and ONNX")
    exports = {
        format_: {"utterances": len(values), "largest_difference": max(values) if values else None}
        for format_, values in differences.items()
    }
    return exports, probes


def _baseline(
    baseline_dir: str | Path | None,
    release: Release,
    utterances: Sequence[Utterance],
    found: Contrast,
    settings: PretrainingEvaluationSettings,
) -> dict[str, Any] | None:
    """Runs the baseline on this run's split, with the same masks; a loss that was stored is never compared."""
    if baseline_dir is None:
        return None
    try:
        other = read_whole_release(baseline_dir)
        names = ("model_digest", "release_digest")
        digests = {**{name: getattr(other, name) for name in names}, "release_name": other.name}
        if other.model_digest == release.model_digest:
            return {**digests, "same": True, "error": None, "splits": {}}
        loaded = _open_checkpoint(Path(baseline_dir), other)
        theirs = contrast(loaded, utterances, settings, "latest blessed model")
    except ReleaseError as error:
        # An unreadable baseline is for the gate to judge, and it fails closed.
        return {"same": False, "error": str(error), "splits": {}}
    if not np.array_equal(theirs.masked, found.masked):
        error = "its frames are others than the model's, so that both cannot be asked for the same ones."
        return {**digests, "same": False, "error": error, "splits": {}}
    difference = paired_ratio_difference(
        (found.losses - theirs.losses).tolist(),
        found.masked.tolist(),
        [utterance.speaker_id for utterance in utterances],
        settings.bootstrap_resamples,
        settings.seed,
    )
    measured = {
        "contrastive_loss": theirs.loss,
        "accuracy": theirs.accuracy,
        "code_perplexity": float(sum(theirs.perplexities)),
        "difference": dataclasses.asdict(difference),
    }
    return {**digests, "same": False, "error": None, "splits": {settings.split: measured}}
