"""Reads safetensors files, tensor by tensor.

The format (https://github.com/huggingface/safetensors#format) is a length, a JSON header and the bytes of the tensors.
It is read here and not by the `safetensors` package: that takes the last of two tensors of one name, and maps the file,
so that a file that becomes shorter ends the process. The rules that are checked are the package's, and a few more.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from model.checkpoint.readers.byte_file import ByteFile, as_dtype, shown, size_of_shape_bytes
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.errors import CheckpointError

# The format allows 100 MB. A header of a thousand tensors takes 0.1 MB, and JSON grows thirtyfold in memory.
MAX_HEADER_BYTES = 16 * 2**20
_LENGTH_BYTES = 8
_METADATA = "__metadata__"
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


@dataclasses.dataclass(frozen=True)
class _Entry:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(path: str | Path) -> dict[str, StoredTensor]:
    """Reads the header of a safetensors file; the tensors are read when they are asked for.

    Args:
      path: The file.

    Returns:
      The tensors by name, in the order of the header.

    Raises:
      CheckpointError: the file cannot be read, is no whole safetensors file, or holds a dtype that NumPy does not know.
    """
    file = ByteFile.at(path)
    if file.size_bytes < _LENGTH_BYTES:
        raise _broken(file, f"its first {_LENGTH_BYTES} bytes say how long its header is; it has {file.size_bytes}")
    header_bytes = int.from_bytes(file.read(0, _LENGTH_BYTES).tobytes(), "little")
    room_bytes = file.size_bytes - _LENGTH_BYTES
    if not 2 <= header_bytes <= min(room_bytes, MAX_HEADER_BYTES):
        raise _broken(
            file,
            f"its header takes 2 bytes or more, at most {MAX_HEADER_BYTES} and no more than the {room_bytes} that"
            f" follow; the file says {header_bytes}",
        )
    header = _parse(file, file.read(_LENGTH_BYTES, header_bytes).tobytes())
    entries = [_entry(file, name, value) for name, value in header if name != _METADATA]
    _check_metadata(file, [value for name, value in header if name == _METADATA])
    _check_order(file, entries, room_bytes - header_bytes)
    start = _LENGTH_BYTES + header_bytes
    return {
        entry.name: StoredTensor(entry.dtype, entry.shape, functools.partial(_read, file, start, entry))
        for entry in entries
    }


def _read(file: ByteFile, start: int, entry: _Entry) -> np.ndarray[Any, Any]:
    data = file.read(start + entry.begin, entry.end - entry.begin)
    return as_dtype(data, entry.dtype).reshape(entry.shape)


def _broken(file: ByteFile, rule: str) -> CheckpointError:
    return CheckpointError(f"{file.path} must be a whole safetensors file: {rule}; download it again.")


def _parse(file: ByteFile, header: bytes) -> list[tuple[str, Any]]:
    if not header.startswith(b"{"):
        raise _broken(file, f"its header starts with '{{', not with {shown(header[:1])}")
    try:
        pairs = json.loads(header.decode("utf-8"), object_pairs_hook=_JsonObject)
    except RecursionError as error:
        raise _broken(file, "its header is a flat JSON object; it is nested too deeply") from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are among them
        raise _broken(file, "its header is a JSON object in UTF-8, and this one is not") from error
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _broken(file, f"it names every tensor once, and {shown(name)} twice")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise _broken(file, f"its names are Unicode text; {shown(name)} is none")
        seen.add(name)
    return pairs


class _JsonObject(list[tuple[str, Any]]):
    """A JSON object as it stands in the file, so that a name that comes twice is seen."""


def _check_metadata(file: ByteFile, values: list[Any]) -> None:
    for value in values:
        if not isinstance(value, _JsonObject) or not all(isinstance(text, str) for _, text in value):
            raise _broken(file, f"its {_METADATA} is a JSON object of strings, and this one is not")


def _entry(file: ByteFile, name: str, value: Any) -> _Entry:
    # A _JsonObject is an object and any other list an array: the difference must not get lost.
    fields = dict(value) if isinstance(value, _JsonObject) else {}
    if set(fields) != {"dtype", "shape", "data_offsets"} or len(value) != len(fields):
        raise _broken(file, f"the tensor {shown(name)} has a dtype, a shape and data_offsets, each once, and no more")
    code, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise CheckpointError(
            f"The tensor {shown(name)} of {file.path} must have one of the dtypes {', '.join(_DTYPES)}, not"
            f" {shown(code)}; save it in one of them."
        )
    dtype = _DTYPES[code]
    size_bytes = size_of_shape_bytes(shape, dtype) if type(shape) is list else None
    if size_bytes is None:
        raise _broken(file, f"the shape of {shown(name)} is a list of sizes; it is {shown(shape)}")
    if type(offsets) is not list or len(offsets) != 2 or not all(type(offset) is int for offset in offsets):
        raise _broken(file, f"the data_offsets of {shown(name)} are two whole numbers, not {shown(offsets)}")
    begin, end = offsets
    if end - begin != size_bytes:
        raise _broken(
            file,
            f"the tensor {shown(name)} takes {size_bytes} bytes by its dtype {code} and its shape {shown(shape)};"
            f" its data_offsets are {shown(offsets)}",
        )
    return _Entry(name, dtype, tuple(shape), begin, end)


def _check_order(file: ByteFile, entries: list[_Entry], data_bytes: int) -> None:
    expected = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != expected:
            raise _broken(
                file,
                f"its tensors lie one behind the other; {shown(entry.name)} must begin at {shown(expected)}, and"
                f" begins at {shown(entry.begin)}",
            )
        expected = entry.end
    if expected != data_bytes:
        raise _broken(file, f"its tensors take {shown(expected)} bytes behind the header; it has {data_bytes}")
