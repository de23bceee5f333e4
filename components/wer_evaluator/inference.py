"""Runs the exported files, the very bytes that are released, over utterances."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model import progress
from model.audio import to_float
from model.errors import ReleaseError
from model.examples import Utterance
from model.transcriber import Transcriber


@dataclasses.dataclass(frozen=True, eq=False)
class Heard:
    """What a model made of an utterance.

    Attributes:
      text: The hypothesis.
      logits: float32 `[frames, vocab]`.
    """

    text: str
    logits: np.ndarray[Any, Any]


def hear_saved_model(
    directory: str | Path, utterances: Sequence[Utterance], batch_samples: int, stage: str
) -> list[Heard]:
    """Transcribes utterances with the signature `transcribe` of a SavedModel, batched by length.

    Args:
      directory: The SavedModel.
      utterances: In any order.
      batch_samples: Samples in a batch at most, padding included.
      stage: What the progress is called.

    Returns:
      A result for each utterance, in their order.

    Raises:
      ReleaseError: the directory holds no such SavedModel.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(directory))
        transcribe: Any = loaded.signatures["transcribe"]
    except (OSError, KeyError, ValueError) as error:
        raise ReleaseError(f"{directory} must be a SavedModel with the signature 'transcribe': {error}.") from error
    results: list[Any] = [None] * len(utterances)
    done = 0
    for batch in _batches(utterances, batch_samples):
        longest = max(len(utterances[index].samples) for index in batch)
        waveforms = np.zeros((len(batch), longest), np.float32)
        for row, index in enumerate(batch):
            waveforms[row, : len(utterances[index].samples)] = to_float(utterances[index].samples)
        lengths = np.array([len(utterances[index].samples) for index in batch], np.int32)
        outputs = transcribe(waveform=tf.constant(waveforms), num_samples=tf.constant(lengths))
        texts, logits, frames = (outputs[name].numpy() for name in ("text", "logits", "num_frames"))
        for row, index in enumerate(batch):
            results[index] = Heard(texts[row].decode(), logits[row, : frames[row]])
        done += len(batch)
        progress.report(done, len(utterances), "utterances", stage)
    return results


def hear_onnx(directory: str | Path, utterances: Sequence[Utterance], stage: str) -> list[Heard]:
    """Transcribes utterances with an ONNX folder, one by one, by the class that `w2v2 transcribe` uses.

    Raises:
      ReleaseError: the directory holds no such ONNX file.
    """
    transcriber = Transcriber(directory)
    results: list[Heard] = []
    for number, utterance in enumerate(utterances, start=1):
        logits = transcriber.logits(to_float(utterance.samples))
        results.append(Heard(transcriber.decode(logits), logits))
        if number % 20 == 0 or number == len(utterances):
            progress.report(number, len(utterances), "utterances", stage)
    return results


def _batches(utterances: Sequence[Utterance], batch_samples: int) -> Iterator[list[int]]:
    """Yields indices of utterances of about the same length, longest first."""
    order = sorted(range(len(utterances)), key=lambda index: -len(utterances[index].samples))
    batch: list[int] = []
    for index in order:
        longest = len(utterances[batch[0]].samples) if batch else len(utterances[index].samples)
        if batch and longest * (len(batch) + 1) > batch_samples:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
