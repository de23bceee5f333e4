"""Lengths and masks, computed by the graph when it runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.config import Wav2Vec2Config
from model.export.onnx_graph.builder import OnnxBuilder


def after_convolution(graph: OnnxBuilder, length: str, kernel: int, stride: int) -> str:
    """Returns the int64 lengths after a convolution without padding; 0 where there is no frame."""
    # ONNX divides towards zero, so the numerator must not be negative.
    numerator = graph.add("Max", graph.add("Sub", length, graph.integers(kernel - stride)), graph.integers(0))
    return graph.add("Div", numerator, graph.integers(stride))


def after_convolutions(graph: OnnxBuilder, length: str, kernels: Sequence[int], strides: Sequence[int]) -> list[str]:
    """Returns the lengths before and after each of several convolutions."""
    lengths = [length]
    for kernel, stride in zip(kernels, strides, strict=True):
        lengths.append(after_convolution(graph, lengths[-1], kernel, stride))
    return lengths


def needed_lengths(graph: OnnxBuilder, length: str, kernels: Sequence[int], strides: Sequence[int]) -> list[str]:
    """Returns what each of several convolutions reads of its input for `length` results, and those; in their order."""
    lengths = [length]
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        last = graph.add("Mul", graph.add("Sub", lengths[0], graph.integers(1)), graph.integers(stride))
        lengths.insert(0, graph.add("Add", last, graph.integers(kernel)))
    return lengths


def valid_frames(graph: OnnxBuilder, num_frames: str, length: str) -> str:
    """Returns which of `length` frames are valid, bool `[batch, length]`, where `num_frames` `[batch]` are."""
    zero, one = (graph.constant(number, np.int64) for number in (0, 1))
    positions = graph.add("Range", zero, graph.add("Squeeze", length, graph.integers(0)), one)
    return graph.add("Less", positions, graph.add("Unsqueeze", num_frames, graph.integers(1)))


def encoder_frames(graph: OnnxBuilder, num_samples: str, config: Wav2Vec2Config) -> str:
    """Returns the frames of the encoder for int64 `[batch]` samples."""
    return after_convolutions(graph, num_samples, config.conv_kernel, config.conv_stride)[-1]


def output_frames(graph: OnnxBuilder, num_samples: str, config: Wav2Vec2Config) -> str:
    """Returns the frames of the model's output for int64 `[batch]` samples."""
    frames = encoder_frames(graph, num_samples, config)
    for _ in range(config.num_adapter_layers if config.add_adapter else 0):
        padded = graph.add("Add", frames, graph.integers(2))
        frames = after_convolution(graph, padded, config.adapter_kernel_size, config.adapter_stride)
    return frames
