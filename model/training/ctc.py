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
      labels: int32 `[batch, labels]`, −1 where padded; at least one column.
      blank_id: The id of the blank.
      dense: Whether to use the formulation that XLA can compile; the other one is a CPU kernel, and much faster there.

    Returns:
      losses: float32 `[batch]`, the negative log-likelihood in nats.
      feasible: bool `[batch]`.
    """
    labels, num_frames = tf.cast(labels, tf.int32), tf.cast(num_frames, tf.int32)
    is_label = labels >= 0
    num_labels = tf.reduce_sum(tf.cast(is_label, tf.int32), axis=1)
    repeats = (labels[:, 1:] == labels[:, :-1]) & is_label[:, 1:]
    feasible = num_frames >= num_labels + tf.reduce_sum(tf.cast(repeats, tf.int32), axis=1)
    # The kernels want a path and a label for each utterance. One that has no path is scored with a label of its own
    # making, and weighs nothing; one that has no label has one path, the blank in every frame, which is summed here.
    scored = feasible & (num_labels > 0)
    filler = tf.one_hot(
        0, tf.shape(labels)[1], on_value=(blank_id + 1) % logits.shape[-1], off_value=-1, dtype=tf.int32
    )
    labels = tf.where(scored[:, None], labels, filler[None, :])
    used = labels >= 0
    # A frame, too: a row without an utterance has none.
    scored_frames = tf.where(scored, num_frames, tf.maximum(num_frames, 1))
    if dense:
        losses = tf.nn.ctc_loss(
            labels=tf.where(used, labels, 0),
            logits=logits,
            label_length=tf.where(scored, num_labels, 1),
            logit_length=scored_frames,
            logits_time_major=False,
            blank_index=blank_id,
        )
    else:
        positions = tf.where(used)
        sparse = tf.SparseTensor(positions, tf.gather_nd(labels, positions), tf.cast(tf.shape(labels), tf.int64))
        losses = tf.nn.ctc_loss(
            labels=sparse,  # pyright: ignore[reportArgumentType] — the stubs know the dense form only
            logits=logits,
            label_length=None,  # pyright: ignore[reportArgumentType]
            logit_length=scored_frames,
            logits_time_major=False,
            blank_index=blank_id,
        )
    valid = tf.sequence_mask(num_frames, tf.shape(logits)[1], dtype=logits.dtype)
    silence = -tf.reduce_sum(tf.nn.log_softmax(logits)[:, :, blank_id] * valid, axis=1)
    return tf.where(scored, losses, tf.where(feasible, silence, 0.0)), feasible
