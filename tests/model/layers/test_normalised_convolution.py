"""The first convolution with the group norm in it: what both give, one after the other."""

import keras
import numpy as np
import pytest

from model.cosine_basis import cosine_basis
from model.layers.group_norm import ChannelGroupNorm
from model.layers.normalised_convolution import convolve_normalised

SAMPLES = 20_000


def layers(kernel, stride, use_bias=False, seed=0):
    random = np.random.default_rng(seed)
    size, channels = kernel.shape
    convolution = keras.layers.Conv1D(channels, size, strides=stride, use_bias=use_bias)
    convolution.build((None, None, 1))
    convolution.kernel.assign(kernel[:, None, :])
    if use_bias:
        convolution.weights[1].assign(random.normal(size=channels))
    norm = ChannelGroupNorm()
    norm.build((None, None, channels))
    norm.gamma.assign(random.normal(1.0, 0.3, channels))
    norm.beta.assign(random.normal(size=channels))
    return convolution, norm


def in_float64(convolution, norm, waveform, num_frames):
    """The same by the plain formula, with nothing lost."""
    kernel = np.asarray(convolution.kernel, np.float64)[:, 0, :]
    (stride,) = convolution.strides
    windows = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), len(kernel))[::stride]
    frames = windows @ kernel + (0.0 if convolution.bias is None else np.asarray(convolution.bias, np.float64))
    mean, variance = frames[:num_frames].mean(axis=0), frames[:num_frames].var(axis=0)
    normalised = (frames - mean) / np.sqrt(variance + norm.epsilon)
    return normalised * np.asarray(norm.gamma, np.float64) + np.asarray(norm.beta, np.float64)


@pytest.mark.parametrize(("size", "stride"), [(10, 5), (3, 2), (4, 4), (2, 3), (1, 1)])
@pytest.mark.parametrize("use_bias", [False, True])
def test_it_gives_what_both_give_one_after_the_other(size, stride, use_bias):
    random = np.random.default_rng(size)
    convolution, norm = layers(random.normal(size=(size, 6)), stride, use_bias)
    waveforms = random.normal(size=(3, SAMPLES)).astype(np.float32)
    expected = np.asarray(norm(convolution(waveforms[:, :, None])))
    np.testing.assert_allclose(convolve_normalised(convolution, norm, waveforms), expected, atol=1e-4)


def test_padding_does_not_count():
    random = np.random.default_rng(1)
    convolution, norm = layers(random.normal(size=(10, 6)), 5)
    waveforms = random.normal(size=(3, SAMPLES)).astype(np.float32)
    num_frames = np.array([3_999, 1_200, 0], np.int32)
    together = np.asarray(convolve_normalised(convolution, norm, waveforms, num_frames))
    for row, frames in enumerate(num_frames[:2]):
        alone = waveforms[row : row + 1, : 5 * (frames - 1) + 10]
        expected = np.asarray(convolve_normalised(convolution, norm, alone))[0]
        assert len(expected) == frames
        np.testing.assert_allclose(together[row, :frames], expected, atol=1e-4)
    assert np.isfinite(together).all()


def test_a_kernel_that_gives_next_to_nothing_of_a_loud_sound_is_normalised_all_the_same():
    # A deep hum, a hundred thousand times as loud as what the kernels of fast oscillations hear.
    time = np.arange(SAMPLES) / 16_000
    random = np.random.default_rng(2)
    hum = np.sin(2 * np.pi * 110 * time) + 1e-3 * np.sin(2 * np.pi * 3_000 * time) + 1e-5 * random.normal(size=SAMPLES)
    waveform = (4 * hum).astype(np.float32)
    convolution, norm = layers(cosine_basis(10).T, 5)
    norm.epsilon = 1e-12
    frames = np.asarray(convolve_normalised(convolution, norm, waveform[None]))[0]
    expected = in_float64(convolution, norm, waveform, len(frames))
    np.testing.assert_allclose(frames, expected, atol=1e-3)
    # Nearly as exact as the convolution in float32 itself, which rounds the same loud products.
    apart = np.asarray(norm(convolution(waveform[None, :, None])))[0]
    assert np.abs(frames - expected).max() < 10 * np.abs(apart - expected).max()
