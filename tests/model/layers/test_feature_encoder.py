"""The feature encoder gives the same, folded into fewer steps or layer by layer."""

import dataclasses

import keras
import numpy as np
import pytest

from model.config import Wav2Vec2Config
from model.layers.feature_encoder import FeatureEncoder

CONFIG = Wav2Vec2Config(conv_dim=(6, 5, 4), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2))
NUM_SAMPLES = np.array([400, 231, 0], np.int32)


def encoder_of(**changes):
    keras.utils.set_random_seed(1)
    encoder = FeatureEncoder(dataclasses.replace(CONFIG, **changes))
    encoder.build((None, None))
    random = np.random.default_rng(0)
    for weight in encoder.weights:
        if not weight.path.endswith("kernel"):
            weight.assign(random.normal(1.0, 0.5, weight.shape))
    return encoder


@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("conv_bias", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "gelu_python", "relu", "gelu_new"])
@pytest.mark.parametrize("num_samples", [None, NUM_SAMPLES])
def test_folded_or_layer_by_layer_it_gives_the_same(norm, conv_bias, activation, num_samples):
    encoder = encoder_of(feat_extract_norm=norm, conv_bias=conv_bias, feat_extract_activation=activation)
    waveforms = np.random.default_rng(2).normal(size=(3, 400)).astype(np.float32)
    folded = np.asarray(encoder(waveforms, num_samples))
    encoder.layer_by_layer = True
    by_layer = np.asarray(encoder(waveforms, num_samples))
    in_training = np.asarray(encoder(waveforms, num_samples, training=True))
    # Behind the end of an utterance the frames mean nothing.
    valid = [19, 11, 0] if num_samples is not None else [19, 19, 19]
    assert folded.shape == by_layer.shape == (3, 19, 4)
    for row, frames in enumerate(valid):
        assert np.abs(by_layer[row, :frames]).max(initial=1e-3) > 1e-4
        np.testing.assert_allclose(folded[row, :frames], by_layer[row, :frames], atol=1e-5)
        np.testing.assert_allclose(in_training[row, :frames], by_layer[row, :frames], atol=1e-5)


def test_nothing_is_folded_in_bfloat16():
    assert not FeatureEncoder(CONFIG, dtype="mixed_bfloat16").folds
    assert FeatureEncoder(CONFIG).folds
