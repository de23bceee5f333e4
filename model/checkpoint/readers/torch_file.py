"""Reads what `torch.save` writes, without PyTorch and without running anything of it.

Two formats: a zip archive since PyTorch 1.6 (`data.pkl` for the objects, `data/<key>` for each storage), and before
that some pickles, one behind the other, with the storages behind them. The source for both is PyTorch's
torch/serialization.py.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from model.checkpoint.readers.byte_file import ITEM_SIZE_BYTES, ByteFile, shown
from model.checkpoint.readers.pickle_input import MAX_PICKLE_BYTES
from model.checkpoint.readers.pickle_machine import read_pickle
from model.checkpoint.readers.torch_builder import TorchBuilder
from model.checkpoint.readers.zip_members import ZipMember, read_zip_members
from model.errors import CheckpointError

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PICKLED_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PROTOCOL_VERSION = 1001
_ZIP_START = b"PK\x03\x04"
_TAR_AT, _TAR_START = 257, b"ustar"
_LFS_START = b"version https://git-lfs"
_PICKLE = "/data.pkl"
_LENGTH_BYTES = 8


def read_torch(path: str | Path) -> Any:
    """Reads the objects of a file of `torch.save`; the tensors are read when they are asked for.

    Args:
      path: The file, `pytorch_model.bin` or `wav2vec_small.pt` for example.

    Returns:
      What was saved: dict (an OrderedDict too), list, tuple, str, bytes, int, float, bool and None, with a
      `StoredTensor` for each tensor and parameter. An object of a class that checkpoints may have is a `PickledObject`,
      and a class, a function or a dtype a `PickledName`, such as `torch.float32`.

    Raises:
      CheckpointError: the file cannot be read, is damaged, has a format that is not read, or refers to anything that
        checkpoints do not need; such a thing is named, and never called.
    """
    file = ByteFile.at(path)
    start = file.read(0, min(file.size_bytes, _TAR_AT + len(_TAR_START))).tobytes()
    if start.startswith(_ZIP_START):
        return _read_zip(file)
    if start.startswith(_PICKLED_MAGIC[:2]):
        return _read_legacy(file)
    if start.startswith(_LFS_START):
        raise CheckpointError(
            f"{file.path} must be a file of torch.save, and is a pointer of Git LFS; fetch the file with"
            " `git lfs pull`."
        )
    if start[_TAR_AT:] == _TAR_START:
        raise CheckpointError(
            f"{file.path} must be a file of torch.save since PyTorch 0.2, and is one of the tar archives before that;"
            " load and save it with a newer PyTorch."
        )
    raise CheckpointError(
        f"{file.path} must be a file of torch.save; it starts with {shown(start[:8])}; download it again."
    )


def _where(file: ByteFile) -> str:
    return f"the pickle of {file.path}"


def _read_zip(file: ByteFile) -> Any:
    members = read_zip_members(file)
    pickles = [name for name in members if name.endswith(_PICKLE) and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(
            f"{file.path} must be an archive of torch.save, with one data.pkl; it has {len(pickles)}; download it"
            " again."
        )
    prefix = pickles[0].removesuffix(_PICKLE) + "/"
    if prefix + "constants.pkl" in members or any(name.startswith(prefix + "code/") for name in members):
        raise CheckpointError(
            f"{file.path} must be a checkpoint, and is a TorchScript program; save its state_dict with torch.save."
        )
    for name, member in members.items():
        if not member.is_stored:
            raise CheckpointError(
                f"{file.path} must hold its members as torch.save writes them, not compressed as {shown(name)} is;"
                " download it again, or save it anew with torch.save."
            )
    _check_byte_order(file, members.get(prefix + "byteorder"))
    pickled = members[pickles[0]]
    if pickled.size_bytes > MAX_PICKLE_BYTES:
        raise CheckpointError(
            f"The data.pkl of {file.path} must take {MAX_PICKLE_BYTES} bytes at most, as tensors are not in it; it"
            f" takes {pickled.size_bytes}; save the tensors alone."
        )
    builder = TorchBuilder(file)
    data = io.BytesIO(file.read(pickled.offset_bytes, pickled.size_bytes).tobytes())
    result = read_pickle(data, pickled.size_bytes, _where(file), builder)
    for key, storage in builder.storages.items():
        member = members.get(f"{prefix}data/{key}", ZipMember(0, 0) if storage.count == 0 else None)
        if member is None:
            raise CheckpointError(f"{file.path} must hold its storage {shown(key)}, and does not; download it again.")
        # PyTorch rounds down too: a storage may have been made of bytes.
        if member.size_bytes // ITEM_SIZE_BYTES[storage.dtype] != storage.count:
            raise CheckpointError(
                f"The storage {shown(key)} of {file.path} must have the {shown(storage.size_bytes)} bytes that its"
                f" pickle says; it has {member.size_bytes}; download it again."
            )
        storage.offset_bytes = member.offset_bytes
    return result


def _check_byte_order(file: ByteFile, member: ZipMember | None) -> None:
    if member is None:  # before PyTorch 2.1 nothing was said, and all machines were little-endian
        return
    order = file.read(member.offset_bytes, min(member.size_bytes, 16)).tobytes()
    if order != b"little":
        raise CheckpointError(
            f"{file.path} must be little-endian, and says {shown(order)}; save it on a usual machine, or as"
            " safetensors."
        )


def _read_legacy(file: ByteFile) -> Any:
    builder = TorchBuilder(file)
    with file.opened() as stream:

        def read_next() -> Any:
            return read_pickle(stream, file.size_bytes - stream.tell(), _where(file), builder)

        if read_next() != _MAGIC_NUMBER:
            raise CheckpointError(
                f"{file.path} must be a file of torch.save, and is a pickle of something else; save it with torch.save."
            )
        version, system = read_next(), read_next()
        if version != _PROTOCOL_VERSION:
            raise CheckpointError(
                f"{file.path} must have the version {_PROTOCOL_VERSION} of its format, not {shown(version)}; download"
                " it again."
            )
        if type(system) is not dict or system.get("little_endian") is not True:
            raise CheckpointError(
                f"{file.path} must be little-endian, and does not say so; save it on a usual machine, or as"
                " safetensors."
            )
        result, keys = read_next(), read_next()
        if type(keys) is not list or len(keys) != len(builder.storages):
            raise CheckpointError(
                f"{file.path} must list the {len(builder.storages)} storages that its pickle names; it lists"
                f" {len(keys) if type(keys) is list else shown(keys)}; download it again."
            )
        _find_storages(file, stream, builder, keys)
    return result


def _find_storages(file: ByteFile, stream: io.BufferedReader, builder: TorchBuilder, keys: list[Any]) -> None:
    """Fills in where the storages begin: each is a count of values and the values."""
    offset = stream.tell()
    found: set[str] = set()
    for key in keys:
        storage = builder.storages.get(key) if type(key) is str and key not in found else None
        if storage is None:
            raise CheckpointError(
                f"{file.path} must list each storage of its pickle once; it lists {shown(key)}; download it again."
            )
        found.add(key)
        stream.seek(offset)
        count = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        storage.offset_bytes = offset + _LENGTH_BYTES
        offset = storage.offset_bytes + storage.size_bytes
        if count != storage.count or offset > file.size_bytes:
            raise CheckpointError(
                f"{file.path} must hold the {shown(storage.count)} values of its storage {shown(key)}; it says {count},"
                f" and ends at {file.size_bytes} bytes; download it again."
            )
    if offset != file.size_bytes:
        raise CheckpointError(
            f"{file.path} must end with its last storage at {offset} bytes; it has {file.size_bytes}; download it"
            " again."
        )
