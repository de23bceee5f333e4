"""Mean and variance by blocks: those of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.audio import normalise
from model.loudness import Loudness


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
