"""Reads a checkpoint that lies in several files, by the index that names them.

Hugging Face writes such an index for large models, as `model.safetensors.index.json` or
`pytorch_model.bin.index.json`: `{"metadata": {…}, "weight_map": {tensor: file}}`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.checkpoint.readers.byte_file import ByteFile, shown
from model.checkpoint.readers.safetensors_file import read_safetensors
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.readers.torch_file import read_torch
from model.errors import CheckpointError

MAX_INDEX_BYTES = 16 * 2**20
_MAX_NAME_CHARACTERS = 255  # file systems allow no more
_TORCH_SUFFIXES = (".bin", ".pt", ".pth")
_SUFFIXES = (".safetensors", *_TORCH_SUFFIXES)


def read_sharded(index_path: str | Path) -> dict[str, StoredTensor]:
    """Reads the index of a checkpoint and opens each file that it names; the tensors are read when they are asked for.

    Args:
      index_path: `model.safetensors.index.json` or `pytorch_model.bin.index.json`; the other files lie beside it.

    Returns:
      The tensors of all files by name, in the order of the index.

    Raises:
      CheckpointError: the index or a file cannot be read, or they do not name the same tensors, each once.
    """
    index_path = Path(index_path)
    weight_map = read_index(index_path)
    directory = index_path.parent
    shards = {name: _read_shard(directory, name) for name in dict.fromkeys(weight_map.values())}
    counts = Counter(tensor for tensors in shards.values() for tensor in tensors)
    _refuse(index_path, "must be in one file only", (tensor for tensor, count in counts.items() if count > 1))
    _refuse(
        index_path, "must be in the index, and is only in its file", (name for name in counts if name not in weight_map)
    )
    _refuse(
        index_path,
        "must be in the file that the index names",
        (tensor for tensor, shard in weight_map.items() if tensor not in shards[shard]),
    )
    return {tensor: shards[shard][tensor] for tensor, shard in weight_map.items()}


def _refuse(index_path: Path, rule: str, tensors: Iterable[str]) -> None:
    for tensor in tensors:
        raise CheckpointError(
            f"The tensor {shown(tensor)} of the checkpoint of {index_path} {rule}; download all of its files again."
        )


def read_index(path: Path) -> dict[str, str]:
    """Returns the file of each tensor, by the tensor's name, in the order of the index.

    Raises:
      CheckpointError: it cannot be read, or names what is no file beside it.
    """
    file = ByteFile.at(path)
    if file.size_bytes > MAX_INDEX_BYTES:
        raise CheckpointError(
            f"The index {path} must take {MAX_INDEX_BYTES} bytes at most, and takes {file.size_bytes}; download it"
            " again."
        )
    try:
        value = json.loads(file.read(0, file.size_bytes).tobytes().decode("utf-8"), object_pairs_hook=_object)
    except RecursionError as error:
        raise _broken(path, "it may not be nested deeply, and is") from error
    except ValueError as error:
        raise _broken(path, f"it must be JSON in UTF-8 that names everything once: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict):
        raise _broken(path, "it must be a JSON object, and its metadata too")
    weight_map = value.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _broken(path, "its weight_map must be a JSON object that names a file for each tensor")
    for tensor, shard in weight_map.items():
        if not isinstance(shard, str):
            raise _broken(path, f"the file of {shown(tensor)} must be a name, not {shown(shard)}")
    return weight_map


def _broken(path: Path, rule: str) -> CheckpointError:
    return CheckpointError(f"The index {path} must be that of a checkpoint: {rule}; download it again.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{shown(twice)} comes twice")
    return result


def _read_shard(directory: Path, name: str) -> dict[str, StoredTensor]:
    is_short = 0 < len(name) <= _MAX_NAME_CHARACTERS
    if not is_short or name in (".", "..") or any(part in "/\\:" or not part.isprintable() for part in name):
        raise CheckpointError(
            f"The index of {directory} must name files that lie beside it, not {shown(name)}; do not trust this"
            " checkpoint."
        )
    if not name.endswith(_SUFFIXES):
        raise CheckpointError(
            f"The index of {directory} must name files that end with {', '.join(_SUFFIXES)}, not {shown(name)};"
            " download it again."
        )
    path = directory / name
    _check_link(directory, path)
    if not name.endswith(_TORCH_SUFFIXES):
        return read_safetensors(path)
    tensors = read_torch(path)
    if type(tensors) is not dict:
        raise CheckpointError(f"{path} must hold a dict of tensors, not {shown(tensors)}; save a state_dict.")
    for key, value in tensors.items():
        if type(key) is not str or not isinstance(value, StoredTensor):
            raise CheckpointError(
                f"{path} must hold tensors by name only, not {shown(value)} as {shown(key)}; save a state_dict."
            )
    return tensors


def _check_link(directory: Path, path: Path) -> None:
    try:
        target = path.resolve(strict=True)
        home = directory.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
        raise CheckpointError(
            f"The checkpoint of {directory} must hold {path.name}, which its index names: {error}; download it again."
        ) from error
    # The cache of Hugging Face holds links only: models--x/snapshots/<revision>/<name> to models--x/blobs/<digest>.
    allowed = [home]
    if home.parent.name == "snapshots":
        allowed.append(home.parent.parent / "blobs")
    if target.parent not in allowed:
        raise CheckpointError(
            f"{path} must lie beside its index, and is a link to {target}; copy the file there if you trust it."
        )
