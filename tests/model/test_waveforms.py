"""Reading sound in blocks: the same as at once, and refused where it is no sound or not all of it."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from model.audio import AudioError
from model.errors import DataError
from model.waveforms import iter_waveform, resampled
from tests.mutated_sound import mutated


def written(path, samples, rate_hz=16_000, **options):
    soundfile.write(path, samples, rate_hz, **options)
    return path


def read(path):
    return np.concatenate(list(iter_waveform(path)))


def noise(seconds, rate_hz=16_000):
    return (0.1 * np.random.default_rng(4).standard_normal(int(seconds * rate_hz))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_become_16_khz_mono(tmp_path, rate_hz, channels):
    times = np.arange(rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    # The second channel is silent: the mean of both is half the tone.
    columns = [tone] + [np.zeros_like(tone)] * (channels - 1)
    waveform = read(written(tmp_path / "tone.wav", np.stack(columns, axis=1), rate_hz, subtype="FLOAT"))
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 16_000) <= 1
    expected = 0.5 / channels * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / 16_000)
    np.testing.assert_allclose(waveform[500:-500], expected[500:-500], atol=2e-3)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 48_000])
def test_blocks_are_what_is_read_at_once(tmp_path, rate_hz):
    samples = noise(50, rate_hz)
    blocks = list(iter_waveform(written(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")))
    assert len(blocks) > 1
    assert all(len(block) for block in blocks)
    at_once = samples if rate_hz == 16_000 else soxr.resample(samples, rate_hz, 16_000, quality="HQ")
    joined = np.concatenate(blocks)
    assert abs(len(joined) - len(at_once)) <= 1
    shared = min(len(joined), len(at_once))
    np.testing.assert_allclose(joined[:shared], at_once[:shared], atol=1e-5)
    np.testing.assert_allclose(resampled(samples, rate_hz), at_once, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {"subtype": "PCM_24"}, 1e-6),
        ("a.flac", {"subtype": "PCM_16"}, 1e-4),
        ("a.aiff", {"subtype": "PCM_16"}, 1e-4),
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}, None),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, None),
        ("a.mp3", {"format": "MP3"}, None),
    ],
)
def test_formats(tmp_path, name, options, tolerance):
    samples = noise(3)
    waveform = read(written(tmp_path / name, samples, **options))
    assert abs(len(waveform) - len(samples)) < 3_000
    if tolerance is not None:
        np.testing.assert_allclose(waveform, samples, atol=tolerance)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        for _ in range(20):
            file.write(noise(60))
    tracemalloc.start()
    seconds = sum(len(block) for block in iter_waveform(path)) / 16_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == 1_200.0
    assert peak < 8e6, "of 77 MB"


def test_a_file_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="must be a file that can be read: No such file"):
        read(tmp_path / "none.wav")


def wav(samples, rate_hz=16_000, subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="WAV", subtype=subtype)
    return buffer.getvalue()


def ogg(samples):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold sound, and is an empty file"),
        (b"this is a letter", r"must be a file of sound that can be decoded: Format not recognised\."),
        (wav(np.zeros(0)), "must hold sound, and holds no sample"),
        (wav(np.zeros(9_000))[:10_000], "promises 18000 bytes of sound in its header and holds 9956; copy it again"),
        (ogg(noise(3))[:-300], "must end with the last page of its OGG, and is cut off; copy it again"),
        (wav(np.array([0.0, np.nan]), subtype="FLOAT"), "must hold numbers only, and holds NaN or infinity"),
        (wav(np.zeros(9), rate_hz=100), "must have a rate of 4000 to 384000 Hz, and has 100 Hz"),
    ],
    # A file of floats holds the time at which it was made: of two processes that collect the tests, each has another.
    ids=["empty", "letter", "no sample", "promises more", "cut off", "no numbers", "rate"],
)
def test_what_is_no_whole_sound_is_refused(tmp_path, content, message):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=message):
        read(path)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64", "FLAC", "MP3", "CAF"])
def test_what_is_cut_off_is_refused_in_every_format(tmp_path, kind):
    path = written(tmp_path / "a", noise(3), format=kind)
    assert len(read(path)) > 40_000
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(AudioError, match=r"promises \d+ .* in its header and h(as|olds) |can be decoded"):
        read(path)


@pytest.mark.parametrize(
    ("kind", "place", "unknown"),
    [
        ("AIFF", 4, b"\x7f\0\0\x2e"),
        ("AU", 8, b"\xff" * 4),
        ("W64", 16, b"\xff" * 8),
        ("RF64", 20, b"\xff" * 8),
    ],
)
def test_a_length_that_was_not_known_when_it_was_written_promises_nothing(tmp_path, kind, place, unknown):
    path = written(tmp_path / "a", noise(2), format=kind)
    content = bytearray(path.read_bytes())
    content[place : place + len(unknown)] = unknown
    path.write_bytes(content)
    assert len(read(path)) == 32_000


def test_a_wav_that_was_written_into_a_pipe_is_read_to_its_end(tmp_path):
    content = bytearray(wav(noise(2)))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read(tmp_path / "a.wav")) == 32_000


@settings(max_examples=100, deadline=None)
@given(content=mutated(st.just(wav(noise(0.5)))))
def test_a_mutated_file_is_numbers_or_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("mutated") / "a.wav"
    path.write_bytes(content)
    try:
        assert np.isfinite(read(path)).all()
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 — both outcomes are right
