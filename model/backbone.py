"""Wav2Vec2 without a head: from a waveform to one hidden state per frame."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.encoder import Encoder
from model.layers.feature_encoder import FeatureEncoder
from model.layers.feature_projection import FeatureProjection


class Wav2Vec2Backbone(keras.layers.Layer):
    """Feature encoder, feature projection, encoder, and the learned vector of masked frames.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.feature_extractor = FeatureEncoder(config, name="feature_extractor", dtype=self.dtype_policy)
        self.feature_projection = FeatureProjection(config, name="feature_projection", dtype=self.dtype_policy)
        self.encoder = Encoder(config, name="encoder", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds all layers and creates `masked_spec_embed` `[hidden_size]`; the input is `[batch, samples]`."""
        self.masked_spec_embed = self.add_weight(
            name="masked_spec_embed", shape=(self.config.hidden_size,), initializer="random_uniform"
        )
        self.feature_extractor.build(input_shape)
        self.feature_projection.build((None, None, self.config.conv_dim[-1]))
        self.encoder.build((None, None, self.config.hidden_size))
        super().build(input_shape)

    def call(
        self,
        waveforms: Any,
        num_samples: Any = None,
        training: bool = False,
        time_mask: Any = None,
        channel_mask: Any = None,
    ) -> Any:
        """Encodes waveforms; the arguments are those of `Wav2Vec2CTC`.

        Returns:
          `[batch, frames, hidden_size]`.
        """
        features = self.feature_extractor(waveforms, num_samples)
        hidden = self.feature_projection(features, training=training)
        if time_mask is not None:
            hidden = ops.where(time_mask[:, :, None], ops.cast(self.masked_spec_embed, hidden.dtype), hidden)
        if channel_mask is not None:
            hidden = ops.where(channel_mask[:, None, :], ops.zeros((), hidden.dtype), hidden)
        num_frames = None if num_samples is None else self.config.num_frames(num_samples)
        return self.encoder(hidden, num_frames, training=training)
