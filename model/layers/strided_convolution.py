"""The gradients of a strided convolution over time, as matrix products."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import ops


def convolve(layer: Any, frames: Any, training: bool) -> Any:
    """Calls a convolution over time; in training, with gradients that are written as matrix products.

    Those that TensorFlow has for a strided convolution take three to five times as long on a CPU, and corrupt memory
    where the stride is larger than the kernel. The value is TensorFlow's own either way.

    Args:
      layer: A `keras.layers.Conv1D` that does not pad, called from within a layer of the same dtype policy.
      frames: `[batch, frames, channels]`.
      training: Whether gradients are wanted.

    Returns:
      `[batch, frames, channels]`.
    """
    if not training:
        return layer(frames)
    kernel = ops.cast(layer.kernel, layer.compute_dtype)
    result = _with_gradients(ops.cast(frames, layer.compute_dtype), kernel, layer.strides[0])
    return result if layer.bias is None else ops.add(result, ops.cast(layer.bias, layer.compute_dtype))


def _with_gradients(frames: Any, kernel: Any, stride: int) -> Any:
    @tf.custom_gradient
    def convolution(frames: Any, kernel: Any) -> Any:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            return _gradients(upstream, frames, kernel, stride)

        return ops.conv(frames, kernel, strides=stride, padding="valid", data_format="channels_last"), gradients

    return convolution(tf.convert_to_tensor(frames), tf.convert_to_tensor(kernel))


def _gradients(upstream: Any, frames: Any, kernel: Any, stride: int) -> tuple[Any, Any]:
    """Returns the gradients with respect to frames and kernel.

    Input frames are taken in blocks of `stride`, side by side. Tap number `m · stride + r` joins place r of a block and
    the result that began m blocks earlier.
    """
    kernel_size, channels, units = kernel.shape
    batch, length, results = tf.shape(frames)[0], tf.shape(frames)[1], tf.shape(upstream)[1]
    num_blocks = -(-length // stride)
    blocks = _padded(frames, 0, num_blocks * stride - length)
    blocks = tf.reshape(blocks, [batch, num_blocks, stride * channels])
    reach = -(-kernel_size // stride)
    # What began m blocks earlier, by m.
    earlier = [_padded(upstream, m, num_blocks - results - m) for m in range(reach)]
    if stride * channels < units:
        # The input is the smaller side: it is laid out once more, and not the results.
        seen = tf.concat([blocks[:, m : m + results] for m in range(reach)], axis=2)[:, :, : kernel_size * channels]
        of_kernel = _product(seen, upstream)
    else:
        whole, further = divmod(kernel_size, stride)
        products = [_product(blocks, earlier[m]) for m in range(whole)]
        if further:
            products.append(_product(blocks[:, :, : further * channels], earlier[whole]))
        of_kernel = tf.concat(products, axis=0)
    of_blocks = _gradient_of_blocks(earlier, kernel, stride)
    of_frames = tf.reshape(of_blocks, [batch, num_blocks * stride, channels])[:, :length]
    return of_frames, tf.reshape(of_kernel, kernel.shape)


def _gradient_of_blocks(earlier: list[Any], kernel: Any, stride: int) -> Any:
    """Returns `[rows, stride · channels]`; places that meet as many taps are treated together."""
    kernel_size, channels, units = kernel.shape
    whole, further = divmod(kernel_size, stride)
    rows = [tf.reshape(values, [-1, units]) for values in earlier]
    parts = []
    for first, last, taps in ((0, further, whole + 1), (further, stride, whole)):
        width = (last - first) * channels
        if width == 0:
            continue
        if taps == 0:
            parts.append(tf.zeros([tf.shape(rows[0])[0], width], kernel.dtype))
            continue
        met = [tf.reshape(kernel[m * stride + first : m * stride + last], [width, units]) for m in range(taps)]
        parts.append(tf.matmul(_joined(rows[:taps]), _joined(met), transpose_b=True))
    return _joined(parts)


def _padded(values: Any, before: Any, after: Any) -> Any:
    paddings: Any = [[0, 0], [before, after], [0, 0]]
    return tf.pad(values, paddings)


def _product(left: Any, right: Any) -> Any:
    """`[batch, rows, n]`, `[batch, rows, m]` → `[n, m]`, summed over batch and rows."""
    return tf.matmul(tf.reshape(left, [-1, left.shape[-1]]), tf.reshape(right, [-1, right.shape[-1]]), transpose_a=True)


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)
