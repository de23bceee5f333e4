"""The worker of `latency.py` that runs an ONNX file in onnxruntime, one request a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import _forward_inputs
import _serving


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns the forward pass on them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms = _forward_inputs.waveforms_of(request)
        return lambda: _forward_inputs.answer_of(session.run(["logits"], {"input_values": waveforms})[0])

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
