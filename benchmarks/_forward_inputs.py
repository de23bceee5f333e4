"""The inputs of `forward.py`, the same in both environments."""

from __future__ import annotations

from typing import Any

import numpy as np


def waveforms_of(request: dict[str, Any]) -> Any:
    """Returns float32 `[batch, samples]` for a request with these numbers."""
    random = np.random.RandomState(request["samples"] + request["batch"])
    return random.randn(request["batch"], request["samples"]).astype(np.float32)


def answer_of(logits: Any) -> dict[str, Any]:
    """Returns the logits of the last frame of the first utterance, so that both sides can be compared."""
    return {"logits": logits[0, -1].tolist()}
