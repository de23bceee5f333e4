"""A file of which ranges are read on demand, and the dtypes and sizes of the tensors in it."""

from __future__ import annotations

import dataclasses
import io
import math
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import CheckpointError

ITEM_SIZE_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
}
MAX_DIMENSIONS = 32  # what every NumPy that we support can hold
_MAX_SHAPE_BYTES = 2**62  # NumPy multiplies the sizes of a shape in 64 bits, those of empty tensors too


def shown(value: object) -> str:
    """Returns a value from a file as an error message may show it: short, on one line, without control characters."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else "a number of more than 30 digits"
    if isinstance(value, str | bytes):
        return ascii(value if len(value) <= 100 else value[:100]) + ("" if len(value) <= 100 else " …")
    if value is None or isinstance(value, bool | float):
        return str(value)
    if isinstance(value, list | tuple) and len(value) <= MAX_DIMENSIONS and all(type(item) is int for item in value):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return f"a value of type {type(value).__name__}"  # containers of a hostile file may be too deep to print


def size_of_shape_bytes(shape: Sequence[object], dtype: str) -> int | None:
    """Returns how many bytes a tensor takes, or None where no tensor can have that shape."""
    if len(shape) > MAX_DIMENSIONS or not all(type(size) is int for size in shape):
        return None
    sizes: list[int] = [size for size in shape if type(size) is int]
    if any(size < 0 for size in sizes):
        return None
    if math.prod(max(size, 1) for size in sizes) * ITEM_SIZE_BYTES[dtype] > _MAX_SHAPE_BYTES:
        return None
    return math.prod(sizes) * ITEM_SIZE_BYTES[dtype]


def as_dtype(data: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Returns bytes as values, without a copy where that can be.

    Args:
      data: uint8 [n], little-endian.
      dtype: A key of `ITEM_SIZE_BYTES`.

    Returns:
      An array [n / item size] of that dtype.
    """
    if dtype == "bool":
        return data != 0  # a byte that is neither 0 nor 1 would make a bool that NumPy does not know
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise CheckpointError(
                "A bfloat16 tensor needs the package ml_dtypes, which is not installed; install wav2vec2-tfx[train]."
            ) from error
        return data.view(ml_dtypes.bfloat16)
    # The data are little-endian; the values are given in this machine's order.
    return data.view(np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False)


@dataclasses.dataclass(frozen=True)
class ByteFile:
    """A regular file, by its path, and the size that it had when it was looked at.

    Attributes:
      path: Where it lies.
      size_bytes: Its size.
    """

    path: Path
    size_bytes: int

    @classmethod
    def at(cls, path: str | Path) -> ByteFile:
        """Looks at a file.

        Raises:
          CheckpointError: it is missing, is no regular file, or may not be read.
        """
        path = Path(path)
        try:
            status = path.stat()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise CheckpointError(f"The checkpoint file {path} must be readable, and is not: {error}.") from error
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"The checkpoint file {path} must be a regular file, and is none.")
        return cls(path, status.st_size)

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader]:
        """Opens the file for a block; what the system says against it becomes a CheckpointError."""
        try:
            with self.path.open("rb") as file:
                yield file
        except OSError as error:
            raise CheckpointError(f"The checkpoint file {self.path} must be readable, and is not: {error}.") from error

    def read(self, offset_bytes: int, size_bytes: int) -> np.ndarray[Any, Any]:
        """Returns a range of the file as uint8 [size_bytes]; the caller has checked that it lies inside.

        Raises:
          CheckpointError: the file cannot be read, or has become shorter.
        """
        with self.opened() as file:
            file.seek(offset_bytes)
            data = np.empty(size_bytes, np.uint8)
            if file.readinto(data.data) != size_bytes:
                raise CheckpointError(
                    f"The checkpoint file {self.path} must hold {size_bytes} bytes at {offset_bytes}; it has become"
                    " shorter since it was opened; download it again."
                )
        return data
