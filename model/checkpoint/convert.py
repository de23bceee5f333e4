"""From a published checkpoint to a model directory, by the table, with nothing left over and nothing left at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.checkpoint import table
from model.checkpoint.source import PublishedCheckpoint, find_checkpoint, read_checkpoint
from model.errors import CheckpointError

__all__ = ["convert_checkpoint", "find_checkpoint"]


def convert_checkpoint(source: str | Path, output_dir: str | Path) -> dict[str, Any]:
    """Converts a checkpoint in the published PyTorch layout to a model directory.

    Args:
      source: The checkpoint's directory, or its `model.safetensors`.
      output_dir: Where the model directory is written; it appears whole or not at all.

    Returns:
      The conversion report: the source with its sha256, and the table as it was applied; also written beside the
      weights as `conversion_report.json`.

    Raises:
      UsageError: there is no such checkpoint, or the output holds something that is no model directory.
      CheckpointError: a tensor is missing, is left over, or does not fit; the message names each.
    """
    from model.directory import MANIFEST_FILE, save_model
    from model.storage import require_replaceable, sha256_of_file
    from model.wav2vec2 import Wav2Vec2CTC

    require_replaceable(output_dir, MANIFEST_FILE, find_checkpoint(source))
    checkpoint = read_checkpoint(source)
    applied = match(checkpoint)
    model = Wav2Vec2CTC(checkpoint.config)
    assign(model, checkpoint, applied)
    weights_path = checkpoint.directory / "model.safetensors"
    report = {
        "format_version": 1,
        "source": {
            "name": checkpoint.directory.name,
            "layout": "huggingface",
            "sha256": sha256_of_file(weights_path),
        },
        "tensors": [
            {
                "source": name,
                "variable": row.variable,
                "layout": row.layout,
                "shape": list(checkpoint.tensors[name].shape),
                "dtype": checkpoint.dtype_by_name[name],
            }
            for name, row in applied
        ],
        "unused": sorted(set(checkpoint.tensors) - {name for name, _ in applied}),
    }
    save_model(
        model,
        checkpoint.vocabulary,
        checkpoint.preprocessor,
        output_dir,
        source_checkpoint={"name": report["source"]["name"], "sha256": report["source"]["sha256"]},
        extra_files={"conversion_report.json": report},
    )
    return report


def match(checkpoint: PublishedCheckpoint) -> list[tuple[str, table.Row]]:
    """Finds the tensor of each row of the table.

    Returns:
      The name of the tensor in the file, with its row.

    Raises:
      CheckpointError: a row finds no tensor, or a tensor is used by no row and is not one that may be left out.
    """
    rows = table.rows(checkpoint.config)
    applied: list[tuple[str, table.Row]] = []
    missing: list[str] = []
    for row in rows:
        found = [name for name in row.sources if name in checkpoint.tensors]
        if found:
            applied.append((found[0], row))
        else:
            missing.append(row.sources[0])
    if missing:
        raise CheckpointError(
            f"The checkpoint {checkpoint.directory} must hold every tensor of the architecture in its config.json;"
            f" these are missing: {_names(missing)}; is it a fine-tuned CTC checkpoint, and is its download whole?"
        )
    used = {name for name, _ in applied}
    extra = [
        name for name in sorted(checkpoint.tensors) if name not in used and not name.startswith(table.UNUSED_PREFIXES)
    ]
    if extra:
        raise CheckpointError(
            f"Every tensor of the checkpoint {checkpoint.directory} must have its place in the model;"
            f" these have none: {_names(extra)}; does config.json belong to these weights?"
        )
    return applied


def assign(model: Any, checkpoint: PublishedCheckpoint, applied: list[tuple[str, table.Row]]) -> None:
    """Gives every variable of the model its tensor.

    Raises:
      CheckpointError: a shape does not fit, or a variable would stay as it was.
    """
    variables = model.named_weights()
    for name, row in applied:
        variable = variables.pop(row.variable)
        value = table.to_ours(row.layout, checkpoint.tensors[name])
        if tuple(value.shape) != tuple(variable.shape):
            raise CheckpointError(
                f"The tensor {name} must have the shape {_published_shape(row, variable.shape)} that config.json asks"
                f" for; in {checkpoint.directory} it has {list(checkpoint.tensors[name].shape)}."
            )
        variable.assign(value)
    if variables:
        raise CheckpointError(f"Every variable of the model must be set; these are not: {_names(sorted(variables))}.")


def _published_shape(row: table.Row, shape: tuple[int, ...]) -> list[int]:
    return list(shape) if row.layout == "same" else list(reversed(shape))


def _names(names: list[str], shown: int = 5) -> str:
    listed = ", ".join(names[:shown])
    return f"{listed} and {len(names) - shown} more" if len(names) > shown else listed
