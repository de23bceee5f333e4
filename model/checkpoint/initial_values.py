"""Random values to begin with: each variable's are a function of the seed and of its name, and of nothing else.

Source: transformers' `Wav2Vec2PreTrainedModel._init_weights` and fairseq's `wav2vec2.py`, which agree but for the
positional convolution: there the values are fairseq's, since transformers' are lost when its weight norm is computed.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from model.checkpoint.table import Row, rows
from model.config import Wav2Vec2Config

_ONES = ("gamma", "moving_variance")
_ZEROS = ("beta", "moving_mean")
# What PyTorch calls `reset_parameters`: weights and biases uniform in ±1 / √(inputs).
_RESET = ("feature_projection/projection", "project_hid", "project_q")


def initial_value(row: Row, config: Wav2Vec2Config, seed: int) -> np.ndarray[Any, Any]:
    """Returns the first value of a variable, float32 of the row's shape.

    Args:
      row: The variable's row of the table.
      config: The architecture.
      seed: Of all variables.
    """
    layer, _, parameter = row.variable.rpartition("/")
    random = np.random.default_rng([seed, _number(row.variable)])
    if parameter in _ONES:
        return np.ones(row.shape, np.float32)
    if parameter in _ZEROS:
        return np.zeros(row.shape, np.float32)
    if parameter in ("masked_spec_embed", "codevectors"):
        return random.random(row.shape, np.float32)
    if layer.endswith("pos_conv_embed"):
        return _positional_convolution(row, config, seed)
    if layer.endswith(_RESET):
        inputs = {"project_hid": config.output_size, "project_q": config.codevector_dim}
        bound = 1 / math.sqrt(inputs.get(layer, config.conv_dim[-1]))
        return random.uniform(-bound, bound, row.shape).astype(np.float32)
    if row.axes == "conv":
        # Kaiming's normal distribution, of the kernel [width, in, out].
        return _normal(random, math.sqrt(2 / (row.shape[0] * row.shape[1])), row)
    if parameter == "kernel":
        return _normal(random, 1.0 if layer == "quantizer/weight_proj" else config.initializer_range, row)
    return np.zeros(row.shape, np.float32)


def _positional_convolution(row: Row, config: Wav2Vec2Config, seed: int) -> np.ndarray[Any, Any]:
    if row.variable.endswith("bias"):
        return np.zeros(row.shape, np.float32)
    kernel, width = config.num_conv_pos_embeddings, config.hidden_size
    if row.variable.endswith("weight_g"):
        # Weight norm: the length of each position's direction, which it then is no change of.
        name = row.variable.replace("weight_g", "weight_v")
        direction = next(other for other in rows(config, "none") if other.variable == name)
        values = _positional_convolution(direction, config, seed)
        return np.sqrt(np.square(values).sum((1, 2), keepdims=True))
    random = np.random.default_rng([seed, _number(row.variable)])
    return _normal(random, math.sqrt(4 / (kernel * width)), row)


def _normal(random: np.random.Generator, deviation: float, row: Row) -> np.ndarray[Any, Any]:
    return random.standard_normal(row.shape, np.float32) * np.float32(deviation)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
