"""The worker of `forward.py` that runs our model, as a graph or compiled by XLA, one request a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import _forward_worker


def load() -> Callable[[Any], Any]:
    """Returns the forward pass: from float32 `[batch, samples]` to logits, NumPy on both sides."""
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
    return lambda waveforms: compiled(tf.constant(waveforms)).numpy()


if __name__ == "__main__":
    _forward_worker.serve(load)
