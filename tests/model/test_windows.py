"""Windows: all of the recording, on the grid of the frames, and never more than two of them in memory."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import Wav2Vec2Config
from model.windows import Windows

SMALL = Windows(samples_per_frame=320, min_samples=400, window_frames=20, context_frames=3)


def blocks_of(samples, length):
    return [samples[start : start + length] for start in range(0, len(samples), length)]


@settings(deadline=None)
@given(st.integers(1, 60_000), st.integers(100, 20_000))
def test_windows_hold_the_recording_and_share_their_context(num_samples, block):
    samples = np.arange(num_samples, dtype=np.float32)
    windows = list(SMALL.cut(blocks_of(samples, block)))
    for window in windows:
        # The samples are their own places.
        start = window.first_frame * 320
        np.testing.assert_array_equal(window.samples, samples[start : start + len(window.samples)])
    if num_samples < SMALL.shortest_cut_samples:
        assert [len(window.samples) for window in windows] == [num_samples]
        return
    assert all(len(window.samples) == SMALL.window_samples for window in windows)
    last = windows[-1]
    assert 0 <= num_samples - (last.first_frame * 320 + len(last.samples)) < 320, "it ends with the last whole frame"
    *_, padded = dataclasses.replace(SMALL, is_exact=False).cut(blocks_of(samples, block))
    assert padded.samples[-1] == samples[-1], "an adapter makes a frame of what is behind it"
    steps = np.diff([window.first_frame for window in windows])
    assert (steps[:-1] == 14).all(), "two share twice the context"
    assert 0 < steps[-1] <= 14, "and the last two at least that"


def test_the_frames_are_those_of_one_pass():
    config = Wav2Vec2Config()
    for num_samples in (480_079, 480_080, 480_400, 960_000, 1_234_567):
        windows = list(Windows.of(config).cut([np.zeros(num_samples, np.float32)]))
        last = windows[-1]
        assert last.first_frame + config.num_output_frames(len(last.samples)) == config.num_output_frames(num_samples)
        assert len(windows) == 1 or all(config.num_output_frames(len(one.samples)) == 1_500 for one in windows)


def test_the_default_is_30_seconds_with_2_5_of_context():
    windows = Windows.of(Wav2Vec2Config())
    assert (windows.samples_per_frame, windows.min_samples) == (320, 400)
    assert windows.window_samples == 1_499 * 320 + 400
    assert windows.hop_samples == 25 * 16_000


def test_a_model_with_an_adapter_has_longer_frames():
    config = dataclasses.replace(Wav2Vec2Config(), add_adapter=True)
    windows = Windows.of(config)
    assert windows.samples_per_frame == 2_560
    assert windows.hop_samples % 2_560 == 0
    assert 25 < windows.window_samples / 16_000 < 30


def test_windows_that_are_nothing_but_context_are_refused():
    with pytest.raises(ValueError, match="Windows of 20 frames need less context than 10"):
        dataclasses.replace(SMALL, context_frames=10)
