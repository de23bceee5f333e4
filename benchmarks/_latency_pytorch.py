"""Writes the ONNX file that PyTorch's own exporter makes of a checkpoint; it runs in .venv-reference."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import torch
import transformers


class _Logits(torch.nn.Module):
    """The model with one input and one output, which is what the exporter of optimum gives it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_values: Any) -> Any:
        return self.model(input_values).logits


def main(checkpoint: str, path: str) -> None:
    """Exports with open batch and length, as optimum does it: by tracing."""
    model = transformers.Wav2Vec2ForCTC.from_pretrained(checkpoint).eval()
    warnings.simplefilter("ignore")
    torch.onnx.export(
        _Logits(model),
        (torch.randn(1, 50_000),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["input_values"],
        output_names=["logits"],
        dynamic_axes={"input_values": {0: "batch", 1: "samples"}, "logits": {0: "batch", 1: "frames"}},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
