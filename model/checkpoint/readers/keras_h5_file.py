"""Weights that Keras saved as HDF5 (`tf_model.h5`), read without the HDF5 library.

The library, in C, can crash or hang on a damaged file, and a checkpoint comes from anywhere. Keeping it in a process of
its own would cost a second process, and h5py beside it, which the base installation does not have. The reader in pure
Python, pyfive, asks for NumPy 2, which TensorFlow 2.16 does not take, and does not promise bounds. What Keras writes is
a small part of the format: this reads that part, and refuses the rest.

Source: the HDF5 File Format Specification, version 3.0, by The HDF Group; sections are named at the functions.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from model.checkpoint.readers.byte_file import ITEM_SIZE_BYTES, ByteFile, as_dtype, shown
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.errors import CheckpointError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SUPERBLOCK_BYTES = 96
_HEADER_PREFIX_BYTES = 16
_MESSAGE_PREFIX_BYTES = 8
_NODE_PREFIX_BYTES = 24
_HEAP_BYTES = 32
_SYMBOL_BYTES = 40
_SYMBOL_NODE_PREFIX_BYTES = 8

_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUATION, _SYMBOL_TABLE = 1, 3, 7, 8, 11, 16, 17
_SHARED_FLAG = 2
_SOFT_LINK = 2
_COMPACT, _CONTIGUOUS = 0, 1

# The largest published model has about 400 weights, a dozen names deep, and 1 MB of names and headers. The bounds keep
# the work on a made-up file in seconds, and what it takes of memory in megabytes. That of a path bounds the depth, too.
_MAX_LINKS = 20_000
_MAX_PATH_BYTES = 1_000
_MAX_RANK = 8
_MAX_METADATA_BYTES = 16 << 20

# A datatype message (section IV.A.2.d) of IEEE numbers, little-endian, without its first byte, which holds a version.
# Fields: byte order and normalisation, place of the sign; size; first bit and number of bits; place and size of the
# exponent and of the mantissa; the exponent's bias.
_DTYPE_BY_MESSAGE = {
    bytes.fromhex("200f00 02000000 00001000 0a05000a 0f000000"): "float16",
    bytes.fromhex("201f00 04000000 00002000 17080017 7f000000"): "float32",
    bytes.fromhex("203f00 08000000 00004000 340b0034 ff030000"): "float64",
}
_FLOAT_CLASS = 1
_DATATYPE_BYTES = 20


def read_keras_h5(path: str | os.PathLike[str]) -> dict[str, StoredTensor]:
    """Opens a file of weights as Keras saves them in HDF5; values are read when they are asked for.

    Every dataset must be of float16, float32 or float64 and lie in one piece inside the file. Attributes, such as
    Keras's lists of names, are passed over.

    Args:
      path: The file, such as `tf_model.h5`.

    Returns:
      The tensors by the path of their dataset, without a slash in front, such as `wav2vec2/masked_spec_embed:0`.

    Raises:
      CheckpointError: the file cannot be read, is damaged, or uses a part of HDF5 that Keras does not.
    """
    source = ByteFile.at(Path(path))
    with source.opened() as file:
        return _File(source, file).tensors()


def _number(piece: bytes, offset: int, size: int) -> int:
    """Returns a number; the caller knows that the piece is long enough."""
    return int.from_bytes(piece[offset : offset + size], "little")


@dataclasses.dataclass(frozen=True)
class _Message:
    """A message of an object's header: its kind, its flags, its content, and where in the file the content begins."""

    kind: int
    flags: int
    content: bytes
    offset: int


class _File:
    """An open file.

    All but the values is read by `_read`, which keeps to the file and to a bound for all of it together; every step of
    a walk reads, so every walk ends.
    """

    def __init__(self, source: ByteFile, file: BinaryIO) -> None:
        self._source = source
        self._file = file
        self._size = source.size_bytes
        self._links_read = 0
        self._metadata_bytes = 0
        self._data_bytes = 0

    def tensors(self) -> dict[str, StoredTensor]:
        """Walks through the groups, without recursion, from the root."""
        tensors: dict[str, StoredTensor] = {}
        seen: set[int] = set()
        waiting = [("", self._root())]
        while waiting:
            name, address = waiting.pop()
            # Keras links each object once; a loop of links would come back to an object.
            if address in seen:
                raise self._error(f"the object {shown(name)} is linked twice")
            seen.add(address)
            messages: dict[int, _Message] = {}
            for message in self._messages(address):
                messages.setdefault(message.kind, message)
            if _SYMBOL_TABLE in messages and _LAYOUT not in messages:
                links = list(self._links(name, messages[_SYMBOL_TABLE]))
                if len(dict(links)) < len(links):
                    raise self._error(f"the group {shown(name)} holds one name twice")
                # The last is taken first: so they come in the order of the file.
                waiting += reversed(links)
            elif name:
                tensors[name] = self._tensor(shown(name), messages)
            else:
                raise self._error("its root is no group that has a symbol table")
        return tensors

    def _error(self, value: str) -> CheckpointError:
        return CheckpointError(
            f"{self._source.path} must be a whole HDF5 file in the form that Keras saves weights in, but {value};"
            " download it again, or save it again with Keras."
        )

    def _read(self, offset: int, size: int, signature: bytes = b"") -> bytes:
        if offset + size > self._size:
            raise self._error(f"it names bytes {offset} to {offset + size} and has {self._size}")
        self._metadata_bytes += size
        # An honest file has no byte that two things are read from, so all of them together are no more than the file.
        if self._metadata_bytes > min(self._size, _MAX_METADATA_BYTES):
            raise self._error("its names and headers take more bytes than it has, or more than any model's")
        self._file.seek(offset)
        piece = self._file.read(size)
        if len(piece) != size or not piece.startswith(signature):
            raise self._error(f"at byte {offset} there is no {signature.decode('latin-1') or 'data'!r}")
        return piece

    def _root(self) -> int:
        """Reads the superblock (section II.A), of the version that HDF5 writes if not told otherwise."""
        piece = self._read(0, _SUPERBLOCK_BYTES, _SIGNATURE)
        # Version, and the sizes of addresses and of lengths.
        version, sizes = piece[8], piece[13:15]
        base, end = _number(piece, 24, 8), _number(piece, 40, 8)
        if version != 0 or sizes != b"\x08\x08" or base != 0:
            raise self._error(f"its superblock has version {version}, sizes {list(sizes)} and base address {base}")
        if end > self._size:
            raise self._error(f"it was {end} bytes long when it was written, and is {self._size}")
        return _number(piece, 64, 8)

    def _messages(self, address: int) -> Iterator[_Message]:
        """Gives the messages of an object's header of version 1 (section IV.A.1.a)."""
        prefix = self._read(address, _HEADER_PREFIX_BYTES)
        if prefix[0] != 1:
            raise self._error(f"the object header at byte {address} has version {prefix[0]}")
        chunks = [(address + _HEADER_PREFIX_BYTES, _number(prefix, 8, 4))]
        while chunks:
            start, size = chunks.pop()
            chunk = self._read(start, size)
            at = 0
            while at + _MESSAGE_PREFIX_BYTES <= size:
                kind, length, flags = _number(chunk, at, 2), _number(chunk, at + 2, 2), chunk[at + 4]
                at += _MESSAGE_PREFIX_BYTES
                message = _Message(kind, flags, chunk[at : at + length], start + at)
                if at + length > size or (kind == _CONTINUATION and length < 16):
                    raise self._error(f"the message at byte {start + at} is cut off")
                at += length
                if kind == _CONTINUATION:
                    # A loop of these ends at the bound on what is read; one of empty pieces must not begin.
                    begin, more = _number(message.content, 0, 8), _number(message.content, 8, 8)
                    if more < _MESSAGE_PREFIX_BYTES:
                        raise self._error(f"the message at byte {message.offset} continues with {more} bytes")
                    chunks.append((begin, more))
                yield message

    def _links(self, name: str, table: _Message) -> Iterator[tuple[str, int]]:
        """Gives the paths of what is in a group and their addresses (sections III.A.1, III.B, III.C and III.D)."""
        if len(table.content) < 16:
            raise self._error(f"the group {shown(name)} has a symbol table message that is cut off")
        heap = self._read(_number(table.content, 8, 8), _HEAP_BYTES, b"HEAP")
        names = self._read(_number(heap, 24, 8), _number(heap, 8, 8))
        nodes = [_number(table.content, 0, 8)]
        while nodes:
            address = nodes.pop()
            piece = self._read(address, _NODE_PREFIX_BYTES, b"TREE")
            kind, level, count = piece[4], piece[5], _number(piece, 6, 2)
            if kind != 0:
                raise self._error(f"the tree node at byte {address} has kind {kind}, not a group's")
            # Keys stand between the addresses, one more than these; a key is 8 bytes in a group's tree.
            entries = self._read(address + _NODE_PREFIX_BYTES, 16 * count + 8)
            children = [_number(entries, 16 * index + 8, 8) for index in range(count)]
            if level > 0:
                nodes += reversed(children)
                continue
            for child in children:
                yield from self._symbols(name, child, names)

    def _symbols(self, group: str, address: int, names: bytes) -> Iterator[tuple[str, int]]:
        prefix = self._read(address, _SYMBOL_NODE_PREFIX_BYTES, b"SNOD")
        for index in range(_number(prefix, 6, 2)):
            entry = self._read(address + _SYMBOL_NODE_PREFIX_BYTES + index * _SYMBOL_BYTES, _SYMBOL_BYTES)
            begin = _number(entry, 0, 8)
            name = names[begin : begin + _MAX_PATH_BYTES].partition(b"\0")[0]
            path = (group.encode() + b"/" + name).removeprefix(b"/")
            if not name or b"/" in name or len(path) > _MAX_PATH_BYTES or not path.isascii():
                raise self._error(f"the group {shown(group)} holds the name {shown(name)}")
            if _number(entry, 16, 4) == _SOFT_LINK:
                raise self._error(f"{shown(path)} is a link to another name")
            self._links_read += 1
            if self._links_read > _MAX_LINKS:
                raise self._error(f"it holds more than {_MAX_LINKS} names")
            yield path.decode("ascii"), _number(entry, 8, 8)

    def _tensor(self, name: str, messages: dict[int, _Message]) -> StoredTensor:
        """Checks a dataset's header, before anything is read or allocated for its values."""
        needed = [messages.get(kind) for kind in (_DATASPACE, _DATATYPE, _LAYOUT)]
        dataspace, datatype, layout = needed
        if dataspace is None or datatype is None or layout is None or _SYMBOL_TABLE in messages:
            raise self._error(f"{name} is neither a dataset nor a group that has a symbol table")
        if _EXTERNAL in messages or _FILTERS in messages:
            raise self._error(f"the dataset {name} lies in another file, or is compressed")
        if any(message.flags & _SHARED_FLAG for message in (dataspace, datatype, layout)):
            raise self._error(f"the dataset {name} shares its description with another")
        dtype = self._dtype(name, datatype.content)
        shape = self._shape(name, dataspace.content)
        size = math.prod(shape) * ITEM_SIZE_BYTES[dtype]
        offset = self._place(name, layout, size)
        self._data_bytes += size
        if offset + size > self._size or self._data_bytes > self._size:
            raise self._error(
                f"the dataset {name} of {size} bytes at byte {offset} is not inside its {self._size} bytes"
            )
        return StoredTensor(dtype, shape, functools.partial(_values, self._source, offset, dtype, shape))

    def _dtype(self, name: str, content: bytes) -> str:
        version, kind = (content[0] >> 4, content[0] & 15) if content else (0, 0)
        dtype = _DTYPE_BY_MESSAGE.get(content[1:_DATATYPE_BYTES])
        if dtype is None or kind != _FLOAT_CLASS or version not in (1, 2, 3):
            raise self._error(f"the dataset {name} is not of float16, float32 or float64, little-endian")
        return dtype

    def _shape(self, name: str, content: bytes) -> tuple[int, ...]:
        """Reads a dataspace message (section IV.A.2.b)."""
        version, rank = (content[0], content[1]) if len(content) >= 4 else (0, 0)
        begin = {1: 8, 2: 4}.get(version, 0)
        # In version 2, a kind of 2 says that there are no values at all.
        is_simple = begin > 0 and not (version == 2 and content[3] > 1)
        if not is_simple or rank > _MAX_RANK or len(content) < begin + 8 * rank:
            raise self._error(f"the dataset {name} has no shape of at most {_MAX_RANK} dimensions")
        shape = tuple(_number(content, begin + 8 * index, 8) for index in range(rank))
        if 0 in shape:
            raise self._error(f"the dataset {name} has the shape {shape} and so no values")
        return shape

    def _place(self, name: str, layout: _Message, size: int) -> int:
        """Reads a data layout message (section IV.A.2.i), and returns where the values begin."""
        content = layout.content
        version, kind = (content[0], content[1]) if len(content) >= 4 else (0, 0)
        if version == 3 and kind == _CONTIGUOUS and len(content) >= 18 and _number(content, 10, 8) == size:
            return _number(content, 2, 8)
        if version == 3 and kind == _COMPACT and _number(content, 2, 2) == size <= len(content) - 4:
            return layout.offset + 4
        raise self._error(f"the dataset {name} does not lie in one piece of {shown(size)} bytes")


def _values(source: ByteFile, offset: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return as_dtype(source.read(offset, math.prod(shape) * ITEM_SIZE_BYTES[dtype]), dtype).reshape(shape)
