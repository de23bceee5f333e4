"""Which tensor of a published checkpoint becomes which variable of the model, as one table.

Source: the state dict of Hugging Face transformers' `Wav2Vec2ForCTC`, and the weight norm of PyTorch before and after
2.1, which renamed its two tensors; both spellings occur in published files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np

from model.config import Wav2Vec2Config

Layout = Literal["same", "dense", "conv"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One tensor and its variable.

    Attributes:
      sources: The names that the tensor has in published checkpoints; a checkpoint holds one of them.
      variable: The path of the variable in the model, below the model's own name.
      layout: How the axes change: `same`; `dense` `[out, in]` → `[in, out]`; `conv` `[out, in, kernel]` →
        `[kernel, in, out]`.
    """

    sources: tuple[str, ...]
    variable: str
    layout: Layout


def to_ours(layout: Layout, tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a checkpoint's tensor with the axes of the model's variable."""
    return _TO_OURS[layout](tensor)


def to_published(layout: Layout, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns a variable's value with the axes of the checkpoint: each layout is its own inverse."""
    return np.ascontiguousarray(_TO_OURS[layout](value))


_TO_OURS: dict[Layout, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    "same": lambda tensor: tensor,
    "dense": lambda tensor: np.transpose(tensor, (1, 0)),
    "conv": lambda tensor: np.transpose(tensor, (2, 1, 0)),
}

# Tensors that published checkpoints hold and a CTC model has no use for: the heads of pre-training.
UNUSED_PREFIXES = ("quantizer.", "project_q.", "project_hid.")


def rows(config: Wav2Vec2Config) -> list[Row]:
    """Returns the table for an architecture: a row for each variable of `Wav2Vec2CTC`."""
    return [
        Row(("wav2vec2.masked_spec_embed",), "wav2vec2/masked_spec_embed", "same"),
        *_below("wav2vec2.feature_extractor", "wav2vec2/feature_extractor", _feature_extractor(config)),
        *_below("wav2vec2.feature_projection", "wav2vec2/feature_projection", _FEATURE_PROJECTION),
        *_below("wav2vec2.encoder", "wav2vec2/encoder", _encoder(config)),
        *_below("lm_head", "lm_head", _dense("", "")),
    ]


def _join(separator: str, prefix: str, name: str) -> str:
    return f"{prefix}{separator}{name}" if prefix else name


def _dense(source: str, variable: str) -> list[Row]:
    return [
        Row((_join(".", source, "weight"),), _join("/", variable, "kernel"), "dense"),
        Row((_join(".", source, "bias"),), _join("/", variable, "bias"), "same"),
    ]


def _norm(source: str, variable: str) -> list[Row]:
    return [
        Row((f"{source}.weight",), f"{variable}/gamma", "same"),
        Row((f"{source}.bias",), f"{variable}/beta", "same"),
    ]


_FEATURE_PROJECTION = [*_norm("layer_norm", "layer_norm"), *_dense("projection", "projection")]

_ENCODER_LAYER = [
    *(
        row
        for name in ("q_proj", "k_proj", "v_proj", "out_proj")
        for row in _dense(f"attention.{name}", f"attention/{name}")
    ),
    *_norm("layer_norm", "layer_norm"),
    *_dense("feed_forward.intermediate_dense", "feed_forward/intermediate_dense"),
    *_dense("feed_forward.output_dense", "feed_forward/output_dense"),
    *_norm("final_layer_norm", "final_layer_norm"),
]


def _feature_extractor(config: Wav2Vec2Config) -> Iterator[Row]:
    for index in range(len(config.conv_dim)):
        yield Row((f"conv_layers.{index}.conv.weight",), f"conv_{index}/kernel", "conv")
        if config.conv_bias:
            yield Row((f"conv_layers.{index}.conv.bias",), f"conv_{index}/bias", "same")
        if config.feat_extract_norm == "layer" or index == 0:
            yield from _norm(f"conv_layers.{index}.layer_norm", f"norm_{index}")


def _encoder(config: Wav2Vec2Config) -> Iterator[Row]:
    convolution = "pos_conv_embed.conv"
    renamed = f"{convolution}.parametrizations.weight"
    yield Row((f"{renamed}.original0", f"{convolution}.weight_g"), "pos_conv_embed/weight_g", "conv")
    yield Row((f"{renamed}.original1", f"{convolution}.weight_v"), "pos_conv_embed/weight_v", "conv")
    yield Row((f"{convolution}.bias",), "pos_conv_embed/bias", "same")
    yield from _norm("layer_norm", "layer_norm")
    for index in range(config.num_hidden_layers):
        yield from _below(f"layers.{index}", f"layer_{index}", _ENCODER_LAYER)


def _below(source: str, variable: str, table: Iterable[Row]) -> Iterator[Row]:
    for row in table:
        sources = tuple(_join(".", source, name) for name in row.sources)
        yield Row(sources, _join("/", variable, row.variable), row.layout)
