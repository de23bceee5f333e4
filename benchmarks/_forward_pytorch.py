"""The worker of `forward.py` that runs in .venv-reference: PyTorch's model, one request a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import _forward_inputs
import _serving


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns the forward pass on them."""
    import torch
    import transformers

    model = transformers.Wav2Vec2ForCTC.from_pretrained(sys.argv[1]).eval()

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms = _forward_inputs.waveforms_of(request)

        def forward() -> dict[str, Any]:
            with torch.inference_mode():
                return _forward_inputs.answer_of(model(torch.from_numpy(waveforms)).logits.numpy())

        return forward

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
