"""The inputs and settings of `train_step.py`, the same in both environments."""

from __future__ import annotations

from typing import Any

import numpy as np

LEARNING_RATE = 1e-5
BETA_1, BETA_2, EPSILON, WEIGHT_DECAY = 0.9, 0.98, 1e-8, 0.01
NO_REGULARISATION = {
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}


def batch_of(request: dict[str, Any]) -> tuple[Any, Any]:
    """Returns waveforms, float32 `[batch, samples]`, and labels, int32 `[batch, labels]`, −1 where padded.

    About twelve labels stand for a second, as in read speech.
    """
    batch, samples = request["batch"], request["samples"]
    random = np.random.RandomState(samples + batch)
    waveforms = random.randn(batch, samples).astype(np.float32)
    most = 14 * samples // 16_000
    labels = random.randint(5, 32, size=(batch, most)).astype(np.int32)
    lengths = random.randint(most * 5 // 7, most + 1, size=batch)
    labels[np.arange(most)[None, :] >= lengths[:, None]] = -1
    return waveforms, labels
