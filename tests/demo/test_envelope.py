"""The outline of a waveform does not depend on how it is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.envelope import PEAK_SAMPLES, envelope_of


def test_the_largest_magnitude_of_each_20_ms():
    waveform = np.zeros(2 * PEAK_SAMPLES + 100, np.float32)
    waveform[5], waveform[PEAK_SAMPLES], waveform[-1] = 0.25, -0.5, 1.0
    envelope = envelope_of([waveform])
    np.testing.assert_array_equal(envelope.peaks, np.array([0.25, 0.5, 1.0], np.float32))
    assert envelope.duration_seconds == pytest.approx(740 / 16_000)
    assert not envelope.is_silent


@given(st.lists(st.integers(0, 900), max_size=6), st.integers(0, 2**32 - 1))
def test_blocks_of_any_length_give_what_one_gives(lengths, seed):
    random = np.random.default_rng(seed)
    blocks = [random.standard_normal(length).astype(np.float32) for length in lengths]
    envelope, whole = envelope_of(blocks), envelope_of([np.concatenate([np.empty(0, np.float32), *blocks])])
    np.testing.assert_array_equal(envelope.peaks, whole.peaks)
    assert len(envelope.peaks) == -(-sum(lengths) // PEAK_SAMPLES)
    assert envelope.duration_seconds == sum(lengths) / 16_000


def test_silence_is_nothing_but_zeros():
    assert envelope_of([np.zeros(1_000, np.float32)]).is_silent
    assert envelope_of([]).is_silent
    assert not envelope_of([np.full(1_000, 1e-5, np.float32)]).is_silent
