"""Group normalisation of the first convolution, over the valid frames of each utterance only."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


class ChannelGroupNorm(keras.layers.Layer):
    """Normalises each channel over time: group norm with as many groups as channels.

    The published models compute the statistics over all frames, padding included; with `num_frames` they are taken
    over the valid frames only, so that a padded utterance is normalised as it is alone. Source: `nn.GroupNorm` in
    fairseq's `ConvFeatureExtractionModel`, mode «default».

    Args:
      epsilon: Added to the variance; 1e-5 in the published models.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates scale and offset, `[channels]` each."""
        channels = input_shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")
        super().build(input_shape)

    def call(self, frames: Any, num_frames: Any = None, training: bool = False) -> Any:
        """Normalises frames.

        Args:
          frames: `[batch, frames, channels]`.
          num_frames: int32 `[batch]`, how many are valid; None where all are.
          training: Whether gradients are wanted.
        """
        values = ops.cast(frames, "float32")
        if training:
            return ops.cast(self._in_training(values, num_frames), self.compute_dtype)
        if num_frames is None:
            mean = ops.mean(values, axis=1, keepdims=True)
            variance = ops.mean(ops.square(values - mean), axis=1, keepdims=True)
        else:
            valid = ops.cast(ops.arange(ops.shape(frames)[1])[None, :] < num_frames[:, None], "float32")[:, :, None]
            count = ops.maximum(ops.cast(num_frames, "float32"), 1.0)[:, None, None]
            mean = ops.sum(values * valid, axis=1, keepdims=True) / count
            variance = ops.sum(ops.square(values - mean) * valid, axis=1, keepdims=True) / count
        normalised = (values - mean) * ops.rsqrt(variance + self.epsilon)
        result = normalised * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(result, self.compute_dtype)

    def _in_training(self, values: Any, num_frames: Any) -> Any:
        """Normalises in fewer passes over memory, there and back; sums over frames are matrix products."""
        shape = tf.shape(values)
        if num_frames is None:
            num_frames = tf.fill([shape[0]], shape[1])
        valid = tf.sequence_mask(num_frames, shape[1], dtype=tf.float32)[:, None, :]
        count = tf.maximum(tf.cast(num_frames, tf.float32), 1.0)[:, None, None]

        @tf.custom_gradient
        def normalise(values: Any, gamma: Any, beta: Any) -> Any:
            centered = values - tf.matmul(valid, values) / count
            scale = tf.math.rsqrt(tf.matmul(valid, tf.square(centered)) / count + self.epsilon)

            def gradients(upstream: Any) -> tuple[Any, Any, Any]:
                every = tf.ones_like(valid)
                total, slope = tf.matmul(every, upstream), tf.matmul(every, upstream * centered)
                factor = scale * gamma
                # What the statistics pass on, to the frames that they were taken from.
                of_statistics = factor * total / count + centered * (factor * tf.square(scale) * slope / count)
                of_values = upstream * factor - of_statistics * tf.transpose(valid, (0, 2, 1))
                return of_values, tf.reduce_sum(slope * scale, axis=(0, 1)), tf.reduce_sum(total, axis=(0, 1))

            return centered * (scale * gamma) + beta, gradients

        return normalise(values, tf.cast(self.gamma, tf.float32), tf.cast(self.beta, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}
