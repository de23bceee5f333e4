"""What layers compute in another way in training is the same, and so are its gradients."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.layers.activation import activation
from model.layers.dense import Dense
from model.layers.group_norm import ChannelGroupNorm
from model.layers.strided_convolution import convolve

RANDOM = np.random.default_rng(0)


def with_gradients(function, *values, variables=()):
    """The result, and the gradients of a function of it with respect to `values` and `variables`."""
    values = [tf.constant(value, tf.float32) for value in values]
    sources = [*values, *(variable.value for variable in variables)]
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(*values)
        total = tf.reduce_sum(tf.square(result + 0.3))
    return [result.numpy(), *(gradient.numpy() for gradient in tape.gradient(total, sources))]


def assert_alike(ours, expected, tolerance=2e-6):
    for index, (value, reference) in enumerate(zip(ours, expected, strict=True)):
        assert value.shape == reference.shape
        np.testing.assert_allclose(
            value, reference, rtol=0, atol=tolerance * max(1.0, np.abs(reference).max()), err_msg=str(index)
        )


def convolution_by_loops(frames, kernel, stride):
    """The convolution, and its gradients for an upstream gradient, in float64."""
    results = (frames.shape[1] - kernel.shape[0]) // stride + 1
    upstream = RANDOM.normal(size=(frames.shape[0], results, kernel.shape[2]))
    value, of_frames, of_kernel = np.zeros_like(upstream), np.zeros_like(frames), np.zeros_like(kernel)
    for result, tap in itertools.product(range(results), range(kernel.shape[0])):
        seen = frames[:, result * stride + tap]
        value[:, result] += seen @ kernel[tap]
        of_frames[:, result * stride + tap] += upstream[:, result] @ kernel[tap].T
        of_kernel[tap] += seen.T @ upstream[:, result]
    return value, upstream, of_frames, of_kernel


def convolved(layer, frames, upstream):
    with tf.GradientTape() as tape:
        tape.watch(frames)
        result = convolve(layer, frames, training=True)
    sources = [frames, layer.kernel.value, layer.bias.value]
    return result, *tape.gradient(result, sources, output_gradients=upstream)


@pytest.mark.parametrize(("kernel_size", "stride"), [(10, 5), (3, 2), (2, 2), (3, 1), (1, 1), (5, 3), (2, 3), (1, 4)])
@pytest.mark.parametrize("channels", [1, 4])
def test_a_convolution_and_its_gradients_are_those_of_a_loop(kernel_size, stride, channels):
    layer: Any = keras.layers.Conv1D(5, kernel_size, strides=stride)
    layer.build((None, None, channels))
    layer.bias.assign(RANDOM.normal(size=5))
    kernel = layer.kernel.numpy().astype(np.float64)
    any_length = [tf.TensorSpec([None, None, channels]), tf.TensorSpec([None, None, 5])]
    graph = tf.function(lambda *values: convolved(layer, *values), input_signature=any_length)
    compiled = tf.function(lambda *values: convolved(layer, *values), jit_compile=True)
    # Every remainder that a length can leave.
    for length in range(kernel_size, kernel_size + 2 * stride):
        frames = RANDOM.normal(size=(2, length, channels))
        value, upstream, of_frames, of_kernel = convolution_by_loops(frames, kernel, stride)
        expected = [value + layer.bias.numpy(), of_frames, of_kernel, upstream.sum(axis=(0, 1))]
        for function in (graph, compiled) if length == kernel_size + stride else (graph,):
            result = function(tf.constant(frames, tf.float32), tf.constant(upstream, tf.float32))
            assert_alike([np.asarray(one) for one in result], expected)


@pytest.mark.parametrize("num_frames", [None, [9, 4, 0]])
def test_a_group_norm_is_the_same(num_frames):
    layer: Any = ChannelGroupNorm()
    layer.build((None, None, 5))
    layer.gamma.assign(RANDOM.normal(size=5))
    layer.beta.assign(RANDOM.normal(size=5))
    values = RANDOM.normal(size=(3, 9, 5), loc=3.0)
    counts = None if num_frames is None else tf.constant(num_frames)
    ours, expected = (
        with_gradients(lambda v, t=training: layer(v, counts, training=t), values, variables=layer.variables)
        for training in (True, False)
    )
    # What nobody sees, the frames of an utterance without any, is divided by almost nothing.
    assert_alike(ours, expected, tolerance=1e-5)


@pytest.mark.parametrize("name", ["gelu", "gelu_python", "relu", "gelu_new"])
def test_an_activation_is_the_same(name):
    values = np.linspace(-12, 12, 97)
    assert_alike(with_gradients(activation(name, training=True), values), with_gradients(activation(name), values))


def test_a_dense_layer_is_keras_s():
    layer, theirs = Dense(4), keras.layers.Dense(4)
    for one in (layer, theirs):
        one.build((None, None, 3))
    layer.bias.assign(RANDOM.normal(size=4))
    for ours, other in zip(layer.variables, theirs.variables, strict=True):
        other.assign(ours)
        assert ours.name == other.name
    values = RANDOM.normal(size=(2, 5, 3))
    assert_alike(
        with_gradients(layer, values, variables=layer.variables),
        with_gradients(theirs, values, variables=theirs.variables),
    )
