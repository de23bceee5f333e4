"""A checkpoint in the published PyTorch layout, on disk: `config.json` and `model.safetensors`, checked before use."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.config import Wav2Vec2Config
from model.errors import CheckpointError, UsageError
from model.text import Vocabulary, librispeech_vocabulary

WEIGHTS_FILE = "model.safetensors"
_DTYPES = ("float32", "float16", "bfloat16")

DEFAULT_PREPROCESSOR: Mapping[str, Any] = {
    "do_normalize": True,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
    "sampling_rate": 16000,
}


@dataclasses.dataclass(frozen=True)
class PublishedCheckpoint:
    """What a checkpoint directory holds.

    Attributes:
      directory: Where it lies.
      config: The architecture.
      vocabulary: The tokens of the CTC head.
      preprocessor: The content of `preprocessor_config.json`.
      tensors: float32 arrays by the name that they have in the file.
      dtype_by_name: The dtype that each tensor has in the file.
    """

    directory: Path
    config: Wav2Vec2Config
    vocabulary: Vocabulary
    preprocessor: dict[str, Any]
    tensors: dict[str, np.ndarray[Any, Any]]
    dtype_by_name: dict[str, str]


def find_checkpoint(source: str | Path) -> Path:
    """Returns the directory of a checkpoint, given that directory or its weights file.

    Raises:
      UsageError: there is no such path, or it is a kind of checkpoint that this version does not read.
      CheckpointError: `config.json` or the weights are missing.
    """
    text = str(source)
    if "://" in text:
        raise UsageError(
            f"--checkpoint must be a directory or a {WEIGHTS_FILE} on this machine, not {text!r}; download the"
            " checkpoint first and name its directory."
        )
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"--checkpoint must be a directory or a {WEIGHTS_FILE} that exists; {path} does not.")
    directory = path if path.is_dir() else path.parent
    if path.is_file() and path.name != WEIGHTS_FILE:
        raise CheckpointError(
            f"A checkpoint's weights must be a file {WEIGHTS_FILE}, not {path.name}; save them as safetensors first."
        )
    for name in ("config.json", WEIGHTS_FILE):
        if not (directory / name).is_file():
            raise CheckpointError(f"The checkpoint {directory} must hold {name}, and does not; download it again.")
    return directory


def read_checkpoint(source: str | Path) -> PublishedCheckpoint:
    """Reads and checks a checkpoint.

    Raises:
      UsageError: there is no such path.
      CheckpointError: a file is missing, cannot be read, or holds something that is no weight of ours.
    """
    directory = find_checkpoint(source)
    config = Wav2Vec2Config.from_file(directory / "config.json")
    vocabulary = _read_vocabulary(directory, config)
    tensors, dtypes = _read_safetensors(directory / WEIGHTS_FILE)
    return PublishedCheckpoint(directory, config, vocabulary, _read_preprocessor(directory), tensors, dtypes)


def _read_vocabulary(directory: Path, config: Wav2Vec2Config) -> Vocabulary:
    path = directory / "vocab.json"
    if path.exists():
        vocabulary = Vocabulary.from_file(path)
    elif config.vocab_size == len(librispeech_vocabulary().tokens):
        vocabulary = librispeech_vocabulary()
    else:
        raise CheckpointError(
            f"The checkpoint {directory} has {config.vocab_size} tokens and no vocab.json that names them; add it."
        )
    if len(vocabulary.tokens) != config.vocab_size:
        raise CheckpointError(
            f"{path} must name as many tokens as config.json says, {config.vocab_size}; it names"
            f" {len(vocabulary.tokens)}."
        )
    if vocabulary.blank_id != config.pad_token_id:
        raise CheckpointError(
            f"The CTC blank must be the same token in {path} ({vocabulary.blank_id}) and in config.json"
            f" ({config.pad_token_id})."
        )
    return vocabulary


def _read_preprocessor(directory: Path) -> dict[str, Any]:
    path = directory / "preprocessor_config.json"
    if not path.exists():
        return dict(DEFAULT_PREPROCESSOR)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} must be a JSON object: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(value).__name__}.")
    rate_hz = value.get("sampling_rate", 16000)
    if rate_hz != 16000:
        raise CheckpointError(f"{path} must have sampling_rate 16000, which the corpus has, not {rate_hz!r}.")
    return value


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    import ml_dtypes  # noqa: F401 — registers bfloat16 with NumPy, so that safetensors can read it
    import safetensors

    tensors: dict[str, np.ndarray[Any, Any]] = {}
    dtypes: dict[str, str] = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:  # pyright: ignore[reportGeneralTypeIssues]
            for name in file.keys():  # noqa: SIM118 — this object is no mapping
                tensor = file.get_tensor(name)
                dtypes[name] = str(tensor.dtype)
                tensors[name] = tensor
    except (safetensors.SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} must be a whole safetensors file: {error}; download it again.") from error
    for name, dtype in dtypes.items():
        if dtype not in _DTYPES:
            raise CheckpointError(f"The tensor {name} of {path} must be one of {', '.join(_DTYPES)}, not {dtype}.")
        tensors[name] = tensors[name].astype(np.float32)
        if not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"The tensor {name} of {path} must be finite; it holds NaN or infinity.")
    return tensors, dtypes
