"""The small block in each layer that is trained for one language, or one task, while all else stays."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.dense import Dense
from model.layers.layer_normalisation import LayerNorm


class AttentionAdapter(keras.layers.Layer):
    """Layer norm, a dense layer to `adapter_attn_dim`, ReLU, and a dense layer back; its result is added to its input.

    Source: Houlsby et al. 2019, «Parameter-Efficient Transfer Learning for NLP», as in the MMS models (Pratap et al.
    2023).

    Args:
      config: The architecture; `adapter_attn_dim` must be set.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        # PyTorch's default epsilon, whatever `layer_norm_eps` says.
        self.norm = LayerNorm(epsilon=1e-5, name="norm", dtype=self.dtype_policy)
        self.linear_1 = Dense(config.adapter_attn_dim or 0, name="linear_1", dtype=self.dtype_policy)
        self.linear_2 = Dense(config.hidden_size, name="linear_2", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds norm and dense layers; the input is `[batch · frames, hidden_size]`."""
        self.norm.build(input_shape)
        self.linear_1.build(input_shape)
        self.linear_2.build((*input_shape[:-1], self.config.adapter_attn_dim))
        super().build(input_shape)

    def call(self, hidden: Any) -> Any:
        """Returns what is to be added to `hidden` `[batch · frames, hidden_size]`."""
        return self.linear_2(ops.relu(self.linear_1(self.norm(hidden))))
