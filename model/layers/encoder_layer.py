"""One layer of the transformer, with the norm after the blocks or before them."""

from __future__ import annotations

from typing import Any

import keras

from model.config import Wav2Vec2Config
from model.layers.attention_adapter import AttentionAdapter
from model.layers.feed_forward import FeedForward
from model.layers.layer_normalisation import LayerNorm
from model.layers.self_attention import SelfAttention


class EncoderLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each with a residual connection.

    With `do_stable_layer_norm` the norms stand before the blocks (pre-norm, as in the large models), otherwise after
    them (post-norm, as in the base model). Attention adapters exist in pre-norm layers only, as in the published
    implementation.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.attention = SelfAttention(config, name="attention", dtype=self.dtype_policy)
        self.feed_forward = FeedForward(config, name="feed_forward", dtype=self.dtype_policy)
        self.layer_norm, self.final_layer_norm = (
            LayerNorm(epsilon=config.layer_norm_eps, name=name, dtype=self.dtype_policy)
            for name in ("layer_norm", "final_layer_norm")
        )
        self.dropout = keras.layers.Dropout(config.hidden_dropout, name="dropout", dtype=self.dtype_policy)
        self.adapter_layer = None
        if config.has_attention_adapters:
            self.adapter_layer = AttentionAdapter(config, name="adapter_layer", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds blocks and norms; the input is `[batch · frames, hidden_size]`."""
        for layer in (self.attention, self.feed_forward, self.layer_norm, self.final_layer_norm):
            layer.build(input_shape)
        if self.adapter_layer is not None:
            self.adapter_layer.build(input_shape)
        super().build(input_shape)

    def call(self, hidden: Any, by_head: Any, key_bias: Any = None, training: bool = False) -> Any:
        """Transforms `[batch · frames, hidden_size]`; the other arguments are those of `SelfAttention`."""
        if self.config.do_stable_layer_norm:
            normalised = self.layer_norm(hidden, training=training)
            attended = self.attention(normalised, by_head, key_bias, training=training)
            hidden = hidden + self.dropout(attended, training=training)
            normalised = self.final_layer_norm(hidden, training=training)
            hidden = hidden + self.feed_forward(normalised, training=training)
            return hidden if self.adapter_layer is None else hidden + self.adapter_layer(hidden)
        attended = self.attention(hidden, by_head, key_bias, training=training)
        hidden = self.layer_norm(hidden + self.dropout(attended, training=training), training=training)
        fed = self.feed_forward(hidden, training=training)
        return self.final_layer_norm(hidden + fed, training=training)
