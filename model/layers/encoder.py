"""The transformer over the frames."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from model.config import Wav2Vec2Config
from model.layers.encoder_layer import EncoderLayer
from model.layers.layer_normalisation import LayerNorm
from model.layers.positional_convolution import PositionalConvolution

# Added to the scores of padded frames: their softmax weight is exactly 0 in float32 and in bfloat16.
_MASKED_SCORE = -1e9


class Encoder(keras.layers.Layer):
    """Positional convolution, then the layers; the norm stands before them (post-norm) or after them (pre-norm).

    LayerDrop (Fan et al. 2019) leaves out whole layers in training, each with probability `layerdrop`.

    Args:
      config: The architecture.
    """

    def __init__(self, config: Wav2Vec2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.pos_conv_embed = PositionalConvolution(config, name="pos_conv_embed", dtype=self.dtype_policy)
        self.layer_norm = LayerNorm(epsilon=config.layer_norm_eps, name="layer_norm", dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(config.hidden_dropout, name="dropout", dtype=self.dtype_policy)
        self.layers = [
            EncoderLayer(config, name=f"layer_{index}", dtype=self.dtype_policy)
            for index in range(config.num_hidden_layers)
        ]
        self.layer_drop_seed = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds all layers; the input is `[batch, frames, hidden_size]`."""
        self.pos_conv_embed.build(input_shape)
        self.layer_norm.build(input_shape)
        for layer in self.layers:
            layer.build((None, input_shape[-1]))
        super().build(input_shape)

    def call(self, hidden: Any, num_frames: Any = None, training: bool = False) -> Any:
        """Encodes frames.

        Args:
          hidden: `[batch, frames, hidden_size]`.
          num_frames: int32 `[batch]`, the valid frames of each; None where all are valid.
          training: Whether dropout and LayerDrop act.

        Returns:
          `[batch, frames, hidden_size]`; what stands in padded frames means nothing.
        """
        key_bias = valid = None
        if num_frames is not None:
            valid = ops.arange(ops.shape(hidden)[1])[None, :] < num_frames[:, None]
            hidden = ops.where(valid[:, :, None], hidden, ops.zeros((), hidden.dtype))
            key_bias = ops.where(valid, 0.0, _MASKED_SCORE)[:, None, None, :]
        hidden = hidden + self.pos_conv_embed(hidden, valid, training=training)
        if not self.config.do_stable_layer_norm:
            hidden = self.layer_norm(hidden, training=training)
        hidden = self.dropout(hidden, training=training)
        # The layers take frames as rows, whoever uttered them; attention alone must tell them apart.
        batch, frames, width = ops.shape(hidden)
        heads = self.config.num_attention_heads
        by_head = tf.stack([batch, frames, heads, width // heads])
        rows = ops.reshape(hidden, (-1, width))
        for layer in self.layers:
            transformed = layer(rows, by_head, key_bias, training=training)
            if training and self.config.layerdrop > 0:
                keep = keras.random.uniform((), seed=self.layer_drop_seed) >= self.config.layerdrop
                transformed = ops.where(keep, transformed, rows)
            rows = transformed
        if self.config.do_stable_layer_norm:
            rows = self.layer_norm(rows, training=training)
        return ops.reshape(rows, (batch, frames, width))
