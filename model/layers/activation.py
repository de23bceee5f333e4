"""The activation functions that a published `config.json` can name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from keras import ops

from model.errors import ConfigurationError

_BY_NAME: dict[str, Callable[[Any], Any]] = {
    "gelu": functools.partial(ops.gelu, approximate=False),
    "gelu_new": functools.partial(ops.gelu, approximate=True),
    "relu": ops.relu,
    "silu": ops.silu,
    "swish": ops.silu,
}


def activation(name: str) -> Callable[[Any], Any]:
    """Returns the activation of that name. `gelu` is the exact one, by the error function.

    Raises:
      ConfigurationError: there is no such activation.
    """
    if name not in _BY_NAME:
        raise ConfigurationError(f"An activation must be one of {', '.join(_BY_NAME)}, not {name!r}.")
    return _BY_NAME[name]
