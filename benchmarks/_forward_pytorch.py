"""The worker of `forward.py` that runs in .venv-reference: PyTorch's model, one request a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import _forward_worker


def load() -> Callable[[Any], Any]:
    """Returns the forward pass: from float32 `[batch, samples]` to logits, NumPy on both sides."""
    import torch
    import transformers

    model = transformers.Wav2Vec2ForCTC.from_pretrained(sys.argv[1]).eval()

    def forward(waveforms: Any) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(waveforms)).logits.numpy()

    return forward


if __name__ == "__main__":
    _forward_worker.serve(load)
