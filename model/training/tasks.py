"""What is learned: transcripts (CTC), or which code stands at a masked frame (pre-training).

A task computes sums over the utterances of a batch; what they are divided by is another sum, so that batches of any
size, on any number of devices, give the same update together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import tensorflow as tf

from model.layers.vector_quantizer import perplexity_of
from model.metrics import count_word_errors
from model.text import Vocabulary
from model.training.contrastive import contrastive_loss, diversity_loss, pretraining_loss
from model.training.ctc import ctc_loss
from model.training.masks import uniform_by_row

Draws = Literal["none", "masks", "pretraining"]
# Scores of a measurement are compared in this order; lower is better.
Score = tuple[float, ...]


class Sums(NamedTuple):
    """What a batch gives.

    Attributes:
      loss: float32 scalar, summed.
      weight: float32 scalar, what the sum is divided by.
      counts: What else is summed over batches and devices, float32 of any shape.
      outputs: What is looked at on the host, a row for each utterance; empty in training.
    """

    loss: Any
    weight: Any
    counts: dict[str, Any]
    outputs: dict[str, Any]


class Task(Protocol):
    """What the loop needs to know of a task."""

    draws_in_training: ClassVar[Draws]
    draws_in_validation: ClassVar[Draws]
    # Whether `sums` adds up values of all replicas on its way.
    adds_up_replicas: ClassVar[bool]

    def sums(self, model: Any, batch: Mapping[str, Any], training: bool, temperature: Any) -> Sums:
        """Computes the sums of a batch, inside the compiled step, on each device."""
        ...

    def look(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
        """Computes, on the host, further counts of a batch of validation, and lines that show what the model does."""
        ...

    def measures(self, counts: Mapping[str, Any]) -> tuple[dict[str, float], Score]:
        """Returns, by name, what summed counts of validation mean, and the score that is compared."""
        ...


@dataclasses.dataclass(frozen=True)
class CtcTask:
    """Fine-tuning with connectionist temporal classification.

    Attributes:
      vocabulary: The tokens of the model's head.
      loss_per: What the loss is divided by: labels or utterances.
      dense: Whether the loss is computed as XLA can compile it.
    """

    vocabulary: Vocabulary
    loss_per: Literal["label", "utterance"] = "label"
    dense: bool = False

    draws_in_training: ClassVar[Draws] = "masks"
    draws_in_validation: ClassVar[Draws] = "none"
    adds_up_replicas: ClassVar[bool] = False

    def sums(self, model: Any, batch: Mapping[str, Any], training: bool, temperature: Any) -> Sums:
        """See `Task`; the loss is over true lengths."""
        del temperature
        labels, num_samples = batch["labels"], batch["num_samples"]
        logits, num_frames = model(
            batch["waveforms"],
            num_samples,
            training=training,
            time_mask=batch.get("time_mask"),
            channel_mask=batch.get("channel_mask"),
        )
        # A row without an utterance has no frame.
        num_frames = tf.maximum(num_frames, 0)
        losses, feasible = ctc_loss(logits, num_frames, labels, self.vocabulary.blank_id, dense=self.dense)
        spoken = num_samples > 0
        num_labels = _sum(tf.logical_and(labels >= 0, feasible[:, None]))
        utterances = _sum(spoken)
        counts = {
            "labels": num_labels,
            "utterances": utterances,
            "without_path": _sum(tf.logical_and(spoken, tf.logical_not(feasible))),
        }
        outputs = {}
        if not training:
            outputs = {"tokens": tf.argmax(logits, axis=-1, output_type=tf.int32), "num_frames": num_frames}
        weight = num_labels if self.loss_per == "label" else utterances
        return Sums(tf.reduce_sum(losses), weight, counts, outputs)

    def look(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
        """See `Task`; counts words."""
        errors = words = 0
        lines = []
        rows = zip(outputs["tokens"], outputs["num_frames"], batch["labels"], batch["num_samples"], strict=True)
        for tokens, frames, labels, num_samples in rows:
            if not num_samples:
                continue
            heard = self.vocabulary.decode_greedy(tokens[:frames])
            said = self.vocabulary.decode_labels(labels[labels >= 0])
            count = count_word_errors(said, heard)
            errors += count.errors
            words += count.reference
            lines.append(f"said:  {said}\nheard: {heard}")
        return {"word_errors": float(errors), "words": float(words)}, lines

    def measures(self, counts: Mapping[str, Any]) -> tuple[dict[str, float], Score]:
        """See `Task`."""
        loss = float(counts["loss"]) / max(float(counts["weight"]), 1.0)
        wer = float(counts["word_errors"]) / max(float(counts["words"]), 1.0)
        return {"loss": loss, "wer": wer}, (wer, loss)


@dataclasses.dataclass(frozen=True)
class PretrainingTask:
    """Self-supervised pre-training (Baevski et al. 2020, §3.2).

    Attributes:
      feature_penalty: Weight of the features' mean square, which is taken for each utterance and weighs as much as its
        masked frames.
    """

    feature_penalty: float = 0.0

    draws_in_training: ClassVar[Draws] = "pretraining"
    draws_in_validation: ClassVar[Draws] = "pretraining"
    adds_up_replicas: ClassVar[bool] = True

    def sums(self, model: Any, batch: Mapping[str, Any], training: bool, temperature: Any) -> Sums:
        """See `Task`; the sums are over masked frames."""
        config = model.config
        mask = batch["time_mask"]
        noise = None
        if training:
            shape = [*_shape(mask)[1:], config.num_codevector_groups, config.num_codevectors_per_group]
            noise = tf.clip_by_value(uniform_by_row(batch["noise_seeds"], shape), 1e-7, 1.0 - 1e-7)
        output = model(
            batch["waveforms"],
            batch["num_samples"],
            training=training,
            time_mask=mask,
            channel_mask=batch.get("channel_mask"),
            temperature=temperature,
            uniform_noise=noise,
        )
        contrastive, correct = contrastive_loss(
            output.projected_states,
            output.projected_quantized_states,
            output.code_ids,
            mask,
            batch["negatives"],
            config.contrastive_logits_temperature,
        )
        masked = _sum(mask)
        # Which codes are in use shows in the whole batch only, not in the part of one device.
        marginal, counted = _over_replicas([output.marginal_sum, output.num_counted])
        num_codes = config.num_codevector_groups * config.num_codevectors_per_group
        diversity = diversity_loss(perplexity_of(marginal, counted), num_codes, masked)
        loss = pretraining_loss(contrastive, diversity, config.diversity_loss_weight)
        if self.feature_penalty:
            of_rows = tf.reduce_sum(tf.cast(mask, tf.float32), axis=1)
            loss += self.feature_penalty * tf.reduce_sum(output.features_mean_square * of_rows)
        counts = {
            "contrastive": contrastive,
            "diversity": diversity,
            "correct": correct,
            "marginal": output.marginal_sum,
            "counted": output.num_counted,
            "utterances": _sum(batch["num_samples"] > 0),
        }
        return Sums(loss, masked, counts, {})

    def look(self, batch: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
        """See `Task`; there is nothing to read."""
        del batch, outputs
        return {}, []

    def measures(self, counts: Mapping[str, Any]) -> tuple[dict[str, float], Score]:
        """See `Task`."""
        frames = max(float(counts["weight"]), 1.0)
        contrastive = float(counts["contrastive"]) / frames
        perplexity = float(perplexity_of(tf.constant(counts["marginal"]), tf.constant(counts["counted"])))
        measures = {
            "loss": float(counts["loss"]) / frames,
            "contrastive_loss": contrastive,
            "accuracy": float(counts["correct"]) / frames,
            "perplexity": perplexity,
        }
        # A model that uses few codes has an easy task: its contrastive loss says nothing by itself.
        return measures, (measures["loss"],)


def _sum(condition: Any) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(condition, tf.float32))


def _shape(tensor: Any) -> Sequence[Any]:
    """Returns the sizes, as numbers where they are known: XLA wants them so."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape)]


def _over_replicas(values: list[Any]) -> list[Any]:
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)
