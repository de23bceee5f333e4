"""The convolutional feature encoder in ONNX.

In float32 the frames lie channels-first, as ONNX's convolution takes them, and are images of one row: onnxruntime has
fast convolutions (over blocks of channels) for images alone. In int8 they lie channels-last: there a strided
convolution is one product of neighbouring frames, side by side, with a matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from model.config import Wav2Vec2Config
from model.cosine_basis import cosine_basis
from model.export.onnx_graph.activations import add_activation
from model.export.onnx_graph.builder import OnnxBuilder
from model.export.onnx_graph.lengths import after_convolution, after_convolutions, needed_lengths, valid_frames
from model.export.onnx_graph.products import Products

_PATH = "wav2vec2/feature_extractor"
# The norms of the convolutions keep PyTorch's default, whatever `layer_norm_eps` says.
_NORM_EPSILON = 1e-5
_SWAPPED = [0, 2, 1]
# Of images: [batch, channels, 1, frames], or [batch, 1, frames, channels].
_CHANNELS_LAST, _CHANNELS_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def add_feature_encoder(products: Products, config: Wav2Vec2Config, waveforms: str, num_samples: str | None) -> str:
    """Adds `FeatureEncoder`.

    Args:
      products: The weights, and the graph.
      config: The architecture.
      waveforms: float32 `[batch, samples]`, normalised.
      num_samples: int64 `[batch]`, the valid samples of each; None where all are valid.

    Returns:
      float32 `[batch, frames, conv_dim[-1]]`.
    """
    graph = products.graph
    in_images = products.precision == "float32"
    samples = graph.add("Shape", waveforms, start=1, end=2)
    counts = after_convolutions(graph, samples, config.conv_kernel, config.conv_stride)
    # Each layer gives exactly what the next one reads, so that frames can be laid side by side without a gap.
    needed = needed_lengths(graph, counts[-1], config.conv_kernel, config.conv_stride)
    frames = ""
    for index in range(len(config.conv_dim)):
        with graph.scope(f"conv_{index}"):
            if index == 0:
                frames = _first_convolution(products, config, waveforms, counts[1], needed[1], num_samples)
            elif in_images:
                frames = _convolution(products, config, index, frames)
            else:
                frames = _product_of_windows(products, config, index, frames, needed[index + 1])
            if config.feat_extract_norm == "layer":
                # The first convolution gives channels-last frames for it.
                frames = graph.add("Transpose", frames, perm=_CHANNELS_LAST) if in_images and index > 0 else frames
                frames = products.layer_norm(frames, f"{_PATH}/norm_{index}", _NORM_EPSILON)
            frames = add_activation(graph, config.feat_extract_activation, frames)
            if config.feat_extract_norm == "layer" and in_images:
                frames = graph.add("Transpose", frames, perm=_CHANNELS_FIRST)
    if in_images:
        frames = graph.add("Squeeze", graph.add("Transpose", frames, perm=_CHANNELS_LAST), graph.integers(1))
    return frames


def _first_convolution(
    products: Products,
    config: Wav2Vec2Config,
    waveforms: str,
    num_frames: str,
    num_needed: str,
    num_samples: str | None,
) -> str:
    """Adds the convolution over samples as one product, with its bias or with the group norm in it.

    Returns:
      Its frames: in float32 images, channels-first with a group norm and channels-last for a layer norm; in int8
      `[batch, frames, channels]`.
    """
    graph = products.graph
    kernel_size, stride, units = config.conv_kernel[0], config.conv_stride[0], config.conv_dim[0]
    kernel = products.weight(f"{_PATH}/conv_0/kernel").reshape(kernel_size, units)
    taps = _taps(graph, waveforms, kernel_size, stride, num_frames)
    windows = graph.add("Concat", *(graph.add("Unsqueeze", tap, graph.integers(1)) for tap in taps), axis=1)
    if config.feat_extract_norm == "group":
        valid = None
        if num_samples is not None:
            valid = after_convolution(graph, num_samples, kernel_size, stride)
        with graph.scope("norm_0"):
            weights, offset = _normalised_kernel(products, kernel, taps, num_frames, valid)
    else:
        bias = products.weight(f"{_PATH}/conv_0/bias") if config.conv_bias else np.zeros(units, np.float32)
        weights, offset = graph.constant(kernel.T[np.newaxis]), graph.constant(bias[np.newaxis, :, np.newaxis])
    # One tap more, which is always 1, carries the offset: adding it later would read and write every frame once more.
    windows = graph.slice(windows, 2, graph.integers(0), num_needed)
    batch = graph.add("Shape", waveforms, start=0, end=1)
    ones = graph.add(
        "Expand",
        graph.constant(1.0, np.float32),
        graph.add("Concat", batch, graph.integers(1), num_needed, axis=0),
    )
    windows = graph.add("Concat", windows, ones, axis=1)
    weights = graph.add("Concat", weights, offset, axis=2)
    if products.precision == "float32" and config.feat_extract_norm == "group":
        return graph.add("Unsqueeze", graph.add("MatMul", weights, windows), graph.integers(2))
    frames = graph.add("MatMul", _swapped(graph, windows), _swapped(graph, weights))
    return graph.add("Unsqueeze", frames, graph.integers(1)) if products.precision == "float32" else frames


def _normalised_kernel(
    products: Products,
    kernel: np.ndarray[Any, Any],
    taps: list[str],
    num_frames: str,
    num_valid: str | None,
) -> tuple[str, str]:
    """Folds the group norm into the convolution before it, as `model.layers.normalised_convolution` does.

    Returns:
      float32 kernels `[batch, units, taps]` and offsets `[batch, units, 1]`.
    """
    graph = products.graph
    basis = cosine_basis(len(kernel))
    by_frame = graph.add("Concat", *(graph.add("Unsqueeze", tap, graph.integers(2)) for tap in taps), axis=2)
    seen = graph.add("MatMul", by_frame, graph.constant(basis.T, np.float32))
    over_frames = graph.integers(1)
    if num_valid is None:
        count, valid, counted = graph.cast(num_frames, np.float32), None, seen
    else:
        valid = graph.add("Unsqueeze", valid_frames(graph, num_valid, num_frames), graph.integers(2))
        valid = graph.cast(valid, np.float32)
        count = graph.cast(graph.add("Max", num_valid, graph.integers(1)), np.float32)
        count = graph.add("Unsqueeze", count, graph.integers(1, 2))
        counted = graph.add("Mul", seen, valid)
    mean = graph.add("Div", graph.add("ReduceSum", counted, over_frames, keepdims=1), count)
    centred = graph.add("Sub", seen, mean)
    if valid is not None:
        centred = graph.add("Mul", centred, valid)
    squares = graph.add("MatMul", _swapped(graph, centred), centred)
    covariance = graph.add("Div", squares, count)
    in_basis = graph.constant(basis @ kernel, np.float32)
    products_with_it = graph.add("Mul", in_basis, graph.add("MatMul", covariance, in_basis))
    variance = graph.add("ReduceSum", products_with_it, over_frames, keepdims=1)
    variance = graph.add("Max", variance, graph.constant(0.0, np.float32))
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant(_NORM_EPSILON, np.float32)))
    gamma, beta = (graph.constant(products.weight(f"{_PATH}/norm_0/{name}")) for name in ("gamma", "beta"))
    gain = graph.add("Div", gamma, deviation)
    offset = graph.add("Sub", beta, graph.add("Mul", gain, graph.add("MatMul", mean, in_basis)))
    weights = graph.add("Mul", gain, graph.constant(kernel))
    return _swapped(graph, weights), _swapped(graph, offset)


def _convolution(products: Products, config: Wav2Vec2Config, index: int, frames: str) -> str:
    """Adds a convolution over channels-first images of one row."""
    graph = products.graph
    kernel = products.weight(f"{_PATH}/conv_{index}/kernel").transpose(2, 1, 0)
    inputs = [frames, graph.constant(kernel[:, :, np.newaxis])]
    if config.conv_bias:
        inputs.append(graph.constant(products.weight(f"{_PATH}/conv_{index}/bias")))
    return graph.add(
        "Conv", *inputs, strides=[1, config.conv_stride[index]], kernel_shape=[1, config.conv_kernel[index]]
    )


def _product_of_windows(products: Products, config: Wav2Vec2Config, index: int, frames: str, num_frames: str) -> str:
    """Adds a convolution over channels-last frames, which are quantised before they are laid side by side."""
    kernel = products.weight(f"{_PATH}/conv_{index}/kernel")
    kernel_size, channels, units = kernel.shape
    flat = kernel.reshape(kernel_size * channels, units)
    bias = products.weight(f"{_PATH}/conv_{index}/bias") if config.conv_bias else None

    def windows_of(tensor: str) -> str:
        return _windows(products.graph, tensor, kernel_size, config.conv_stride[index], channels, num_frames)

    if not products.is_quantised:
        return products.product(windows_of(frames), flat, bias)
    tensor, scale, zero_point = products.quantised(frames)
    return products.product_of_quantised((windows_of(tensor), scale, zero_point), flat, bias)


def _windows(graph: OnnxBuilder, frames: str, kernel_size: int, stride: int, channels: int, num_frames: str) -> str:
    """Returns what each result of a convolution sees, `[batch, num_frames, kernel_size · channels]`.

    As many taps as the stride lie side by side already; a reshape is all they need.
    """
    batch = graph.add("Shape", frames, start=0, end=1)
    side_by_side = graph.add("Concat", batch, graph.integers(-1, stride * channels), axis=0)
    if kernel_size == stride:
        return graph.add("Reshape", frames, side_by_side)
    whole = kernel_size // stride if stride > 1 else 0
    span = graph.add("Mul", num_frames, graph.integers(stride))
    parts = []
    for number in range(whole):
        start = number * stride
        block = graph.slice(frames, 1, graph.integers(start), graph.add("Add", span, graph.integers(start)))
        parts.append(graph.add("Reshape", block, side_by_side))
    parts += _taps(graph, frames, kernel_size - whole * stride, stride, num_frames, first=whole * stride)
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=2)


def _taps(graph: OnnxBuilder, frames: str, num_taps: int, stride: int, num_frames: str, first: int = 0) -> list[str]:
    """Returns, for each of several taps, what it sees for every result: every `stride`-th step of axis 1."""
    last = graph.add("Mul", graph.add("Sub", num_frames, graph.integers(1)), graph.integers(stride))
    return [
        graph.slice(frames, 1, graph.integers(tap), graph.add("Add", last, graph.integers(tap + 1)), stride)
        for tap in range(first, first + num_taps)
    ]


def _swapped(graph: OnnxBuilder, tensor: str) -> str:
    return graph.add("Transpose", tensor, perm=_SWAPPED)
