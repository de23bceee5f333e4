"""The convolutional feature encoder: from samples to one vector per 20 ms."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.activation import EXACT_GELU, activation, scaled_gelu
from model.layers.group_norm import ChannelGroupNorm
from model.layers.layer_normalisation import LayerNorm
from model.layers.normalised_convolution import convolve_normalised
from model.layers.strided_convolution import convolve

# The norms of the convolutions keep PyTorch's default, whatever `layer_norm_eps` says.
_NORM_EPSILON = 1e-5


class FeatureEncoder(keras.layers.Layer):
    """Strided convolutions, seven in the published models, each followed by its norm, if it has one, and an activation.

    With `feat_extract_norm="group"` the first layer alone has a norm, over time; with `"layer"` each has one, over
    channels. No convolution pads, so a valid frame depends on valid samples only. Source: Baevski et al. 2020, §2.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # An unknown name is said here, and not in the first call.
        activation(config.feat_extract_activation)
        # Set by who wants to see what each layer gives.
        self.layer_by_layer = False
        shapes = zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)
        self.convolutions = [
            keras.layers.Conv1D(
                channels,
                kernel,
                strides=stride,
                padding="valid",
                use_bias=config.conv_bias,
                kernel_initializer="he_normal",
                name=f"conv_{index}",
                dtype=self.dtype_policy,
            )
            for index, (channels, kernel, stride) in enumerate(shapes)
        ]
        if config.feat_extract_norm == "group":
            self.norms: list[Any] = [ChannelGroupNorm(_NORM_EPSILON, name="norm_0", dtype=self.dtype_policy)]
        else:
            self.norms = [
                LayerNorm(epsilon=_NORM_EPSILON, name=f"norm_{index}", dtype=self.dtype_policy)
                for index in range(len(config.conv_dim))
            ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every convolution and norm; the input is `[batch, samples]`."""
        channels = 1
        for index, convolution in enumerate(self.convolutions):
            convolution.build((None, None, channels))
            channels = self.config.conv_dim[index]
            if index < len(self.norms):
                self.norms[index].build((None, None, channels))
        super().build(input_shape)

    def call(self, waveforms: Any, num_samples: Any = None, training: bool = False) -> Any:
        """Encodes waveforms.

        Args:
          waveforms: `[batch, samples]`, normalised.
          num_samples: int32 `[batch]`, the valid samples of each; None where all are valid.
          training: Whether gradients are wanted.

        Returns:
          `[batch, frames, conv_dim[-1]]`.
        """
        folds = self.folds and not training
        activate, factor = activation(self.config.feat_extract_activation, training), 1.0
        if folds and self.config.feat_extract_activation in EXACT_GELU:
            # It wants this factor of what stands before it, and once more of what stands behind it.
            activate, factor = scaled_gelu, math.sqrt(0.5)
        frames = ops.expand_dims(waveforms, -1)
        for index, convolution in enumerate(self.convolutions):
            norm = self.norms[index] if index < len(self.norms) else None
            of_input = factor if index > 0 else 1.0
            if isinstance(norm, ChannelGroupNorm):
                valid = None if num_samples is None else self.config.num_frames(num_samples, layers=index + 1)
                if folds:
                    frames = convolve_normalised(convolution, norm, waveforms, valid, factor)
                else:
                    frames = norm(convolve(convolution, frames, training), valid, training=training)
            elif norm is not None:
                frames = norm(convolve(convolution, frames, training, of_input), training=training, factor=factor)
            else:
                frames = convolve(convolution, frames, training, of_input * factor, factor)
            frames = activate(frames)
        return frames if factor == 1.0 else frames * factor

    @property
    def folds(self) -> bool:
        """Whether, where no gradients are wanted, the layers are not called one by one.

        A group norm becomes a part of the first convolution, and the factors inside an exact GELU become parts of the
        weights before and behind it. In float32 only: covariances in bfloat16 would be of no use, and the factors would
        cost a digit.
        """
        return self.compute_dtype == "float32" and not self.layer_by_layer
