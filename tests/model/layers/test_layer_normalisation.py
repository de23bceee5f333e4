"""The layer norm is Keras', whichever way it is computed."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.layers.layer_normalisation import LayerNorm

RANDOM = np.random.default_rng(0)


def pair(channels, epsilon=1e-3, dtype="float32"):
    """Ours and Keras', with the same weights."""
    layers: Any = [kind(epsilon=epsilon, dtype=dtype) for kind in (LayerNorm, keras.layers.LayerNormalization)]
    weights = RANDOM.normal(size=channels), RANDOM.normal(size=channels)
    for layer in layers:
        layer.build((None, channels))
        layer.gamma.assign(weights[0])
        layer.beta.assign(weights[1])
    return layers


def with_gradients(layer, values, *arguments, **options):
    values = tf.constant(values, tf.float32)
    sources = [values, layer.gamma.value, layer.beta.value]
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = layer(values, *arguments, **options)
        total = tf.reduce_sum(tf.square(tf.cast(result, tf.float32) + 0.3))
    return [result.numpy(), *(gradient.numpy() for gradient in tape.gradient(total, sources))]


@pytest.mark.parametrize("shape", [(3, 7, 5), (11, 6), (2, 1, 4)])
@pytest.mark.parametrize("training", [False, True])
def test_values_and_gradients_are_keras(shape, training):
    ours, keras_layer = pair(shape[-1])
    values = RANDOM.normal(size=shape, loc=3.0)
    for value, expected in zip(
        with_gradients(ours, values, training=training), with_gradients(keras_layer, values), strict=True
    ):
        assert value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=0, atol=2e-6 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_the_same_in_a_graph_of_any_length(training, compiled):
    ours, keras_layer = pair(8)
    graph = tf.function(
        lambda values: ours(values, training=training),
        input_signature=[tf.TensorSpec([None, None, 8])],
        jit_compile=compiled,
    )
    for length in (1, 5):
        values = RANDOM.normal(size=(2, length, 8)).astype(np.float32)
        np.testing.assert_allclose(graph(values), keras_layer(values), atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_factor_multiplies_the_result(training, dtype):
    ours, keras_layer = pair(6, dtype=dtype)
    values = RANDOM.normal(size=(4, 6)).astype(np.float32)
    result = ours(values, training=training, factor=0.25)
    assert result.dtype == ours.compute_dtype
    expected = 0.25 * np.asarray(keras_layer(values), np.float32)
    np.testing.assert_allclose(np.asarray(result, np.float32), expected, atol=1e-6 if dtype == "float32" else 0.02)


def test_rows_that_are_constant_or_far_from_zero_are_normalised():
    # Variance below epsilon, none at all, and a mean a thousand deviations away.
    ours, _ = pair(64, epsilon=1e-5)
    noise = RANDOM.normal(size=(3, 64))
    values = np.stack([1e-4 * noise[0], np.full(64, 7.0), 1e3 + noise[2]]).astype(np.float32)
    exact = values.astype(np.float64)
    deviation = np.sqrt(exact.var(axis=1, keepdims=True) + 1e-5)
    normalised = (exact - exact.mean(axis=1, keepdims=True)) / deviation
    expected = normalised * np.asarray(ours.gamma) + np.asarray(ours.beta)
    # What the rounding of a mean in float32 comes to.
    rounding = np.spacing(np.abs(values).max(axis=1, keepdims=True)) / deviation
    error = np.abs(np.asarray(ours(values)) - expected).max(axis=1, keepdims=True)
    assert (error <= 4 * rounding * np.abs(ours.gamma).max() + 1e-6).all(), error


def test_a_row_does_not_hear_of_another():
    ours, _ = pair(5)
    values = RANDOM.normal(size=(3, 5)).astype(np.float32)
    spoilt = values.copy()
    spoilt[1] = np.nan
    np.testing.assert_array_equal(np.asarray(ours(spoilt))[[0, 2]], np.asarray(ours(values))[[0, 2]])


def test_no_rows_give_no_rows():
    ours, _ = pair(5)
    assert ours(np.zeros((0, 3, 5), np.float32)).shape == (0, 3, 5)
