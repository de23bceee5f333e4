"""The convolution that tells the encoder where a frame stands."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.activation import activation


class PositionalConvolution(keras.layers.Layer):
    """A wide grouped convolution with weight norm, then the activation.

    The weight is `g · v / ‖v‖`, with the norm taken for each tap of the kernel (dimension 2 in PyTorch's layout). Even
    kernels give one frame too many, and the last is dropped. Source: Baevski et al. 2020, §2, and fairseq's
    `make_conv_pos`.

    The groups are convolved one by one and joined: XLA on CPU runs a grouped convolution 40 to 60 times slower, and
    TensorFlow's has no CPU gradient without oneDNN.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.activation = activation(config.feat_extract_activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates `weight_v` `[kernel, hidden / groups, hidden]`, `weight_g` `[kernel, 1, 1]`, `bias` `[hidden]`."""
        kernel, hidden = self.config.num_conv_pos_embeddings, self.config.hidden_size
        group_width = hidden // self.config.num_conv_pos_embedding_groups
        deviation = 2.0 * (1.0 / (kernel * hidden)) ** 0.5
        self.weight_v = self.add_weight(
            name="weight_v",
            shape=(kernel, group_width, hidden),
            initializer=keras.initializers.RandomNormal(stddev=deviation),
        )
        # g starts as ‖v‖, so that the first weight is v itself.
        self.weight_g = self.add_weight(
            name="weight_g",
            shape=(kernel, 1, 1),
            initializer=keras.initializers.Constant(deviation * (group_width * hidden) ** 0.5),
        )
        self.bias = self.add_weight(name="bias", shape=(hidden,), initializer="zeros")
        super().build(input_shape)

    def call(self, hidden: Any) -> Any:
        """Returns the positional embedding `[batch, frames, hidden_size]`; padded frames of `hidden` must be 0."""
        groups = self.config.num_conv_pos_embedding_groups
        kernel_size = self.config.num_conv_pos_embeddings
        v = ops.cast(self.weight_v, "float32")
        norm = ops.sqrt(ops.sum(ops.square(v), axis=(1, 2), keepdims=True))
        kernel = ops.cast(ops.cast(self.weight_g, "float32") * v / norm, self.compute_dtype)
        half = kernel_size // 2
        # For an even kernel PyTorch pads by half on both sides and drops the last frame; one less on the right does
        # the same without computing it.
        padded = ops.pad(hidden, [[0, 0], [half, half - 1 + kernel_size % 2], [0, 0]])
        outputs = [
            ops.conv(part, part_kernel, strides=1, padding="valid", data_format="channels_last")
            for part, part_kernel in zip(
                ops.split(padded, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True
            )
        ]
        return self.activation(ops.concatenate(outputs, axis=-1) + ops.cast(self.bias, self.compute_dtype))
