"""The memory that PyTorch's tensors lie in, and the views of it that the tensors are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from model.checkpoint.readers.byte_file import ITEM_SIZE_BYTES, ByteFile, as_dtype, shown, size_of_shape_bytes
from model.errors import CheckpointError


@dataclasses.dataclass
class StorageInFile:
    """A storage as it lies in a file.

    Attributes:
      file: The file.
      key: Its name in the pickle.
      dtype: Its dtype.
      count: How many values of that dtype it has, as the pickle says.
      offset_bytes: Where it begins. A file of the old format says that behind the pickle, so it is filled in later;
        nothing is read before.
    """

    file: ByteFile
    key: str
    dtype: str
    count: int
    offset_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes it takes."""
        return self.count * ITEM_SIZE_BYTES[self.dtype]


@dataclasses.dataclass(frozen=True)
class Storage:
    """A storage as a tensor sees it: all of one in the file, or a part.

    Attributes:
      root: The storage in the file.
      first_bytes: Where the part begins.
      size_bytes: How many bytes it has.
    """

    root: StorageInFile
    first_bytes: int
    size_bytes: int


@dataclasses.dataclass(frozen=True)
class StridedView:
    """A tensor: every value has its place in a storage.

    Attributes:
      storage: Where the values lie.
      dtype: Their dtype.
      first: The place of the first one, counted in values.
      shape: The shape of the tensor.
      strides: How many places lie between neighbours, for each dimension.
    """

    storage: Storage
    dtype: str
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def checked(cls, storage: Storage, dtype: str, first: Any, shape: Any, strides: Any) -> StridedView:
        """Makes a view out of what a pickle says, if the storage has a place for each of its values.

        Raises:
          CheckpointError: the view is none, leaves the storage, or shows values so often that it would be larger.
        """
        rule = f"There is something wrong with a tensor of {storage.root.file.path}, storage {shown(storage.root.key)}:"
        if type(shape) is not tuple or type(strides) is not tuple or len(shape) != len(strides):
            raise CheckpointError(
                f"{rule} its shape and strides must be tuples of one length, not {shown(shape)} and {shown(strides)};"
                " download it again."
            )
        size_bytes = size_of_shape_bytes(shape, dtype)
        if size_bytes is None:
            raise CheckpointError(f"{rule} its shape must be a list of sizes, not {shown(shape)}; download it again.")
        if any(type(number) is not int or number < 0 for number in (first, *strides)):
            raise CheckpointError(
                f"{rule} its offset and strides must be whole numbers that are not negative, not {shown(first)} and"
                f" {shown(strides)}; download it again."
            )
        # The stride of a dimension of size 1 or less is never used, and may be anything.
        strides = tuple(stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True))
        view = cls(storage, dtype, first, shape, strides)
        end_bytes = (first + view.extent) * ITEM_SIZE_BYTES[dtype]
        if size_bytes > storage.size_bytes or (size_bytes and end_bytes > storage.size_bytes):
            raise CheckpointError(
                f"{rule} it must lie within the storage's {storage.size_bytes} bytes; its shape is {shown(shape)}, its"
                f" strides are {shown(strides)}, its offset is {shown(first)} and its dtype {dtype}; download it again."
            )
        return view

    @property
    def size_bytes(self) -> int:
        """How many bytes the values take once they are read."""
        return size_of_shape_bytes(self.shape, self.dtype) or 0

    @property
    def extent(self) -> int:
        """How many places lie between the first value and the end of the last one; 0 without values."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def read(self) -> np.ndarray[Any, Any]:
        """Reads the values, in an array of their own without gaps."""
        item_bytes = ITEM_SIZE_BYTES[self.dtype]
        offset_bytes = self.storage.root.offset_bytes + self.storage.first_bytes + self.first * item_bytes
        data = self.storage.root.file.read(offset_bytes if self.extent else 0, self.extent * item_bytes)
        if self.extent:
            # Values are moved as plain numbers of their size: NumPy checks the view, and knows no buffer of bfloat16.
            strides_bytes = tuple(stride * item_bytes for stride in self.strides)
            view = np.ndarray(self.shape, f"u{item_bytes}", buffer=data.data, strides=strides_bytes)
            data = np.ascontiguousarray(view).reshape(-1).view(np.uint8)
        return as_dtype(data, self.dtype).reshape(self.shape)
