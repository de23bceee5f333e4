"""The worker of `train_step.py` that trains our model, as a graph or compiled by XLA, one request a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import _serving
import _train_step_inputs as inputs


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns a training step on them.

    The arguments are the model directory, `graph` or `xla`, and `all` or `frozen`, which leaves the convolutions out.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from model import Wav2Vec2Config, Wav2Vec2CTC, load_model
    from model.training.adamw import AdamW
    from model.training.ctc import ctc_loss

    directory, kind, trained = sys.argv[1:]
    loaded = load_model(directory)
    config = Wav2Vec2Config.from_published({**loaded.config.to_published(), **inputs.NO_REGULARISATION})
    model = Wav2Vec2CTC(config)
    for name, variable in model.named_weights().items():
        variable.assign(loaded.model.named_weights()[name])
    del loaded
    model.backbone.feature_extractor.trainable = trained == "all"
    variables = model.trainable_variables
    optimizer = AdamW(variables, inputs.WEIGHT_DECAY, inputs.BETA_1, inputs.BETA_2, inputs.EPSILON)
    jit = kind == "xla"
    signature = [
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([], tf.int32),
    ]

    # Shapes are static under XLA, as on a TPU; one graph serves all of them.
    @tf.function(input_signature=None if jit else signature, jit_compile=jit)
    def step(waveforms: Any, num_samples: Any, labels: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            logits, num_frames = model(waveforms, num_samples, training=True)
            losses, _ = ctc_loss(logits, num_frames, labels, config.pad_token_id, dense=jit)
            loss = tf.reduce_sum(losses) / tf.cast(tf.math.count_nonzero(labels >= 0), tf.float32)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients, variables, inputs.LEARNING_RATE, number)
        return loss

    done = 0

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        nonlocal done
        done += 1
        waveforms, labels = (tf.constant(values) for values in inputs.batch_of(request))
        num_samples = tf.fill([request["batch"]], request["samples"])
        number = tf.constant(done)
        return lambda: {"loss": float(step(waveforms, num_samples, labels, number))}

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
