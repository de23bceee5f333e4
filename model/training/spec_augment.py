"""SpecAugment (Park et al. 2019) by the rule of wav2vec 2.0: spans of frames and of channels, anew for every batch."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def span_mask(
    seed: Any, lengths: Any, size: int | tf.Tensor, probability: float, span: int, min_spans: int
) -> tf.Tensor:
    """Draws spans of masked positions for each row.

    The number of spans is `⌊probability · length / span + u⌋` with u uniform in [0, 1), at least `min_spans`, and at
    most as many as fit; their first positions are drawn without replacement, so spans may overlap. Source: fairseq's
    `compute_mask_indices` with `mask_selection="static"`.

    Stateless: the same seed gives the same mask, so what a step draws is a function of the run's seed and the step.

    Args:
      seed: int32 `[2]`.
      lengths: int32 `[batch]`, the valid positions of each row.
      size: The number of positions, padding included.
      probability: About which share of the positions is masked, overlaps aside.
      span: Positions in a span.
      min_spans: The least number of spans of a row that has room for them.

    Returns:
      bool `[batch, size]`.
    """
    seeds = tf.random.split(seed, 2)
    batch = tf.shape(lengths)[0]
    wanted = tf.cast(lengths, tf.float32) * (probability / span) + tf.random.stateless_uniform(
        tf.stack([batch]), seeds[0]
    )
    starts = tf.maximum(lengths - span + 1, 0)
    count = tf.minimum(tf.maximum(tf.cast(tf.floor(wanted), tf.int32), min_spans), starts)
    positions = tf.range(size)[None, :]
    # The `count` positions with the highest noise among those where a span may begin.
    noise = tf.where(positions < starts[:, None], tf.random.stateless_uniform(tf.stack([batch, size]), seeds[1]), -1.0)
    rank = tf.argsort(tf.argsort(noise, axis=1, direction="DESCENDING"), axis=1)
    begins = tf.cast(rank < count[:, None], tf.int32)
    # A position is masked when a span began at it or up to span − 1 positions before.
    begun = tf.cumsum(begins, axis=1)
    ended = tf.pad(begun, [[0, 0], [span, 0]])[:, : tf.shape(begun)[1]]
    return (begun - ended) > 0
