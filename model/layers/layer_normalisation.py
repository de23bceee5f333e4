"""Layer normalisation in few passes over memory, in training and out of it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class LayerNorm(keras.layers.LayerNormalization):
    """Keras' layer norm over the last axis, computed in another way; weights, values and gradients are the same.

    In training, means over channels, and sums over all rows, are matrix products, which read their operand once and
    write nothing of its size. On a CPU this takes less than two thirds of the time.

    In float32 and out of training, rows go to TensorFlow as the channels of a batch norm over the one utterance that
    they make: a single operation, for which oneDNN has a kernel, in place of seven. On a CPU with oneDNN this takes a
    fifth to a third of the time.
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
    rows = tf.reshape(values, [1, -1, values.shape[-1], 1])
    num_rows = tf.shape(rows)[1]
    standardised, *_ = tf.raw_ops.FusedBatchNormV3(
        x=rows,
        scale=tf.ones([num_rows]),
        offset=tf.zeros([num_rows]),
        mean=tf.constant([]),
        variance=tf.constant([]),
        epsilon=epsilon,
        data_format="NCHW",
        is_training=True,
    )
    return tf.reshape(standardised, tf.shape(values))


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
