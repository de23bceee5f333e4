"""Speech in a page."""

import base64
import io

import numpy as np
import pytest
import soundfile

from components.wer_evaluator.report.sound import data_uri, encode_mp3


def tone(seconds):
    return (8_000 * np.sin(np.arange(int(16_000 * seconds)) * 2 * np.pi * 440 / 16_000)).astype(np.int16)


def test_it_is_what_it_was_and_small():
    samples = tone(4.0)
    content = encode_mp3(samples)
    assert len(content) == pytest.approx(4.0 * 3_000, rel=0.05)
    read, rate_hz = soundfile.read(io.BytesIO(content))
    assert rate_hz == 16_000
    assert len(read) == pytest.approx(len(samples), abs=2_000)
    spectrum = np.abs(np.fft.rfft(read[4_000:20_000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)
    assert np.abs(read).max() == pytest.approx(8_000 / 32_768, rel=0.1)


@pytest.mark.parametrize("samples", [tone(0.01), np.zeros(16_000, np.int16), np.full(8_000, -32_768, np.int16)])
def test_any_sound_can_be_written_and_gives_the_same_each_time(samples):
    uri = data_uri(samples)
    head, _, content = uri.partition(",")
    assert head == "data:audio/mpeg;base64"
    assert base64.b64decode(content) == encode_mp3(samples)
