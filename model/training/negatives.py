"""Which frames a masked frame is to be told from in pre-training."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from model.training.masks import uniform_by_row


def sample_negatives(seeds: Any, time_mask: Any, num_negatives: int) -> tf.Tensor:
    """Draws, for each masked frame, other masked frames of the same utterance, with replacement.

    Source: Baevski et al. 2020, §3.2; fairseq's `sample_negatives` and transformers' `_sample_negative_indices`, which
    draw uniformly from the other masked frames.

    Args:
      seeds: int32 or int64 `[rows, 2]`; those of the masks must be others.
      time_mask: bool `[rows, frames]`.
      num_negatives: How many for each frame.

    Returns:
      int32 `[rows, frames, num_negatives]`, positions within the utterance. A frame that is not masked, or that is the
      only masked one, has its own position, which the loss does not count as a negative.
    """
    mask = tf.cast(time_mask, tf.int32)
    frames = tf.shape(mask)[1]
    count = tf.reduce_sum(mask, axis=1)
    noise = uniform_by_row(seeds, tf.stack([frames, num_negatives]))
    others = tf.maximum(count - 1, 1)[:, None, None]
    # float32 below 1 times n can round to n itself.
    drawn = tf.minimum(tf.cast(noise * tf.cast(others, tf.float32), tf.int32), others - 1)
    # The n-th masked frame skips itself.
    place = (tf.cumsum(mask, axis=1) - 1)[:, :, None]
    # Where nothing is masked, what is drawn means nothing, but must be a place.
    drawn = tf.minimum(drawn + tf.cast(drawn >= place, tf.int32), frames - 1)
    # The positions of the masked frames, first.
    order = tf.argsort(1 - mask, axis=1, stable=True)
    positions = tf.gather(order, drawn, batch_dims=1)
    own = tf.range(frames)[None, :, None]
    usable = tf.cast(time_mask, tf.bool)[:, :, None] & (count > 1)[:, None, None]
    return tf.where(usable, positions, tf.broadcast_to(own, tf.shape(positions)))
