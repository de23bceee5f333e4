"""Mean and variance by blocks: those of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.audio import normalise
from model.loudness import Loudness, clipped_share, level_db


def test_a_level_is_that_of_the_channels_averaged():
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)[:, None]
    assert level_db(tone) == pytest.approx(-3.01, abs=0.01)
    assert level_db(0.001 * tone) == pytest.approx(-63.01, abs=0.01)
    assert level_db(np.concatenate([tone, 0 * tone], axis=1)) == pytest.approx(-9.03, abs=0.01)
    assert level_db(0 * tone) == -np.inf
    assert np.isnan(level_db(np.full_like(tone, np.nan)))


def test_clipped_is_what_lies_at_the_edge_of_full_scale_in_any_channel():
    samples = np.array([[1.0, 0.0], [-1.0, 0.5], [0.9989, -0.9991], [0.0, 0.0]], np.float32)
    assert clipped_share(samples) == 3 / 8
    assert clipped_share(samples[3:]) == 0


@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.floats(-0.5, 0.5), st.floats(1e-4, 0.5))
def test_blocks_give_what_the_whole_gives(lengths, offset, scale):
    random = np.random.default_rng(len(lengths))
    blocks = [(offset + scale * random.standard_normal(length)).astype(np.float32) for length in lengths]
    loudness = Loudness()
    for block in blocks:
        loudness.add(block)
    whole = np.concatenate(blocks)
    assert loudness.samples == len(whole)
    if len(whole):
        assert loudness.mean == pytest.approx(whole.mean(dtype=np.float64), abs=1e-9)
        assert loudness.variance == pytest.approx(whole.var(dtype=np.float64), rel=1e-6, abs=1e-12)
        np.testing.assert_allclose(loudness.normalise(whole), normalise(whole), atol=1e-3)


def test_silence_stays_silence():
    loudness = Loudness()
    loudness.add(np.full(1_000, 0.25, np.float32))
    assert loudness.variance == 0.0
    assert (loudness.normalise(np.full(10, 0.25, np.float32)) == 0).all()
