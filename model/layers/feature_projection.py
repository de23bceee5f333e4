"""From the channels of the feature encoder to the width of the encoder."""

from __future__ import annotations

from typing import Any

import keras

from model.config import Wav2Vec2Config
from model.layers.dense import Dense
from model.layers.layer_normalisation import LayerNorm


class FeatureProjection(keras.layers.Layer):
    """Layer norm, a dense projection, dropout. A HuBERT may lack the norm (`feat_proj_layer_norm`).

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.layer_norm = None
        if config.feat_proj_layer_norm:
            self.layer_norm = LayerNorm(epsilon=config.layer_norm_eps, name="layer_norm", dtype=self.dtype_policy)
        self.projection = Dense(config.hidden_size, name="projection", dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(config.feat_proj_dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds norm and projection; the input is `[batch, frames, conv_dim[-1]]`."""
        if self.layer_norm is not None:
            self.layer_norm.build(input_shape)
        self.projection.build(input_shape)
        super().build(input_shape)

    def call(self, features: Any, training: bool = False) -> tuple[Any, Any]:
        """Projects features `[batch, frames, conv_dim[-1]]`.

        Returns:
          projected: `[batch, frames, hidden_size]`.
          features: The features after the norm, in their shape; pre-training quantizes them.
        """
        if self.layer_norm is not None:
            features = self.layer_norm(features, training=training)
        return self.dropout(self.projection(features), training=training), features
