"""The losses of self-supervised pre-training (Baevski et al. 2020, §3.2): contrast and diversity."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# The least norm that a vector is divided by; that of PyTorch's `cosine_similarity`.
_LEAST_NORM = 1e-8


def contrastive_loss(
    projected_states: Any,
    projected_quantized_states: Any,
    code_ids: Any,
    time_mask: Any,
    negatives: Any,
    temperature: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how badly what stands at masked frames is told from what stands at others of the utterance.

    For each masked frame it is the cross entropy of choosing its own quantized vector, the positive, among it and the
    negatives, scored by cosine similarity over temperature. A negative with the positive's codes is the positive, and
    does not count. Source: `Wav2Vec2ForPreTraining` of transformers, which compares vectors where this compares codes:
    in training its vectors differ in the last bit from one choice of a code to the next.

    Similarities are taken between all frames of an utterance, and those of the negatives picked from them: no tensor
    holds a vector for each negative.

    Args:
      projected_states: float32 `[batch, frames, dimension]`, as `PreTrainingOutput` has it.
      projected_quantized_states: float32 `[batch, frames, dimension]`, as `PreTrainingOutput` has it.
      code_ids: int32 `[batch, frames, groups]`, as `PreTrainingOutput` has it.
      time_mask: bool `[batch, frames]`, the masked frames, all of them valid. A row may have none, and then weighs
        nothing, whatever else stands in it.
      negatives: int32 `[batch, frames, num_negatives]`, frames of the same utterance, in [0, frames); what stands at
        frames that are not masked means nothing.
      temperature: What similarities are divided by; 0.1 in the published models.

    Returns:
      loss_sum: float32 scalar, in nats, summed over the masked frames.
      num_correct: float32 scalar, the masked frames whose positive scores higher than every negative.
    """
    similarities = tf.matmul(_normalised(projected_states), _normalised(projected_quantized_states), transpose_b=True)
    scores = similarities / temperature
    positive = tf.linalg.diag_part(scores)
    same_codes = tf.reduce_all(code_ids[:, :, None, :] == code_ids[:, None, :, :], axis=-1)
    is_positive = tf.gather(same_codes, negatives, batch_dims=2)
    others = tf.where(is_positive, -float("inf"), tf.gather(scores, negatives, batch_dims=2))
    losses = tf.reduce_logsumexp(tf.concat([positive[:, :, None], others], axis=-1), axis=-1) - positive
    loss_sum = tf.reduce_sum(tf.where(time_mask, losses, 0.0))
    correct = time_mask & (positive > tf.reduce_max(others, axis=-1))
    return loss_sum, tf.reduce_sum(tf.cast(correct, tf.float32))


def diversity_loss(perplexity: Any, num_codes: int, num_masked: Any) -> Any:
    """Returns the share of the codes that are not in use, times the masked frames, so that it is a sum over frames.

    Args:
      perplexity: float32 scalar, summed over the groups: that of `PreTrainingOutput`, or, for several replicas
        together, what `perplexity_of` gives.
      num_codes: The codes of all groups.
      num_masked: float32 scalar, the masked frames.
    """
    return (num_codes - perplexity) / num_codes * num_masked


def pretraining_loss(contrastive: Any, diversity: Any, diversity_loss_weight: float) -> Any:
    """Returns what pre-training minimises: a sum over the masked frames, in nats."""
    return contrastive + diversity_loss_weight * diversity


def _normalised(vectors: Any) -> tf.Tensor:
    """Vectors of length 1; those shorter than the least norm, 0 among them, keep a finite gradient."""
    vectors = tf.cast(vectors, tf.float32)
    squares = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    return vectors * tf.math.rsqrt(tf.maximum(squares, _LEAST_NORM**2))
