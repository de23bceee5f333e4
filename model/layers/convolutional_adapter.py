"""Strided convolutions on the encoder, which make its output shorter and, where asked for, narrower."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.dense import Dense
from model.layers.layer_normalisation import LayerNorm
from model.layers.strided_convolution import convolve


class ConvolutionalAdapter(keras.layers.Layer):
    """A projection, where the width changes, and convolutions with a gated linear unit (Dauphin et al. 2017).

    Each convolution pads by one frame of zeros on both sides. Padded frames are set to zero before it, so that the
    last valid frame meets the zeros that it meets alone. Source: `Wav2Vec2Adapter` of Hugging Face transformers. There,
    LayerDrop in training also leaves out whole convolutions, which changes the number of frames from step to step; here
    the adapter is always whole.

    Args:
      config: The architecture; `add_adapter` must be set.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.proj = self.proj_layer_norm = None
        if config.output_size != config.hidden_size:
            self.proj = Dense(config.output_size, name="proj", dtype=self.dtype_policy)
            # PyTorch's default epsilon, whatever `layer_norm_eps` says.
            self.proj_layer_norm = LayerNorm(epsilon=1e-5, name="proj_layer_norm", dtype=self.dtype_policy)
        self.convolutions = [
            keras.layers.Conv1D(
                2 * config.output_size,
                config.adapter_kernel_size,
                strides=config.adapter_stride,
                padding="valid",
                name=f"conv_{index}",
                dtype=self.dtype_policy,
            )
            for index in range(config.num_adapter_layers)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds projection and convolutions; the input is `[batch, frames, hidden_size]`."""
        shape = (*input_shape[:-1], self.config.output_size)
        if self.proj is not None and self.proj_layer_norm is not None:
            self.proj.build(input_shape)
            self.proj_layer_norm.build(shape)
        for convolution in self.convolutions:
            convolution.build((None, None, self.config.output_size))
        super().build(input_shape)

    def call(self, hidden: Any, num_frames: Any = None, training: bool = False) -> Any:
        """Shortens `hidden` `[batch, frames, hidden_size]`.

        Args:
          hidden: The encoder's output.
          num_frames: int32 `[batch]`, its valid frames; None where all are valid.
          training: Whether gradients are wanted.

        Returns:
          `[batch, output frames, output_size]`, with the frames that `Wav2Vec2Config.num_output_frames` counts.
        """
        if self.proj is not None and self.proj_layer_norm is not None:
            hidden = self.proj_layer_norm(self.proj(hidden))
        for convolution in self.convolutions:
            if num_frames is not None:
                valid = ops.arange(ops.shape(hidden)[1])[None, :] < num_frames[:, None]
                hidden = ops.where(valid[:, :, None], hidden, ops.zeros((), hidden.dtype))
                num_frames = self.config.num_adapter_frames(num_frames)
            padded = ops.pad(hidden, [[0, 0], [1, 1], [0, 0]])
            gated, gate = ops.split(convolve(convolution, padded, training), 2, axis=-1)
            hidden = gated * ops.sigmoid(gate)
        return hidden
