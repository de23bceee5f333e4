"""An ONNX file, opened in a runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from model.runtimes.choice import RuntimeChoice, choose_runtime
from model.runtimes.onnxruntime_model import OnnxruntimeModel


class Scorer(Protocol):
    """A model that is ready to run.

    Attributes:
      width: The size of what it gives for a frame.
    """

    width: int

    def run(self, input_values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns float32 `[batch, frames, width]` of float32 `[batch, samples]`, normalised and of equal length."""
        ...


def open_fastest(
    directory: Path, output: str, num_threads: int | None, runtime: str, precision: str
) -> tuple[RuntimeChoice, Scorer]:
    """Opens a model in what `choose_runtime` takes; for `auto` not in int8 that nobody has measured.

    What int8 changes is measured where a release is made of examples, or of speech that is named, and its file says so.

    Args:
      directory: Of the ONNX version.
      output: The name of what it gives.
      num_threads: None lets the runtime choose.
      runtime: One of `RUNTIMES`.
      precision: One of `PRECISIONS`.

    Raises:
      UsageError: what is asked for by name is not there, or does not exist in that runtime.
      ReleaseError: the file is no whole ONNX model, or has another input or output.
    """
    choice = choose_runtime(directory, runtime, precision)
    model = open_model(directory, choice, output, num_threads)
    is_int8 = isinstance(model, OnnxruntimeModel) and choice.precision == "int8"
    if precision == "auto" and is_int8 and model.metadata.get("int8_utterances", "0") == "0":
        choice = RuntimeChoice()
        model = open_model(directory, choice, output, num_threads)
    return choice, model


def open_model(directory: Path, choice: RuntimeChoice, output: str, num_threads: int | None = None) -> Scorer:
    """Opens a model.

    Args:
      directory: Of the ONNX version.
      choice: In what.
      output: The name of what it gives.
      num_threads: None lets the runtime choose.

    Raises:
      ReleaseError: the file is no whole ONNX model, or has another input or output.
    """
    path = directory / choice.file
    if choice.runtime == "openvino":
        from model.runtimes.openvino_model import OpenVinoModel

        return OpenVinoModel(path, output, choice.precision, num_threads)
    return OnnxruntimeModel(path, output, num_threads)
