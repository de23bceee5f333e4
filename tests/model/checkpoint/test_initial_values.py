"""Random values have the published distributions, and depend on seed and name alone."""

import numpy as np
import pytest

from model.architectures import TINY
from model.checkpoint import table
from model.checkpoint.initial_values import initial_value

ROWS = {row.variable: row for head in ("ctc", "pretraining") for row in table.rows(TINY, head)}


def value(name, seed=1):
    return initial_value(ROWS[name], TINY, seed)


@pytest.mark.parametrize("name", ROWS)
def test_each_has_its_shape_and_its_own_values(name):
    first = value(name)
    assert (first.dtype, first.shape) == (np.float32, ROWS[name].shape)
    np.testing.assert_array_equal(first, value(name))
    if first.std() > 0:
        assert not np.array_equal(first, value(name, seed=2))


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("wav2vec2/encoder/layer_0/attention/q_proj/kernel", 0.02),
        ("wav2vec2/encoder/layer_3/feed_forward/output_dense/kernel", 0.02),
        ("lm_head/kernel", 0.02),
        ("wav2vec2/feature_extractor/conv_1/kernel", (2 / (3 * 48)) ** 0.5),
        ("wav2vec2/encoder/pos_conv_embed/weight_v", (4 / (32 * 144)) ** 0.5),
        ("quantizer/weight_proj/kernel", 1.0),
        ("wav2vec2/feature_projection/projection/kernel", (1 / 128 / 3) ** 0.5),
        ("project_hid/kernel", (1 / 144 / 3) ** 0.5),
        ("project_q/kernel", (1 / 64 / 3) ** 0.5),
        ("quantizer/codevectors", (1 / 12) ** 0.5),
    ],
)
def test_deviations_are_the_published_ones(name, deviation):
    assert value(name).std() == pytest.approx(deviation, rel=0.05)


def test_norms_change_nothing_and_biases_are_zero():
    assert (value("wav2vec2/encoder/layer_norm/gamma") == 1).all()
    assert (value("wav2vec2/encoder/layer_norm/beta") == 0).all()
    assert (value("wav2vec2/encoder/layer_0/attention/q_proj/bias") == 0).all()


def test_the_gain_of_weight_norm_is_the_length_of_its_direction():
    direction, gain = (value(f"wav2vec2/encoder/pos_conv_embed/weight_{name}") for name in "vg")
    np.testing.assert_allclose(gain[:, 0, 0], np.linalg.norm(direction.reshape(32, -1), axis=1), rtol=1e-6)
