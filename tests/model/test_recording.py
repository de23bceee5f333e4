"""A recording: read again and again, from a file or from memory."""

import numpy as np
import pytest
import soundfile

from model.containers import AudioError
from model.recording import Recording


def test_a_file_is_read_again_from_its_beginning(tmp_path):
    samples = np.arange(-500, 500).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    recording = Recording(tmp_path / "a.wav")
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(recording.blocks())) * 32768, samples)
    assert recording.name == str(tmp_path / "a.wav")


def test_a_waveform_is_given_in_blocks():
    samples = np.random.default_rng(1).standard_normal(600_000).astype(np.float32)
    blocks = list(Recording(samples).blocks())
    assert len(blocks) == 3
    np.testing.assert_array_equal(np.concatenate(blocks), samples)


def test_int16_and_another_rate():
    (block,) = Recording(np.full(800, 16_384, np.int16), sample_rate_hz=8_000).blocks()
    assert (len(block), block.dtype) == (1_600, np.float32)
    assert block[800] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros((2, 9), np.float32), r"The waveform must have the shape \[samples\].*has \[2, 9\]; mix its channels"),
        (np.zeros(0, np.float32), "The waveform must hold sound, and holds no sample."),
        (np.zeros(9, np.int32), "must hold float32 with full scale 1, or int16, and holds int32; convert it first"),
        (np.array([0.0, np.inf]), "must hold numbers only, and holds NaN or infinity"),
    ],
)
def test_what_is_no_waveform_is_refused(waveform, message):
    with pytest.raises(AudioError, match=message):
        Recording(waveform)


@pytest.mark.parametrize("rate_hz", [0, -16_000, 3_999, 384_001])
def test_a_rate_that_no_recording_has_is_refused(rate_hz):
    with pytest.raises(AudioError, match=f"must have a rate of 4000 to 384000 Hz, and has {rate_hz} Hz; record it"):
        Recording(np.zeros(800, np.float32), sample_rate_hz=rate_hz)
