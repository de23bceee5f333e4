"""The checkpoint of a release: the layout in which such models are published, to be trained on or loaded elsewhere.

model.safetensors         the weights as PyTorch's, with the heads of pre-training where there are some
config.json               the architecture
preprocessor_config.json  how a waveform becomes the model's input
vocab.json, …             of a recogniser, what its tokens are

`w2v2 run --checkpoint`, `w2v2 convert` and transformers' `from_pretrained` take the directory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from model.checkpoint import table, write_published
from model.checkpoint.convert import match
from model.checkpoint.source import read_checkpoint
from model.errors import CheckpointError, ReleaseError
from model.export.hugging_face_files import hugging_face_files


def export_checkpoint(loaded: Any, directory: str | Path) -> None:
    """Writes a model as a published checkpoint, and reads it again: every weight comes back bit by bit.

    Args:
      loaded: A `LoadedModel`.
      directory: Where; a directory that stands there is replaced.

    Raises:
      ReleaseError: what was written is not what the model holds.
      DiskFullError: there is no room left on the file system.
    """
    root = Path(directory)
    write_published(loaded.model, loaded.tokens, loaded.preprocessor, root)
    for name, value in hugging_face_files(loaded).items():
        if not (root / name).exists():
            (root / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _check(loaded, root)


def _check(loaded: Any, root: Path) -> None:
    try:
        checkpoint = read_checkpoint(root)
        applied = match(checkpoint)
    except CheckpointError as error:
        raise ReleaseError(f"A checkpoint that is released must be one that can be read: {error}") from error
    if (checkpoint.head, checkpoint.vocabulary) != (loaded.model.head, loaded.tokens):
        raise ReleaseError(f"The checkpoint in {root} must have the head and the tokens of the model, and has others.")
    for name, variable in loaded.model.named_weights().items():
        tensor, row = applied[name]
        # Where nothing is masked, the vector of masked frames is not published.
        if tensor and not np.array_equal(
            table.to_ours(row.axes, checkpoint.tensors[tensor].read()), np.asarray(variable.numpy(), np.float32)
        ):
            raise ReleaseError(f"The tensor {tensor} in {root} must be {name} of the model, bit by bit, and is not.")
