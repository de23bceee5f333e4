"""The convolutional adapter on the encoder in ONNX."""

from __future__ import annotations

import numpy as np

from model.config import Wav2Vec2Config
from model.export.onnx_graph.lengths import after_convolution, valid_frames
from model.export.onnx_graph.products import Products

_PATH = "wav2vec2/adapter"
_NORM_EPSILON = 1e-5
_FIRST_TO_LAST = [0, 2, 1]


def add_adapter(products: Products, config: Wav2Vec2Config, hidden: str, num_frames: str | None) -> str:
    """Adds `ConvolutionalAdapter`.

    Args:
      products: The weights, and the graph.
      config: The architecture.
      hidden: float32 `[batch, frames, hidden_size]`.
      num_frames: int64 `[batch]`, the valid frames of each; None where all are valid.

    Returns:
      float32 `[batch, output frames, output_size]`.
    """
    graph = products.graph
    if config.output_size != config.hidden_size:
        hidden = products.layer_norm(products.dense(hidden, f"{_PATH}/proj"), f"{_PATH}/proj_layer_norm", _NORM_EPSILON)
    for index in range(config.num_adapter_layers):
        path = f"{_PATH}/conv_{index}"
        with graph.scope(f"conv_{index}"):
            if num_frames is not None:
                valid = valid_frames(graph, num_frames, graph.add("Shape", hidden, start=1, end=2))
                of_frames = graph.add("Unsqueeze", valid, graph.integers(2))
                hidden = graph.add("Where", of_frames, hidden, graph.constant(0.0, np.float32))
                padded = graph.add("Add", num_frames, graph.integers(2))
                num_frames = after_convolution(graph, padded, config.adapter_kernel_size, config.adapter_stride)
            both = graph.add(
                "Conv",
                graph.add("Transpose", hidden, perm=_FIRST_TO_LAST),
                graph.constant(products.weight(f"{path}/kernel").transpose(2, 1, 0)),
                graph.constant(products.weight(f"{path}/bias")),
                strides=[config.adapter_stride],
                pads=[1, 1],
                kernel_shape=[config.adapter_kernel_size],
            )
            halves = graph.integers(config.output_size, config.output_size)
            gated, gate = graph.add_many("Split", 2, both, halves, axis=1)
            gated = graph.add("Mul", gated, graph.add("Sigmoid", gate))
            hidden = graph.add("Transpose", gated, perm=_FIRST_TO_LAST)
    return hidden
