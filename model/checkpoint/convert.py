"""From a published checkpoint to a model directory, by the table, with nothing left over and nothing left at random."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.checkpoint import table
from model.checkpoint.initial_values import initial_value
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.source import PublishedCheckpoint, read_checkpoint
from model.checkpoint.target import target_of
from model.config import Head
from model.errors import CheckpointError, ConfigurationError, UsageError
from model.text import Vocabulary

REPORT_FILE = "conversion_report.json"

_DTYPES = ("float32", "float16", "bfloat16")


def convert_checkpoint(
    source: str | Path,
    output_dir: str | Path,
    language: str | None = None,
    activations: str | Path | None = None,
    head: Head | None = None,
    vocabulary: Vocabulary | None = None,
    seed: int = 0,
    new_head: bool = False,
) -> dict[str, Any]:
    """Converts a published checkpoint to a model directory.

    Args:
      source: A directory, a file of weights, or `hf://owner/name[@revision]`; see `model.checkpoint.source`.
      output_dir: Where the model directory is written; it appears whole or not at all.
      language: As in `read_checkpoint`.
      activations: A file of reference activations, as `model.checkpoint.parity` describes; the model must reproduce
        them.
      head: What the model must have on its backbone, as `target_of` says; None for what the checkpoint has.
      vocabulary: The tokens of a new CTC head.
      seed: Of the values of a new head.
      new_head: Whether a CTC head that is there gives way to a new one.

    Returns:
      The conversion report: the source with its sha256, and the table as it was applied; also written beside the
      weights as `conversion_report.json`.

    Raises:
      UsageError: there is no such checkpoint or file of activations, or the output holds something that is no model
        directory.
      CheckpointError: a tensor is missing, is left over, or does not fit; the message names each. Or the model does
        not give the reference activations.
      TryAgainError: the Hub does not answer.
    """
    from model.directory import MANIFEST_FILE, save_model
    from model.storage import require_replaceable
    from model.wav2vec2 import MODEL_BY_HEAD

    if activations is not None and not Path(activations).is_file():
        raise UsageError(f"--activations must be a file that exists; {activations} does not.")
    require_replaceable(output_dir, MANIFEST_FILE)
    checkpoint = read_checkpoint(source, language)
    require_replaceable(output_dir, MANIFEST_FILE, checkpoint.files.directory)
    target = target_of(checkpoint, head, vocabulary, new_head)
    applied, new = match(checkpoint), []
    if target.has_new_head:
        applied = {variable: found for variable, found in applied.items() if table.is_of_backbone(variable)}
        new = [row for row in table.rows(target.config, target.head) if not table.is_of_backbone(row.variable)]
    try:
        model = MODEL_BY_HEAD[target.head](target.config)
    except ConfigurationError as error:
        raise CheckpointError(str(error)) from error
    variables = model.named_weights()
    for row in new:
        variables[row.variable].assign(initial_value(row, target.config, seed))
    assign(model, checkpoint, applied, {row.variable for row in new})
    report = conversion_report(checkpoint, applied, target.head, new)
    if activations is not None:
        from model.checkpoint.parity import require_parity

        report["parity"] = require_parity(model, activations)
    save_model(
        model,
        target.vocabulary,
        checkpoint.preprocessor,
        output_dir,
        source_checkpoint=report["source"],
        extra_files={REPORT_FILE: report},
    )
    return report


def match(checkpoint: PublishedCheckpoint) -> dict[str, tuple[str, table.Row]]:
    """Finds the tensor of each row of the table; no model is built for it, whose size a false description could set.

    Returns:
      The name of the tensor in the file and its row, by variable; a variable whose tensor may be missing, and is, has
      the empty name.

    Raises:
      CheckpointError: a row finds no tensor, a tensor is used by no row and is not one that may be left out, or a
        shape or a dtype does not fit.
    """
    applied: dict[str, tuple[str, table.Row]] = {}
    missing: list[str] = []
    for row in table.rows(checkpoint.config, checkpoint.head, checkpoint.layout):
        found = [name for name in row.sources if name in checkpoint.tensors]
        if not found and not row.optional:
            missing.append(row.sources[0])
        applied[row.variable] = (found[0] if found else "", row)
    if missing:
        raise CheckpointError(
            f"The checkpoint {checkpoint.files.name} must hold every tensor of the architecture that it describes;"
            f" these are missing: {_names(missing)}; is its download whole?"
        )
    used = {name for name, _ in applied.values()}
    extra = [
        name
        for name in sorted(checkpoint.tensors)
        if name not in used and not table.may_be_left_out(name, checkpoint.config, checkpoint.layout)
    ]
    if extra:
        raise CheckpointError(
            f"Every tensor of the checkpoint {checkpoint.files.name} must have its place in the model;"
            f" these have none: {_names(extra)}; does its description belong to these weights?"
        )
    for name, row in applied.values():
        if name:
            _require_fit(name, checkpoint.tensors[name], row, checkpoint)
    return applied


def assign(
    model: Any,
    checkpoint: PublishedCheckpoint,
    applied: Mapping[str, tuple[str, table.Row]],
    already_set: Collection[str] = (),
) -> None:
    """Gives every variable of the model its tensor, one after the other, so that one at a time is in memory twice.

    Args:
      model: The model.
      checkpoint: Where the tensors are.
      applied: What `match` returned.
      already_set: Variables that have their value, and no tensor: those of a new head.

    Raises:
      CheckpointError: a value is not finite, or a variable would stay as it was.
    """
    variables = {name: variable for name, variable in model.named_weights().items() if name not in already_set}
    for name, row in applied.values():
        variable = variables.pop(row.variable)
        if not name:
            variable.assign(np.zeros(variable.shape, np.float32))
            continue
        variable.assign(table.to_ours(row.axes, _values(name, checkpoint)))
    if variables:
        raise CheckpointError(f"Every variable of the model must be set; these are not: {_names(sorted(variables))}.")


def conversion_report(
    checkpoint: PublishedCheckpoint,
    applied: Mapping[str, tuple[str, table.Row]],
    head: Head,
    new: Sequence[table.Row] = (),
) -> dict[str, Any]:
    """Returns the report: the source, and the table as it was applied, as plain JSON values.

    Args:
      checkpoint: The source.
      applied: What `match` returned, or a part of it.
      head: What the model has on its backbone; `source_head` is what the checkpoint has.
      new: The rows of a new head, whose values are drawn.
    """
    from model.storage import release_digest, sha256_of_file

    sha256_by_file = {path.name: sha256_of_file(path) for path in checkpoint.weights}
    single = sha256_by_file[checkpoint.weights[0].name] if len(sha256_by_file) == 1 else None
    used = {name for name, _ in applied.values()}
    return {
        "format_version": 2,
        "source": {
            "name": checkpoint.files.name,
            "revision": checkpoint.files.revision or None,
            "layout": checkpoint.layout,
            # Of several files: the sha256 over the sorted (name, sha256) of all of them.
            "sha256": single or release_digest(sha256_by_file),
            "files": sha256_by_file,
        },
        "head": head,
        "source_head": checkpoint.head,
        "tensors": [
            {
                "source": name or None,
                "variable": row.variable,
                "axes": row.axes,
                "shape": list(checkpoint.tensors[name].shape) if name else None,
                "dtype": checkpoint.tensors[name].dtype if name else "zeros",
            }
            for name, row in applied.values()
        ]
        + [
            {
                "source": None,
                "variable": row.variable,
                "axes": row.axes,
                "shape": list(row.source_shape),
                "dtype": "random",
            }
            for row in new
        ],
        "left_out": sorted(set(checkpoint.tensors) - used),
    }


def _require_fit(name: str, stored: StoredTensor, row: table.Row, checkpoint: PublishedCheckpoint) -> None:
    if stored.shape != row.source_shape:
        raise CheckpointError(
            f"The tensor {name} must have the shape {list(row.source_shape)} that the description of the model asks"
            f" for; in {checkpoint.files.name} it has {list(stored.shape)}."
        )
    if stored.dtype not in _DTYPES:
        raise CheckpointError(
            f"The tensor {name} of {checkpoint.files.name} must be one of {', '.join(_DTYPES)}, not {stored.dtype}."
        )


def _values(name: str, checkpoint: PublishedCheckpoint) -> np.ndarray[Any, Any]:
    values = checkpoint.tensors[name].read().astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise CheckpointError(f"The tensor {name} of {checkpoint.files.name} must be finite; it holds NaN or infinity.")
    return values


def _names(names: list[str], shown: int = 5) -> str:
    listed = ", ".join(names[:shown])
    return f"{listed} and {len(names) - shown} more" if len(names) > shown else listed
