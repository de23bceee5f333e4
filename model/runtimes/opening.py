"""An ONNX file, opened in a runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from model.runtimes.choice import RuntimeChoice


class Scorer(Protocol):
    """A model that is ready to run.

    Attributes:
      width: The size of what it gives for a frame.
    """

    width: int

    def run(self, input_values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns float32 `[batch, frames, width]` of float32 `[batch, samples]`, normalised and of equal length."""
        ...


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
    from model.runtimes.onnxruntime_model import OnnxruntimeModel

    return OnnxruntimeModel(path, output, num_threads)
