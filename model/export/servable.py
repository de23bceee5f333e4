"""What of a model is served: a recogniser as it is, and of a pre-trained model its backbone."""

from __future__ import annotations

import dataclasses
from typing import Any

# What the exported files call what they give: the names that Hugging Face's tools ask for.
LOGITS = "logits"
HIDDEN_STATES = "last_hidden_state"


def servable(loaded: Any) -> Any:
    """Returns an opened model directory as it is, or, in place of a model with the heads of pre-training, its backbone.

    Args:
      loaded: A `LoadedModel`; its digest and its other properties stay those of the whole model.
    """
    if loaded.model.head != "pretraining":
        return loaded
    from model.wav2vec2 import Wav2Vec2Headless

    model = Wav2Vec2Headless(loaded.config)
    values = loaded.model.named_weights()
    for name, variable in model.named_weights().items():
        variable.assign(values[name])
    return dataclasses.replace(loaded, model=model)


def output_name(loaded: Any) -> str:
    """Returns what the exported files call what the model gives."""
    return LOGITS if loaded.tokens is not None else HIDDEN_STATES
