"""Fine-tuning a released SavedModel as it is, without the code or the checkpoint that it was made from.

The training of the pipeline (`model.training.loop`) does more: masks, validation, averaging, saved states. This is for
a few recordings and a program of one's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from model.audio import SAMPLE_RATE_HZ, to_float
from model.errors import DataError, ReleaseError
from model.examples import Utterance
from model.metrics import Score, ScoringSettings, Transcript, score
from model.settings import require
from model.text import Vocabulary
from model.training.adamw import AdamW
from model.training.ctc import ctc_loss
from model.training.plan import BatchPlan, bucket_lengths, length_quantiles

_BUCKETS = 6
_BATCH_SAMPLES = 320_000
_WARMUP_SHARE = 0.1
_MAX_GRADIENT_NORM = 1.0


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How a fine-tuning went.

    Attributes:
      losses: Of each step: the mean of its batch, in nats per label.
      epochs: After how many passes over the utterances each step was.
      without_path: Utterances that had fewer frames than their labels need, and so gave no loss, in each pass.
    """

    losses: tuple[float, ...]
    epochs: tuple[float, ...]
    without_path: int


class _Weight(NamedTuple):
    """A variable of a SavedModel as the optimizer knows it."""

    path: str
    value: Any
    shape: Any


class _Batch(NamedTuple):
    waveforms: Any
    num_samples: Any
    num_frames: Any
    labels: Any


def vocabulary_of(model: Any) -> Vocabulary:
    """Returns what a SavedModel can write.

    Args:
      model: What `tf.saved_model.load` or `hub.load` gives of a release.

    Raises:
      ReleaseError: it is no recogniser.
    """
    try:
        path = model.vocabulary_file.asset_path.numpy().decode()
    except AttributeError as error:
        raise ReleaseError(
            "A SavedModel to fine-tune must be the release of a recogniser, and this one has no vocabulary; load the"
            " folder saved_model of a release."
        ) from error
    return Vocabulary.from_file(path)


def fine_tune_saved_model(
    model: Any,
    utterances: Sequence[Utterance],
    epochs: int = 5,
    peak_learning_rate: float = 5e-4,
    batch_samples: int = _BATCH_SAMPLES,
    seed: int = 20,
    tell: Callable[[int, int, float], None] = lambda *_: None,
) -> FineTuning:
    """Trains all weights of a loaded SavedModel in place, with dropout, on the CTC loss over true lengths.

    The rate rises in the first tenth of the steps, and then falls to a tenth in a line. The model itself tells how many
    frames an utterance has, so that any architecture will do.

    Example:
      >>> model = tf.saved_model.load("release/saved_model")
      >>> fine_tune_saved_model(model, utterances).losses[-1]
      >>> tf.saved_model.save(model, "mine", signatures=dict(model.signatures))

    Args:
      model: What `tf.saved_model.load` or `hub.load` gives of a release with a CTC head.
      utterances: What was said, in the letters of the model; held in memory.
      epochs: Passes over them.
      peak_learning_rate: The highest rate.
      batch_samples: Samples in a batch at most, padding included; a longer utterance is a batch of its own.
      seed: Of the order.
      tell: Is told after each step its number, how many there are, and its loss.

    Raises:
      ReleaseError: the SavedModel is no recogniser.
      CheckpointError: a letter of the transcripts is none of the model's.
      DataError: there is no utterance, or the loss is no number.
      ConfigurationError: a number makes no sense.
    """
    require(epochs >= 1, f"epochs must be at least 1, not {epochs}.")
    require(peak_learning_rate > 0, f"peak_learning_rate must be above 0, not {peak_learning_rate}.")
    require(batch_samples >= 1, f"batch_samples must be at least 1, not {batch_samples}.")
    if not utterances:
        raise DataError("Fine-tuning must have recordings, and there is none; name some.")
    vocabulary = vocabulary_of(model)
    vocabulary.require_letters("".join(sorted(set().union(*(one.transcript for one in utterances)))), "the SavedModel")
    num_samples = np.array([len(one.samples) for one in utterances], np.int32)
    longest = int(num_samples.max())
    lengths = bucket_lengths(length_quantiles(num_samples), 1, longest, _BUCKETS)
    plan = BatchPlan(num_samples, lengths, batch_samples, seed)
    weights = [_Weight(str(number), one, one.shape) for number, one in enumerate(model.trainable_variables)]
    optimizer = AdamW(weights)
    num_frames = _num_frames(model, utterances, plan)

    @tf.function(reduce_retracing=True)
    def step(batch: _Batch, rate: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        speech = model.normalise(batch.waveforms, batch.num_samples)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in weights])
            logits = model(speech, training=True, num_samples=batch.num_samples)
            losses, feasible = ctc_loss(logits, batch.num_frames, batch.labels, vocabulary.blank_id)
            labels = tf.reduce_sum(tf.cast((batch.labels >= 0) & feasible[:, None], tf.float32))
            loss = tf.reduce_sum(losses) / tf.maximum(labels, 1.0)
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        gradients, _ = tf.clip_by_global_norm(gradients, _MAX_GRADIENT_NORM)
        optimizer.apply(gradients, weights, rate, number)
        return loss, tf.reduce_sum(1 - tf.cast(feasible, tf.int32))

    steps = epochs * plan.batches_per_epoch
    losses: list[float] = []
    without_path = 0
    for epoch in range(epochs):
        for planned in plan.epoch(epoch):
            number = len(losses) + 1
            of_batch = [utterances[index] for index in planned.utterances]
            batch = _batch(of_batch, planned.num_samples, num_frames[planned.utterances], vocabulary)
            rate = peak_learning_rate * _share_of_peak(number / steps)
            loss, infeasible = (value.numpy() for value in step(batch, tf.constant(rate), tf.constant(number)))
            if not np.isfinite(loss):
                raise DataError(f"The loss must be a number, and is {loss} at step {number}; lower peak_learning_rate.")
            losses.append(float(loss))
            without_path += int(infeasible) if epoch == 0 else 0
            tell(number, steps, losses[-1])
    return FineTuning(
        tuple(losses), tuple(number / plan.batches_per_epoch for number in range(1, steps + 1)), without_path
    )


def score_saved_model(model: Any, utterances: Sequence[Utterance], settings: ScoringSettings | None = None) -> Score:
    """Scores what a loaded SavedModel hears of utterances, each by itself; it decodes greedily.

    Args:
      model: As `fine_tune_saved_model` takes it.
      utterances: With what was said.
      settings: How texts are compared.

    Raises:
      DataError: no utterance has a word.
    """
    heard = {
        one.utterance_id: model.transcribe(to_float(one.samples)[None])["text"][0].numpy().decode()
        for one in utterances
    }
    said = [
        Transcript(
            one.utterance_id,
            one.transcript,
            speaker=one.speaker_id or None,
            gender=one.gender or None,
            subset=one.subset or None,
            seconds=len(one.samples) / SAMPLE_RATE_HZ,
        )
        for one in utterances
    ]
    return score(said, heard, settings=settings)


def _num_frames(model: Any, utterances: Sequence[Utterance], plan: BatchPlan) -> np.ndarray[Any, Any]:
    """Returns how many frames the model makes of each utterance, int32 `[utterances]`."""
    found = np.zeros(len(utterances), np.int32)
    for planned in plan.epoch(0):
        of_batch = [utterances[index] for index in planned.utterances]
        waveforms, num_samples = _padded(of_batch, planned.num_samples)
        found[planned.utterances] = model.transcribe(waveforms, num_samples)["num_frames"].numpy()
    return found


def _padded(utterances: Sequence[Utterance], num_samples: int) -> tuple[tf.Tensor, tf.Tensor]:
    rows = np.zeros((len(utterances), num_samples), np.float32)
    for row, one in zip(rows, utterances, strict=True):
        row[: len(one.samples)] = to_float(one.samples)
    return tf.constant(rows), tf.constant([len(one.samples) for one in utterances], tf.int32)


def _batch(
    utterances: Sequence[Utterance], num_samples: int, num_frames: np.ndarray[Any, Any], vocabulary: Vocabulary
) -> _Batch:
    waveforms, lengths = _padded(utterances, num_samples)
    encoded = [vocabulary.encode(one.transcript) for one in utterances]
    labels = np.full((len(encoded), max(1, *map(len, encoded))), -1, np.int32)
    for row, ids in zip(labels, encoded, strict=True):
        row[: len(ids)] = ids
    return _Batch(waveforms, lengths, tf.constant(num_frames), tf.constant(labels))


def _share_of_peak(done: float) -> float:
    if done < _WARMUP_SHARE:
        return done / _WARMUP_SHARE
    return 1.0 - 0.9 * (done - _WARMUP_SHARE) / (1.0 - _WARMUP_SHARE)
