"""What was measured of a few utterances, read from the file in which the evaluator keeps it."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from typing import Any

import numpy as np

from model.errors import ReleaseError
from model.export.release import Format


@dataclasses.dataclass(frozen=True, eq=False)
class MeasuredProbes:
    """What was measured of a few utterances.

    Attributes:
      kind: `logits` of a recogniser, or `hidden_states` of a backbone.
      waveforms: float32 `[samples]` each.
      values: float32 `[frames, size]` each.
      texts: Of a recogniser; None each of a backbone.
      int8: Values and texts of the ONNX file in int8; empty where that was not measured, and in other formats.
    """

    kind: str
    waveforms: list[np.ndarray[Any, Any]]
    values: list[np.ndarray[Any, Any]]
    texts: list[str | None]
    int8: list[tuple[np.ndarray[Any, Any], str]]


def read_measured_probes(path: str | os.PathLike[str], format_: Format) -> MeasuredProbes:
    """Reads what one format of a release must give.

    Args:
      path: `probes.npz`, as `model.export.verify.verify` takes it.
      format_: `saved_model`, `onnx` or `checkpoint`.

    Raises:
      ReleaseError: it is no such file, or there is nothing in it to compare with.
    """
    # What a checkpoint gives is what the SavedModel of the same weights gave.
    prefix = "onnx" if format_ == "onnx" else "saved_model"
    text_name = "onnx_text" if format_ == "onnx" else "text"
    try:
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            kind = "hidden_states" if f"{prefix}_hidden_states_0" in file.files else "logits"
            indices = range(sum(name.startswith("waveform_") for name in file.files))
            probes = MeasuredProbes(
                kind,
                [np.asarray(file[f"waveform_{index}"], np.float32) for index in indices],
                [np.asarray(file[f"{prefix}_{kind}_{index}"], np.float32) for index in indices],
                [str(file[f"{text_name}_{index}"]) if kind == "logits" else None for index in indices],
                [
                    (np.asarray(file[f"onnx_int8_logits_{index}"], np.float32), str(file[f"onnx_int8_text_{index}"]))
                    for index in indices
                    if format_ == "onnx" and f"onnx_int8_logits_{index}" in file.files
                ],
            )
            if len(probes.int8) not in (0, len(indices)):
                raise ValueError("it holds int8 logits of some probes only")  # noqa: TRY301 — said as all else is
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReleaseError(
            f"{path} must be the evaluator's file of probes: {error}; run the evaluator again."
        ) from error
    what = probes.kind.replace("_", " ")
    if not any(values.size for values in probes.values):
        raise ReleaseError(
            f"{path} must hold at least one probe with {what}, and holds none; a check that cannot fail is none, so"
            " nothing is released."
        )
    for index, values in enumerate(probes.values):
        if not values.size or not np.isfinite(values).all():
            raise ReleaseError(f"The {what} of probe {index} in {path} must be numbers, and there are none or NaN.")
    for index, ((int8, _), values) in enumerate(zip(probes.int8, probes.values, strict=False)):
        if int8.shape != values.shape or not np.isfinite(int8).all():
            raise ReleaseError(
                f"The int8 logits of probe {index} in {path} must be numbers in the shape of the others,"
                f" {list(values.shape)}, and are not; run the evaluator again."
            )
    return probes
