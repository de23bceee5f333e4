"""The worker of `forward.py` that runs our model, as a graph or compiled by XLA, one request a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import _forward_inputs
import _serving


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns the forward pass on them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from model import load_model

    model = load_model(sys.argv[1]).model
    jit = sys.argv[2] == "xla"
    compiled = tf.function(
        lambda waveforms: model(waveforms)[0],
        # Shapes are static under XLA, as on a TPU; one graph serves all of them.
        input_signature=None if jit else [tf.TensorSpec([None, None], tf.float32)],
        jit_compile=jit,
    )

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms = _forward_inputs.waveforms_of(request)
        return lambda: _forward_inputs.answer_of(compiled(tf.constant(waveforms)).numpy())

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
