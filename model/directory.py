"""The model directory: everything that is needed to build a model again, and proof that nothing in it has changed.

config.json               the architecture, as published checkpoints write it
model.weights.h5          the weights, as Keras writes them
vocab.json                id by token; a model without a CTC head has none
preprocessor_config.json  how a waveform becomes the model's input
MANIFEST.json             sha256 of each file, head, model digest, source checkpoint, code version; written last
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.config import Wav2Vec2Config
from model.errors import CheckpointError
from model.storage import replacing_directory, sha256_of_file, sha256_of_files
from model.text import Vocabulary
from model.version import __version__

MANIFEST_FILE = "MANIFEST.json"
WEIGHTS_FILE = "model.weights.h5"


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """An opened model directory.

    Attributes:
      model: The `Wav2Vec2CTC`, `Wav2Vec2PreTraining` or `Wav2Vec2Headless`.
      config: Its architecture.
      tokens: The vocabulary of its CTC head; None without one.
      preprocessor: The content of `preprocessor_config.json`.
      manifest: The content of `MANIFEST.json`.
    """

    model: Any
    config: Wav2Vec2Config
    tokens: Vocabulary | None
    preprocessor: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the CTC head.

        Raises:
          CheckpointError: the model has no CTC head.
        """
        if self.tokens is None:
            raise CheckpointError(
                "The model must have a CTC head, with a vocabulary, and has none: it was converted from a pre-trained"
                " backbone; choose a checkpoint that was fine-tuned."
            )
        return self.tokens

    @property
    def digest(self) -> str:
        """The model digest (hex)."""
        return self.manifest["model_digest"]


def save_model(
    model: Any,
    vocabulary: Vocabulary | None,
    preprocessor: Mapping[str, Any],
    directory: str | Path,
    source_checkpoint: Mapping[str, Any] | None = None,
    extra_files: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a model directory, whole or not at all; one that stands there is replaced.

    The model's random state, which Keras saves with its weights, is set to a fixed one.

    Args:
      model: A `Wav2Vec2CTC`, `Wav2Vec2PreTraining` or `Wav2Vec2Headless`.
      vocabulary: The tokens of its CTC head; None without one.
      preprocessor: The content of `preprocessor_config.json`.
      directory: Where.
      source_checkpoint: Name, revision, layout and sha256 of the checkpoint that the weights came from.
      extra_files: JSON values to write beside, by file name.

    Returns:
      The manifest.
    """
    with replacing_directory(directory) as temporary:
        contents = {
            "config.json": model.config.to_published(model.head),
            **({} if vocabulary is None else {"vocab.json": vocabulary.to_mapping()}),
            "preprocessor_config.json": dict(preprocessor),
            **(extra_files or {}),
        }
        for name, value in contents.items():
            (temporary / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        # Keras saves the random state of dropout with the weights: a fixed one, so that equal models are equal files.
        model.reseed(0)
        model.save_weights(temporary / WEIGHTS_FILE)
        manifest = {
            "format_version": 1,
            "files": sha256_of_files(temporary),
            "head": model.head,
            "model_digest": model_digest(model, vocabulary),
            "source_checkpoint": dict(source_checkpoint) if source_checkpoint else None,
            "code_version": __version__,
        }
        (temporary / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def load_model(directory: str | Path, padding: str = "masked") -> LoadedModel:
    """Opens a model directory.

    Args:
      directory: What `save_model` or `convert_checkpoint` wrote.
      padding: As in `Wav2Vec2Base`.

    Raises:
      CheckpointError: a file is missing, has changed since it was written, or does not fit the others.
    """
    from model.wav2vec2 import MODEL_BY_HEAD

    root = Path(directory)
    manifest = read_manifest(root)
    config = Wav2Vec2Config.from_file(root / "config.json")
    head = manifest.get("head", "ctc")
    if not isinstance(head, str) or head not in MODEL_BY_HEAD:
        raise CheckpointError(
            f"{root / MANIFEST_FILE} must name the head 'ctc', 'pretraining' or 'none', not {head!r}."
        )
    vocabulary = Vocabulary.from_file(root / "vocab.json") if head == "ctc" else None
    preprocessor = _read_preprocessor(root / "preprocessor_config.json")
    model = MODEL_BY_HEAD[head](config, padding=padding)  # pyright: ignore[reportArgumentType] — checked there
    try:
        model.load_weights(root / WEIGHTS_FILE)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{root / WEIGHTS_FILE} must hold the weights of the architecture in config.json: {error}."
        ) from error
    return LoadedModel(model, config, vocabulary, preprocessor, manifest)


def _read_preprocessor(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} must be a JSON object: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not {type(value).__name__}.")
    return value


def read_manifest(directory: str | Path) -> dict[str, Any]:
    """Reads the manifest of a model directory and checks every file against it.

    Raises:
      CheckpointError: the manifest or a file is missing, or a file is not what was written.
    """
    root = Path(directory)
    path = root / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        # What every later step asks for.
        _ = manifest["model_digest"], files[WEIGHTS_FILE], files["config.json"], files["preprocessor_config.json"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"A model directory must hold a whole {MANIFEST_FILE}, and {root} does not: {error!r}; convert or train"
            " the model again."
        ) from error
    for name, sha256 in files.items():
        file = root / name
        if not file.is_file():
            raise CheckpointError(f"The model directory {root} must hold {name}, and does not; copy it again.")
        if sha256_of_file(file) != sha256:
            raise CheckpointError(f"{file} must be as it was written, and its sha256 has changed; copy it again.")
    return manifest


def model_digest(model: Any, vocabulary: Vocabulary | None) -> str:
    """Returns the sha256 (hex) over the sorted (name, dtype, shape, bytes) of the weights, config and vocabulary."""
    digest = hashlib.sha256()
    weights = model.named_weights()
    for name in sorted(weights):
        value = np.ascontiguousarray(weights[name].numpy())
        digest.update(f"{name}\0{value.dtype}\0{value.shape}\n".encode())
        digest.update(value.tobytes())
    for value in (model.config.to_published(model.head), {} if vocabulary is None else vocabulary.to_mapping()):
        digest.update(json.dumps(value, sort_keys=True).encode())
    return digest.hexdigest()
