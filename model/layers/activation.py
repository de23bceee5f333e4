"""The activation functions that a published `config.json` can name."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from model.errors import ConfigurationError

_gelu_by_tanh = functools.partial(ops.gelu, approximate=True)
_gelu_by_erf = functools.partial(ops.gelu, approximate=False)


@tf.custom_gradient
def _gelu_in_training(values: Any) -> Any:
    """The exact GELU, with a gradient that shares with it what is dear, and is a quarter faster for it."""
    scaled = values * math.sqrt(0.5)
    share = 0.5 * (1.0 + tf.math.erf(scaled))

    def gradient(upstream: Any) -> Any:
        return upstream * (share + scaled * tf.exp(-tf.square(scaled)) * (1.0 / math.sqrt(math.pi)))

    return values * share, gradient


def _gelu_10(values: Any) -> Any:
    return ops.clip(_gelu_by_erf(values), -10.0, 10.0)


def _laplace(values: Any) -> Any:
    # The constants of Ma et al. 2022, «Mega»: close to the squared ReLU, but bounded.
    return 0.5 * (1.0 + ops.erf((values - 0.707107) / (0.282095 * math.sqrt(2.0))))


def _leaky_relu(values: Any) -> Any:
    return ops.leaky_relu(values, negative_slope=0.01)


def _linear(values: Any) -> Any:
    return values


def _mish(values: Any) -> Any:
    return values * ops.tanh(ops.softplus(values))


def _quick_gelu(values: Any) -> Any:
    return values * ops.sigmoid(1.702 * values)


def _relu2(values: Any) -> Any:
    return ops.square(ops.relu(values))


def _sqrtsoftplus(values: Any) -> Any:
    return ops.sqrt(ops.softplus(values))


_BY_NAME: dict[str, Callable[[Any], Any]] = {
    "gelu": _gelu_by_erf,
    "gelu_10": _gelu_10,
    "gelu_accurate": _gelu_by_tanh,
    "gelu_fast": _gelu_by_tanh,
    "gelu_new": _gelu_by_tanh,
    "gelu_python": _gelu_by_erf,
    "gelu_python_tanh": _gelu_by_tanh,
    "gelu_pytorch_tanh": _gelu_by_tanh,
    "hardswish": ops.hard_silu,
    "laplace": _laplace,
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "mish": _mish,
    "quick_gelu": _quick_gelu,
    "relu": ops.relu,
    "relu2": _relu2,
    "relu6": ops.relu6,
    "sigmoid": ops.sigmoid,
    "silu": ops.silu,
    "sqrtsoftplus": _sqrtsoftplus,
    "swish": ops.silu,
    "tanh": ops.tanh,
}


# The names of the exact GELU.
EXACT_GELU = ("gelu", "gelu_python")

_IN_TRAINING: dict[str, Callable[[Any], Any]] = dict.fromkeys(EXACT_GELU, _gelu_in_training)


def scaled_gelu(values: Any) -> Any:
    """Returns `√2 · GELU(√2 · values)`: three passes over memory, where the exact GELU takes five.

    Linear layers before and behind it can take the two factors into their weights.
    """
    return values + values * tf.math.erf(values)


def activation(name: str, training: bool = False) -> Callable[[Any], Any]:
    """Returns the activation of that name in transformers. `gelu` is the exact one, by the error function.

    Args:
      name: Its name.
      training: Whether gradients are wanted; the values are the same.

    Raises:
      ConfigurationError: there is no such activation.
    """
    if name not in _BY_NAME:
        raise ConfigurationError(f"An activation must be one of {', '.join(_BY_NAME)}, not {name!r}.")
    return _IN_TRAINING.get(name, _BY_NAME[name]) if training else _BY_NAME[name]
