"""Strided convolutions over time, with gradients that are matrix products."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import ops


def convolve(layer: Any, frames: Any, training: bool, kernel_factor: float = 1.0, bias_factor: float = 1.0) -> Any:
    """Calls a convolution over time; in training, with gradients that are written as matrix products.

    Those that TensorFlow has for a strided convolution take three to five times as long on a CPU, and corrupt memory
    where the stride is larger than the kernel. The value is TensorFlow's own either way.

    Args:
      layer: A `keras.layers.Conv1D` that does not pad, called from within a layer of the same dtype policy.
      frames: `[batch, frames, channels]`.
      training: Whether gradients are wanted.
      kernel_factor: What the kernel is multiplied by.
      bias_factor: What the bias is multiplied by, if there is one.

    Returns:
      `[batch, frames, channels]`.
    """
    if not training and kernel_factor == bias_factor == 1.0:
        return layer(frames)
    frames, kernel = (ops.cast(tensor, layer.compute_dtype) for tensor in (frames, layer.kernel))
    kernel = kernel if kernel_factor == 1.0 else kernel * kernel_factor
    result = (_with_gradients if training else _plain)(frames, kernel, layer.strides[0])
    if layer.bias is None:
        return result
    bias = ops.cast(layer.bias, layer.compute_dtype)
    return ops.add(result, bias if bias_factor == 1.0 else bias * bias_factor)


def _plain(frames: Any, kernel: Any, stride: int) -> Any:
    return ops.conv(frames, kernel, strides=stride, padding="valid", data_format="channels_last")


def _with_gradients(frames: Any, kernel: Any, stride: int) -> Any:
    @tf.custom_gradient
    def convolution(frames: Any, kernel: Any) -> Any:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            return _gradients(upstream, frames, kernel, stride)

        return _plain(frames, kernel, stride), gradients

    return convolution(tf.convert_to_tensor(frames), tf.convert_to_tensor(kernel))


def _gradients(upstream: Any, frames: Any, kernel: Any, stride: int) -> tuple[Any, Any]:
    """Returns the gradients with respect to frames and kernel.

    Taps are taken in groups of as many as the stride: what such a group sees lies in the input without a gap, side by
    side for one result after another. The last group may be smaller.
    """
    batch, length, results = tf.shape(frames)[0], tf.shape(frames)[1], tf.shape(upstream)[1]
    kernel_size, channels, units = kernel.shape
    groups = [kernel[first : first + stride] for first in range(0, kernel_size, stride)]
    rows = tf.reshape(upstream, [-1, units])
    # Blocks of as many frames as the stride, enough for the whole input.
    num_blocks = -(-length // stride)
    parts = []
    for number, group in enumerate(groups):
        width = group.shape[0] * channels
        part = tf.matmul(rows, tf.reshape(group, [width, units]), transpose_b=True)
        paddings: Any = [[0, 0], [number, num_blocks - results - number], [0, stride * channels - width]]
        parts.append(tf.pad(tf.reshape(part, [batch, results, width]), paddings))
    of_frames = tf.reshape(tf.add_n(parts), [batch, num_blocks * stride, channels])[:, :length]

    seen = [_seen(frames, number * stride, group.shape[0], stride, results) for number, group in enumerate(groups)]
    if stride * channels < units:
        # One product, for which the result, the larger side, is read once.
        seen = [tf.concat(seen, axis=2)]
    products = [tf.matmul(tf.reshape(part, [-1, part.shape[2]]), rows, transpose_a=True) for part in seen]
    return of_frames, tf.reshape(tf.concat(products, axis=0), kernel.shape)


def _seen(frames: Any, first: int, taps: int, stride: int, results: Any) -> Any:
    """Returns what taps `first` to `first + taps` see of the input, `[batch, results, taps · channels]`.

    It is cut out of the input with what lies before it, as many frames for each result as the stride is long; where
    nothing lies before it, with what lies behind.
    """
    before = min(stride - taps, first)
    behind = stride - taps - before
    if behind:
        frames = tf.pad(frames, [[0, 0], [0, behind], [0, 0]])
    start, channels = first - before, frames.shape[2]
    blocks = tf.reshape(frames[:, start : start + results * stride], [tf.shape(frames)[0], results, stride * channels])
    return blocks[:, :, before * channels : (before + taps) * channels]
