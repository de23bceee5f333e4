"""A tensor in a file, before it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """A tensor that lies in a file; only its description is in memory.

    Attributes:
      dtype: The name of its NumPy dtype in the file, such as `float32`, `float16`, `bfloat16` or `int64`.
      shape: Its shape in the file.
      read: Reads it, in the dtype and shape of the file; each call reads anew. Raises a CheckpointError where the file
        cannot be read any more.
    """

    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray[Any, Any]]
