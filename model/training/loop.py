"""The training loop: one compiled step, a look at the validation split now and then, the best weights at the end."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import jiwer
import keras
import numpy as np
import tensorflow as tf

from model import progress
from model.errors import DataError
from model.text import Vocabulary
from model.training.ctc import ctc_loss
from model.training.schedule import TriStageSchedule
from model.training.settings import TrainingSettings
from model.training.masks import span_masks
from model.wav2vec2 import Wav2Vec2CTC

_LOG = logging.getLogger(__name__)
_REPORT_EVERY_SECONDS = 1.0
# Shapes are left open, so that one trace, ten seconds of work, serves the batches of every bucket.
_BATCH = {
    "waveforms": tf.TensorSpec([None, None], tf.float32),
    "num_samples": tf.TensorSpec([None], tf.int32),
    "labels": tf.TensorSpec([None, None], tf.int32),
}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What was measured after a step.

    Attributes:
      step: Updates done.
      training_loss: Mean loss per label since the last measurement, in nats.
      validation_loss: Loss per label of the validation split, in nats.
      validation_wer: Word error rate of the validation split, a fraction.
    """

    step: int
    training_loss: float
    validation_loss: float
    validation_wer: float


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How training went; the model holds the best weights by then.

    Attributes:
      measurements: In the order of the steps.
      best_step: The step whose weights were kept: that of the lowest WER, then the lowest loss, of validation.
      seconds: Time spent in the loop.
      utterances: Utterances seen, an utterance counted each time.
      without_path: Those of them that had fewer frames than their labels need, and so gave no loss.
      samples: Samples seen, padding not counted.
      padding_share: Share of padding in all samples that were computed.
    """

    measurements: tuple[Measurement, ...]
    best_step: int
    seconds: float
    utterances: int
    without_path: int
    samples: int
    padding_share: float


def train(
    model: Wav2Vec2CTC,
    vocabulary: Vocabulary,
    batches: tf.data.Dataset,
    validation: Callable[[], Iterable[dict[str, Any]]],
    settings: TrainingSettings,
) -> TrainingResult:
    """Fine-tunes a model in place.

    Args:
      model: The model to start from.
      vocabulary: The tokens of its head.
      batches: Endless batches, as `model.training.batches.training_batches` gives them.
      validation: Gives the batches of the validation split, in the same form, each time it is called.
      settings: What to do.

    Returns:
      How it went.

    Raises:
      DataError: there is nothing to train on or to validate with, or the loss is no longer a number.
    """
    started = time.monotonic()
    model.reseed(settings.seed)
    model.backbone.feature_extractor.trainable = not settings.freeze_feature_encoder
    optimizer = _optimizer(model, settings)
    step_function = _compiled_step(model, optimizer, vocabulary.blank_id, settings.seed)
    validate = _compiled_validation(model, vocabulary.blank_id)

    measurements: list[Measurement] = []
    best: tuple[tuple[float, float], int, list[np.ndarray[Any, Any]]] | None = None
    totals = np.zeros(4)
    since = np.zeros(2)
    reported = 0.0
    iterator = iter(batches)
    for step in range(1, settings.steps + 1):
        batch = next(iterator, None)
        if batch is None:
            raise DataError("The training split must hold an utterance that fits into a batch; it holds none.")
        loss, labels, counts = step_function(batch, tf.constant(step, tf.int32))
        loss_sum = float(loss)
        if not math.isfinite(loss_sum):
            raise DataError(
                f"The training loss must be a number, and is {loss_sum} at step {step} (a batch of"
                f" {int(counts[0])} utterances); lower train.peak_learning_rate, now {settings.peak_learning_rate:g}."
            )
        since += (loss_sum, float(labels))
        totals += [*counts.numpy().tolist(), int(tf.size(batch["waveforms"]))]
        if time.monotonic() - reported > _REPORT_EVERY_SECONDS:
            reported = time.monotonic()
            shown = f"loss {since[0] / max(since[1], 1):.2f}"
            if measurements:
                shown += f", validation WER {100 * measurements[-1].validation_wer:.1f} %"
            progress.report(step, settings.steps, "steps", shown)
        if step % settings.evaluate_every_steps == 0 or step == settings.steps:
            loss_per_label, wer = _validate(validate, validation(), vocabulary)
            measurement = Measurement(step, float(since[0] / max(since[1], 1)), loss_per_label, wer)
            _LOG.info("%s", measurement)
            measurements.append(measurement)
            since[:] = 0
            if best is None or (wer, loss_per_label) < best[0]:
                best = ((wer, loss_per_label), step, [variable.numpy() for variable in model.trainable_variables])
    assert best is not None, "the last step is always measured"
    for variable, value in zip(model.trainable_variables, best[2], strict=True):
        variable.assign(value)
    model.backbone.feature_extractor.trainable = True
    utterances, without_path, samples, computed = totals
    return TrainingResult(
        measurements=tuple(measurements),
        best_step=best[1],
        seconds=time.monotonic() - started,
        utterances=int(utterances),
        without_path=int(without_path),
        samples=int(samples),
        padding_share=float(1 - samples / computed),
    )


def _optimizer(model: Wav2Vec2CTC, settings: TrainingSettings) -> keras.optimizers.AdamW:
    optimizer = keras.optimizers.AdamW(
        learning_rate=TriStageSchedule(settings),  # pyright: ignore[reportArgumentType] — a schedule is allowed
        weight_decay=settings.weight_decay,
        beta_2=settings.adam_beta_2,
        epsilon=1e-8,
        global_clipnorm=settings.max_gradient_norm,
    )
    # As in fairseq's and transformers' recipes, biases, norms and the masking vector are not decayed.
    optimizer.exclude_from_weight_decay(
        var_list=[variable for variable in model.trainable_variables if len(variable.shape) < 2]
    )
    optimizer.build(model.trainable_variables)
    return optimizer


def _compiled_step(
    model: Wav2Vec2CTC, optimizer: keras.optimizers.AdamW, blank_id: int, seed: int
) -> Callable[[dict[str, tf.Tensor], tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    config = model.config
    variables = model.trainable_variables

    @tf.function(input_signature=[_BATCH, tf.TensorSpec([], tf.int32)])
    def step_function(batch: dict[str, tf.Tensor], step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        num_samples = batch["num_samples"]
        num_frames = config.num_frames(num_samples)
        frames = config.num_frames(tf.shape(batch["waveforms"])[1])
        rows = tf.range(tf.shape(num_samples)[0])
        seeds = [tf.stack([tf.fill(tf.shape(rows), 2 * (seed + step) + kind), rows], axis=1) for kind in range(2)]
        time_mask = channel_mask = None
        if config.apply_spec_augment and config.mask_time_prob > 0:
            time_mask = span_masks(
                seeds[0],
                num_frames,
                frames,
                config.mask_time_prob,
                config.mask_time_length,
                config.mask_time_min_masks,
            )
        if config.apply_spec_augment and config.mask_feature_prob > 0:
            channel_mask = span_masks(
                seeds[1],
                tf.fill(tf.shape(num_samples), config.hidden_size),
                config.hidden_size,
                config.mask_feature_prob,
                config.mask_feature_length,
                config.mask_feature_min_masks,
            )
        with tf.GradientTape() as tape:
            logits, num_frames = model(
                batch["waveforms"], num_samples, training=True, time_mask=time_mask, channel_mask=channel_mask
            )
            losses, feasible = ctc_loss(logits, num_frames, batch["labels"], blank_id)
            num_labels = tf.reduce_sum(tf.cast((batch["labels"] >= 0) & feasible[:, None], tf.float32))
            loss = tf.reduce_sum(losses)
            loss_per_label = loss / tf.maximum(num_labels, 1.0)
        gradients = tape.gradient(loss_per_label, [variable.value for variable in variables])
        optimizer.apply(
            [_or_zeros(gradient, variable) for gradient, variable in zip(gradients, variables, strict=True)]
        )
        counts = tf.stack(
            [
                tf.size(feasible),
                tf.size(feasible) - tf.reduce_sum(tf.cast(feasible, tf.int32)),
                tf.reduce_sum(num_samples),
            ]
        )
        return loss, num_labels, counts

    return step_function


def _or_zeros(gradient: Any, variable: Any) -> Any:
    # The masking vector has no gradient in a model that masks no frames.
    return tf.zeros_like(variable.value) if gradient is None else gradient


def _compiled_validation(
    model: Wav2Vec2CTC, blank_id: int
) -> Callable[[dict[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]]:
    @tf.function(input_signature=[_BATCH])
    def validate(batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        logits, num_frames = model(batch["waveforms"], batch["num_samples"], training=False)
        losses, feasible = ctc_loss(logits, num_frames, batch["labels"], blank_id)
        num_labels = tf.reduce_sum(tf.cast((batch["labels"] >= 0) & feasible[:, None], tf.float32))
        return tf.reduce_sum(losses), num_labels, tf.argmax(logits, axis=-1, output_type=tf.int32), num_frames

    return validate


def _validate(
    validate: Callable[[dict[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]],
    batches: Iterable[dict[str, Any]],
    vocabulary: Vocabulary,
) -> tuple[float, float]:
    """Returns the loss per label and the WER of the validation split."""
    loss_sum = label_sum = 0.0
    references: list[str] = []
    hypotheses: list[str] = []
    for batch in batches:
        loss, num_labels, best_tokens, num_frames = validate(batch)
        loss_sum += float(loss)
        label_sum += float(num_labels)
        rows = zip(best_tokens.numpy(), num_frames.numpy(), batch["labels"].numpy(), strict=True)
        for tokens, frames, labels in rows:
            hypotheses.append(vocabulary.decode_greedy(tokens[:frames]))
            references.append(vocabulary.decode_labels(labels[labels >= 0]))
    if not references:
        raise DataError("The validation split must hold an utterance; it holds none.")
    return loss_sum / max(label_sum, 1.0), float(jiwer.wer(references, hypotheses))
