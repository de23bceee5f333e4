"""Group normalisation of the first convolution, over the valid frames of each utterance only."""

from __future__ import annotations

from typing import Any

import keras
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

    def call(self, frames: Any, num_frames: Any = None) -> Any:
        """Normalises `frames` `[batch, frames, channels]`; `num_frames` int32 `[batch]` says how many are valid."""
        values = ops.cast(frames, "float32")
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

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}
