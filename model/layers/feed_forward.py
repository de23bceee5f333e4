"""The position-wise feed-forward block."""

from __future__ import annotations

from typing import Any

import keras

from model.config import Wav2Vec2Config
from model.layers.activation import activation
from model.layers.dense import Dense


class FeedForward(keras.layers.Layer):
    """Dense, activation, dropout, dense, dropout.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # An unknown name is said here, and not in the first call.
        activation(config.hidden_act)
        self.intermediate_dense = Dense(config.intermediate_size, name="intermediate_dense", dtype=self.dtype_policy)
        self.output_dense = Dense(config.hidden_size, name="output_dense", dtype=self.dtype_policy)
        self.intermediate_dropout = keras.layers.Dropout(
            config.activation_dropout, name="intermediate_dropout", dtype=self.dtype_policy
        )
        self.output_dropout = keras.layers.Dropout(
            config.hidden_dropout, name="output_dropout", dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds both dense layers; the input is `[batch · frames, hidden_size]`."""
        self.intermediate_dense.build(input_shape)
        self.output_dense.build((*input_shape[:-1], self.config.intermediate_size))
        super().build(input_shape)

    def call(self, hidden: Any, training: bool = False) -> Any:
        """Transforms `[batch · frames, hidden_size]`; the shape stays."""
        inner = self.intermediate_dropout(
            activation(self.config.hidden_act, training)(self.intermediate_dense(hidden)), training=training
        )
        return self.output_dropout(self.output_dense(inner), training=training)
