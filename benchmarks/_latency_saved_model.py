"""The worker of `latency.py` that runs a SavedModel, as it is or compiled by XLA, one request a line."""

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

    tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["OMP_NUM_THREADS"]))
    loaded: Any = tf.saved_model.load(sys.argv[1])

    # By way of what was loaded, which otherwise nobody holds any more, and its variables go.
    def as_it_is(waveforms: Any) -> Any:
        return loaded.signatures["serving_default"](input_values=waveforms)["logits"]

    # Shapes are static under XLA: each length is compiled once, before it is measured.
    score = as_it_is if sys.argv[2] == "graph" else tf.function(as_it_is, jit_compile=True)

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms = _forward_inputs.waveforms_of(request)
        return lambda: _forward_inputs.answer_of(score(tf.constant(waveforms)).numpy())

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
