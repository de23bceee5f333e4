"""Spans of masked frames and channels, by the rule of wav2vec 2.0: for SpecAugment (Park et al. 2019) and pre-training.

Each row has a seed of its own, so what is drawn for an utterance does not depend on the others in its batch, nor on the
device that computes it. The reader draws, on the host; the compiled step gets the masks as tensors.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def span_masks(
    seeds: Any, lengths: Any, size: int | tf.Tensor, probability: float, span: int, min_spans: int
) -> tf.Tensor:
    """Draws spans of masked positions for each row.

    The number of spans is `⌊probability · length / span + u⌋` with u uniform in [0, 1), at least `min_spans`, and at
    most as many as fit; their first positions are drawn without replacement, so spans may overlap. Source: fairseq's
    `compute_mask_indices` with `mask_selection="static"`.

    Stateless: the same seed gives the same mask.

    Args:
      seeds: int32 or int64 `[rows, 2]`.
      lengths: int32 `[rows]`, the valid positions of each row; none are masked beyond them.
      size: The number of positions, padding included.
      probability: About which share of the positions is masked, overlaps aside.
      span: Positions in a span.
      min_spans: The least number of spans of a row that has room for them.

    Returns:
      bool `[rows, size]`.
    """
    # One number more than positions: the first decides how many spans there are.
    noise = uniform_by_row(seeds, [size + 1])
    wanted = tf.cast(lengths, tf.float32) * (probability / span) + noise[:, 0]
    starts = tf.maximum(lengths - span + 1, 0)
    count = tf.minimum(tf.maximum(tf.cast(tf.floor(wanted), tf.int32), min_spans), starts)
    positions = tf.range(size)[None, :]
    # The `count` positions with the highest noise among those where a span may begin.
    ranked = tf.where(positions < starts[:, None], noise[:, 1:], -1.0)
    rank = tf.argsort(tf.argsort(ranked, axis=1, direction="DESCENDING", stable=True), axis=1)
    begins = tf.cast(rank < count[:, None], tf.int32)
    # A position is masked when a span began at it or up to span − 1 positions before.
    begun = tf.cumsum(begins, axis=1)
    ended = tf.pad(begun, [[0, 0], [span, 0]])[:, : tf.shape(begun)[1]]
    return (begun - ended) > 0


def uniform_by_row(seeds: Any, shape: Any) -> tf.Tensor:
    """Returns float32 `[rows, *shape]`, uniform in [0, 1), each row a function of its seed alone.

    Args:
      seeds: int32 or int64 `[rows, 2]`.
      shape: Of a row.
    """

    def row(seed: Any) -> tf.Tensor:
        # Whole numbers are the same with XLA and without; what TensorFlow makes floats of them with is not.
        bits = tf.random.stateless_uniform(
            shape,
            seed,
            minval=None,  # pyright: ignore[reportArgumentType] — so are all whole numbers asked for
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24

    return tf.map_fn(row, tf.convert_to_tensor(seeds), fn_output_signature=tf.float32)
