"""The worker of `latency.py` that runs an ONNX file in OpenVINO, one request a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import _forward_inputs
import _serving


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns the forward pass on them."""
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": sys.argv[2],
        "INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"]),
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = openvino.Core()
    model = core.compile_model(core.read_model(sys.argv[1]), "CPU", settings)

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms = _forward_inputs.waveforms_of(request)
        return lambda: _forward_inputs.answer_of(model(waveforms)[0])

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
