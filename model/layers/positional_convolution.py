"""The convolution that tells the encoder where a frame stands."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.activation import activation


class PositionalConvolution(keras.layers.Layer):
    """A wide grouped convolution, then the activation.

    The weight is `g · v / ‖v‖`, with the norm taken for each tap of the kernel (dimension 2 in PyTorch's layout). Even
    kernels give one frame too many, and the last is dropped. Source: Baevski et al. 2020, §2, and fairseq's
    `make_conv_pos`.

    With `conv_pos_batch_norm`, as some HuBERT models have it, the weight is plain, and a batch norm with its stored
    statistics stands before it. The statistics stay as they are in training, too: batches of padded utterances would
    spoil them.

    The groups are convolved one by one and joined: XLA on CPU runs a grouped convolution 40 to 60 times slower, and
    TensorFlow's has no CPU gradient without oneDNN.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # An unknown name is said here, and not in the first call.
        activation(config.feat_extract_activation)
        self.batch_norm = None
        if config.conv_pos_batch_norm:
            self.batch_norm = keras.layers.BatchNormalization(epsilon=1e-5, name="batch_norm", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates `weight_v` `[kernel, hidden / groups, hidden]`, `weight_g` `[kernel, 1, 1]`, `bias` `[hidden]`.

        With batch norm: `kernel`, shaped as `weight_v`, in place of the first two, and the norm's four vectors.
        """
        kernel, hidden = self.config.num_conv_pos_embeddings, self.config.hidden_size
        group_width = hidden // self.config.num_conv_pos_embedding_groups
        self.bias = self.add_weight(name="bias", shape=(hidden,), initializer="zeros")
        deviation = 2.0 * (1.0 / (kernel * hidden)) ** 0.5
        normal = keras.initializers.RandomNormal(stddev=deviation)
        shape = (kernel, group_width, hidden)
        if self.batch_norm is not None:
            self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal)
            self.batch_norm.build(input_shape)
        else:
            self.weight_v = self.add_weight(name="weight_v", shape=shape, initializer=normal)
            # g starts as ‖v‖, so that the first weight is v itself.
            self.weight_g = self.add_weight(
                name="weight_g",
                shape=(kernel, 1, 1),
                initializer=keras.initializers.Constant(deviation * (group_width * hidden) ** 0.5),
            )
        super().build(input_shape)

    def call(self, hidden: Any, valid: Any = None, training: bool = False) -> Any:
        """Returns the positional embedding.

        Args:
          hidden: `[batch, frames, hidden_size]`, 0 in padded frames.
          valid: bool `[batch, frames]`, the frames that are no padding; None where all are valid.
          training: Whether gradients are wanted.

        Returns:
          `[batch, frames, hidden_size]`.
        """
        groups = self.config.num_conv_pos_embedding_groups
        kernel_size = self.config.num_conv_pos_embeddings
        if self.batch_norm is not None:
            hidden = self.batch_norm(hidden, training=False)
            if valid is not None:
                hidden = ops.where(valid[:, :, None], hidden, ops.zeros((), hidden.dtype))
        half = kernel_size // 2
        # For an even kernel PyTorch pads by half on both sides and drops the last frame; one less on the right does
        # the same without computing it.
        padded = ops.pad(hidden, [[0, 0], [half, half - 1 + kernel_size % 2], [0, 0]])
        outputs = [
            ops.conv(part, part_kernel, strides=1, padding="valid", data_format="channels_last")
            for part, part_kernel in zip(ops.split(padded, groups, axis=-1), self._kernels(), strict=True)
        ]
        return activation(self.config.feat_extract_activation, training)(
            ops.concatenate(outputs, axis=-1) + ops.cast(self.bias, self.compute_dtype)
        )

    def _kernels(self) -> list[Any]:
        """The weight of each group, in the dtype of computation; the norm is taken in float32."""
        if self.batch_norm is not None:
            kernel = self.kernel
        else:
            v = ops.cast(self.weight_v, "float32")
            norm = ops.sqrt(ops.sum(ops.square(v), axis=(1, 2), keepdims=True))
            kernel = v * (ops.cast(self.weight_g, "float32") / norm)
        groups = self.config.num_conv_pos_embedding_groups
        # On a CPU, a transposition and sixteen whole blocks are faster than a split of the last axis.
        size, group_width = self.config.num_conv_pos_embeddings, self.config.hidden_size // groups
        by_group = ops.reshape(ops.cast(kernel, self.compute_dtype), (size, group_width, groups, group_width))
        return ops.unstack(ops.transpose(by_group, (2, 0, 1, 3)), groups)
