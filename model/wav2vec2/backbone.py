"""Wav2Vec2 without a head: from a waveform to one hidden state per frame."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.convolutional_adapter import ConvolutionalAdapter
from model.layers.encoder import Encoder
from model.layers.feature_encoder import FeatureEncoder
from model.layers.feature_projection import FeatureProjection


class BackboneOutput(NamedTuple):
    """What the backbone makes of waveforms.

    Attributes:
      hidden: `[batch, output frames, output_size]`; `Wav2Vec2Config.num_output_frames` counts the frames.
      features: `[batch, frames, conv_dim[-1]]`, what came into the projection, after its norm.
      raw_features: The same before the norm, as the convolutions gave it.
    """

    hidden: Any
    features: Any
    raw_features: Any


class Wav2Vec2Backbone(keras.layers.Layer):
    """Feature encoder, feature projection, encoder, the learned vector of masked frames, and the adapter, if any.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.feature_extractor = FeatureEncoder(config, name="feature_extractor", dtype=self.dtype_policy)
        self.feature_projection = FeatureProjection(config, name="feature_projection", dtype=self.dtype_policy)
        self.encoder = Encoder(config, name="encoder", dtype=self.dtype_policy)
        self.adapter = None
        if config.add_adapter:
            self.adapter = ConvolutionalAdapter(config, name="adapter", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds all layers and creates `masked_spec_embed` `[hidden_size]`; the input is `[batch, samples]`."""
        self.masked_spec_embed = self.add_weight(
            name="masked_spec_embed", shape=(self.config.hidden_size,), initializer="random_uniform"
        )
        self.feature_extractor.build(input_shape)
        self.feature_projection.build((None, None, self.config.conv_dim[-1]))
        self.encoder.build((None, None, self.config.hidden_size))
        if self.adapter is not None:
            self.adapter.build((None, None, self.config.hidden_size))
        super().build(input_shape)

    def call(
        self,
        waveforms: Any,
        num_samples: Any = None,
        training: bool = False,
        time_mask: Any = None,
        channel_mask: Any = None,
    ) -> BackboneOutput:
        """Encodes waveforms; the arguments are those of `Wav2Vec2CTC`, with `num_samples` only where it is to mask."""
        raw_features = self.feature_extractor(waveforms, num_samples, training=training)
        hidden, features = self.feature_projection(raw_features, training=training)
        if time_mask is not None:
            hidden = ops.where(time_mask[:, :, None], ops.cast(self.masked_spec_embed, hidden.dtype), hidden)
        if channel_mask is not None:
            hidden = ops.where(channel_mask[:, None, :], ops.zeros((), hidden.dtype), hidden)
        num_frames = None if num_samples is None else self.config.num_frames(num_samples)
        hidden = self.encoder(hidden, num_frames, training=training)
        if self.adapter is not None:
            hidden = self.adapter(hidden, num_frames, training=training)
        return BackboneOutput(hidden, features, raw_features)
