"""Zero mean and unit variance for each utterance, inside a TensorFlow graph.

The NumPy twin, for programs without TensorFlow, is `model.audio.normalise`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from model.audio import VARIANCE_EPSILON


def normalise_waveforms(waveforms: Any, num_samples: Any = None) -> Any:
    """Returns `(x − mean) / sqrt(variance + 1e-7)`, mean and variance taken over the valid samples; padding gives 0.

    Args:
      waveforms: float32 `[batch, samples]`.
      num_samples: int32 `[batch]`, the valid samples of each; None where all are valid.

    Returns:
      float32 `[batch, samples]`.
    """
    length = ops.shape(waveforms)[1]
    if num_samples is None:
        num_samples = ops.full((ops.shape(waveforms)[0],), length, dtype="int32")
    valid = ops.cast(ops.arange(length)[None, :] < ops.cast(num_samples, "int32")[:, None], "float32")
    count = ops.maximum(ops.cast(num_samples, "float32"), 1.0)[:, None]
    mean = ops.sum(waveforms * valid, axis=1, keepdims=True) / count
    centred = (waveforms - mean) * valid
    variance = ops.sum(ops.square(centred), axis=1, keepdims=True) / count
    return centred / ops.sqrt(variance + VARIANCE_EPSILON)
