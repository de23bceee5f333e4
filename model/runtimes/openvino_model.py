"""An ONNX file in OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from model.errors import ReleaseError
from model.runtimes.signature import check_signature

_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoModel:
    """A model in OpenVINO, on the processor.

    Args:
      path: Of the ONNX file, with float32 weights.
      output: The name of what it gives.
      precision: `float32`, or `bfloat16` for the multiplications.
      num_threads: None lets OpenVINO choose.

    Attributes:
      width: The size of what it gives for a frame.

    Raises:
      ReleaseError: the file is no whole ONNX model, or has another input or output.
    """

    def __init__(self, path: Path, output: str, precision: str, num_threads: int | None = None) -> None:
        import openvino  # pyright: ignore[reportMissingImports] — an extra

        core = openvino.Core()
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            # What is made ready for one length is of no use for another, and would be kept for thousands of them.
            "CPU_RUNTIME_CACHE_CAPACITY": 0,
        }
        if num_threads is not None:
            settings["INFERENCE_NUM_THREADS"] = num_threads
        try:
            model = core.read_model(path)
            names = [[value.any_name for value in values] for values in (model.inputs, model.outputs)]
            check_signature(path, names[0], names[1], output)
            self.width = model.outputs[0].partial_shape[-1].get_length()
            self._model = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ReleaseError(f"{path} must be a whole ONNX model: {reason}; copy it again.") from error
        self._request = self._model.create_infer_request()

    def run(self, input_values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns float32 `[batch, frames, width]` of float32 `[batch, samples]`, normalised and of equal length."""
        # The memory of what comes back is the request's own, and the next run writes over it.
        return np.array(self._request.infer([input_values])[0], np.float32)
