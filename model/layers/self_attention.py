"""Multi-head self-attention over the valid frames."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.dense import Dense


class SelfAttention(keras.layers.Layer):
    """Scaled dot-product attention of every frame to every valid frame.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.head_size = config.hidden_size // config.num_attention_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            Dense(config.hidden_size, name=name, dtype=self.dtype_policy)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj")
        )
        self.dropout = keras.layers.Dropout(config.attention_dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the four projections; the input is `[batch · frames, hidden_size]`."""
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
            projection.build(input_shape)
        super().build(input_shape)

    def call(self, hidden: Any, by_head: Any, key_bias: Any = None, training: bool = False) -> Any:
        """Attends.

        Args:
          hidden: `[batch · frames, hidden_size]`, the frames of one utterance after those of another.
          by_head: int32 `[4]`: batch, frames, heads, channels of a head.
          key_bias: `[batch, 1, 1, frames]`, added to the scores: 0 for valid frames, a large negative number for
            padded ones; None where all are valid.
          training: Whether dropout acts.

        Returns:
          `[batch · frames, hidden_size]`.
        """
        query, key, value = (
            ops.transpose(tf.reshape(projected, by_head), (0, 2, 1, 3))
            for projected in (self.q_proj(hidden) * (self.head_size**-0.5), self.k_proj(hidden), self.v_proj(hidden))
        )
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        if key_bias is not None:
            scores = scores + ops.cast(key_bias, scores.dtype)
        # Keras' softmax warns of an utterance with a single frame, which is nothing to warn of.
        scores: Any = ops.cast(scores, "float32")
        weights = ops.cast(tf.nn.softmax(scores, axis=-1), self.compute_dtype)
        context = ops.matmul(self.dropout(weights, training=training), value)
        return self.out_proj(ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, self.config.hidden_size)))
