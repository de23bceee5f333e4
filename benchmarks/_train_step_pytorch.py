"""The worker of `train_step.py` that runs in .venv-reference: PyTorch's model and optimizer, one request a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import _serving
import _train_step_inputs as inputs


def load() -> Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]:
    """Returns what makes the inputs of a request and returns a training step on them.

    The arguments are the checkpoint, `foreach` or `fused`, and `all` or `frozen`, which leaves the convolutions out.
    """
    import torch  # pyright: ignore[reportMissingImports] — not in the environment that is checked
    import transformers  # pyright: ignore[reportMissingImports]

    directory, kind, trained = sys.argv[1:]
    config = transformers.AutoConfig.from_pretrained(directory, ctc_loss_reduction="sum", **inputs.NO_REGULARISATION)
    model = transformers.Wav2Vec2ForCTC.from_pretrained(directory, config=config).train()
    if trained == "frozen":
        model.freeze_feature_encoder()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in parameters if sum(size != 1 for size in parameter.shape) >= 2]
    vectors = [parameter for parameter in parameters if sum(size != 1 for size in parameter.shape) < 2]
    optimizer = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": inputs.WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}],
        lr=inputs.LEARNING_RATE, betas=(inputs.BETA_1, inputs.BETA_2), eps=inputs.EPSILON, **{kind: True},
    )  # fmt: skip

    def prepare(request: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        waveforms, labels = (torch.from_numpy(values) for values in inputs.batch_of(request))
        num_labels = int((labels >= 0).sum())
        labels = labels.masked_fill(labels < 0, -100)

        def step() -> dict[str, Any]:
            optimizer.zero_grad()
            loss = model(waveforms, labels=labels).loss / num_labels
            loss.backward()
            optimizer.step()
            return {"loss": loss.item()}

        return step

    return prepare


if __name__ == "__main__":
    _serving.serve(load)
