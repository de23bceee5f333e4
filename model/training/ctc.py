"""The loss of connectionist temporal classification (Graves et al. 2006), over true lengths."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def ctc_loss(
    logits: Any, num_frames: Any, labels: Any, blank_id: int, dense: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the loss of each utterance, and which utterances have one.

    An utterance with fewer frames than its labels need (one each, and a blank between equal neighbours) has no path
    and an infinite loss; as with PyTorch's `zero_infinity`, its loss and gradient are 0. The second result lets the
    caller count such utterances, so that they are not hidden.

    Args:
      logits: float32 `[batch, frames, vocab]`.
      num_frames: int32 `[batch]`, the valid frames of each.
      labels: int32 `[batch, labels]`, −1 where padded.
      blank_id: The id of the blank.
      dense: Whether to use the formulation that XLA can compile; the other one is a CPU kernel, and much faster there.

    Returns:
      losses: float32 `[batch]`, the negative log-likelihood in nats.
      feasible: bool `[batch]`.
    """
    is_label = labels >= 0
    num_labels = tf.reduce_sum(tf.cast(is_label, tf.int32), axis=1)
    repeats = (labels[:, 1:] == labels[:, :-1]) & is_label[:, 1:]
    feasible = num_frames >= num_labels + tf.reduce_sum(tf.cast(repeats, tf.int32), axis=1)
    # A batch must have a path for each utterance: those that have none are scored with no labels, and weigh nothing.
    used = is_label & feasible[:, None]
    used_lengths = tf.where(feasible, num_labels, 0)
    if dense:
        losses = tf.nn.ctc_loss(
            labels=tf.where(used, labels, 0),
            logits=logits,
            label_length=used_lengths,
            logit_length=num_frames,
            logits_time_major=False,
            blank_index=blank_id,
        )
    else:
        positions = tf.where(used)
        sparse = tf.SparseTensor(
            positions, tf.gather_nd(labels, positions), tf.cast(tf.shape(labels), tf.int64)
        )
        losses = tf.nn.ctc_loss(
            labels=sparse,
            logits=logits,
            label_length=None,
            logit_length=num_frames,
            logits_time_major=False,
            blank_index=blank_id,
        )
    return tf.where(feasible, losses, 0.0), feasible
