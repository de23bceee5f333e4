"""The convolutional feature encoder: from samples to one vector per 20 ms."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.activation import activation
from model.layers.group_norm import ChannelGroupNorm
from model.layers.layer_normalisation import layer_normalise
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
                keras.layers.LayerNormalization(epsilon=_NORM_EPSILON, name=f"norm_{index}", dtype=self.dtype_policy)
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
        frames = ops.expand_dims(waveforms, -1)
        for index, convolution in enumerate(self.convolutions):
            norm = self.norms[index] if index < len(self.norms) else None
            if isinstance(norm, ChannelGroupNorm):
                valid = None if num_samples is None else self.config.num_frames(num_samples, layers=index + 1)
                if self.folds_norm and not training:
                    frames = convolve_normalised(convolution, norm, waveforms, valid)
                else:
                    frames = norm(convolve(convolution, frames, training), valid, training=training)
            else:
                frames = convolve(convolution, frames, training)
                if norm is not None:
                    frames = layer_normalise(norm, frames, training)
            frames = activation(self.config.feat_extract_activation, training)(frames)
        return frames

    @property
    def folds_norm(self) -> bool:
        """Whether, where no gradients are wanted, the first convolution takes the group norm in, and neither is called.

        In float32 only: covariances in bfloat16 would be of no use.
        """
        return self.config.feat_extract_norm == "group" and self.compute_dtype == "float32"
