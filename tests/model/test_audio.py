"""Reading sound: exactly, checked, or refused; and the twins of normalisation."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from model.audio import AudioError, normalise, read_pcm16, read_waveform, to_float
from model.errors import DataError
from model.normalisation import normalise_waveforms

SAMPLES = (np.sin(np.arange(4_000) * 0.05) * 12_000).astype(np.int16)


def flac(samples=SAMPLES, rate_hz=16_000):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


CONTENT = flac()


def written(tmp_path, content, name="a.flac"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_flac_is_read_exactly(tmp_path):
    samples, rate_hz = read_pcm16(written(tmp_path, CONTENT))
    assert rate_hz == 16_000
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples, SAMPLES)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_flac_is_read_exactly_or_refused(tmp_path_factory, data):
    """Flipped bytes, cuts and additions: never other samples than were written, never another error."""
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if kind == "flip":
            content[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[place:]
        else:
            content[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        if not content:
            break
    path = written(tmp_path_factory.mktemp("mutated"), bytes(content))
    try:
        samples, _ = read_pcm16(path)
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 — both outcomes are right
    else:
        # The MD5 of the header vouches for the samples, unless the mutation took the MD5 itself away.
        if bytes(content[26:42]) == CONTENT[26:42] and content[:4] == b"fLaC":
            np.testing.assert_array_equal(samples, SAMPLES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold sound, and is an empty file"),
        (b"this is no sound", r"a\.flac must be a file of sound that can be decoded: Format not recognised\.$"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer in place of sound"),
        (CONTENT[:21] + bytes([CONTENT[21] + 1]) + CONTENT[22:], "promises|decoded"),
        (CONTENT[:30] + bytes([CONTENT[30] ^ 1]) + CONTENT[31:], "holds other sound than the MD5 in its header says"),
    ],
)
def test_what_is_no_whole_flac_is_refused(tmp_path, content, message):
    with pytest.raises(AudioError, match=message):
        read_pcm16(written(tmp_path, content))


def test_a_flac_without_md5_is_read(tmp_path):
    content = CONTENT[:26] + bytes(16) + CONTENT[42:]
    np.testing.assert_array_equal(read_pcm16(written(tmp_path, content))[0], SAMPLES)


def test_a_file_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="must be a file that can be read: No such file"):
        read_waveform(tmp_path / "none.wav")


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_become_16_khz_mono(tmp_path, rate_hz, channels):
    times = np.arange(rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    # The second channel is silent: the mean of both is half the tone.
    columns = [tone] + [np.zeros_like(tone)] * (channels - 1)
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.stack(columns, axis=1), rate_hz, subtype="FLOAT")
    waveform = read_waveform(path)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 16_000) <= 1
    expected = 0.5 / channels * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / 16_000)
    np.testing.assert_allclose(waveform[500:-500], expected[500:-500], atol=2e-3)


def test_normalised_sound_has_mean_0_and_variance_1():
    values = normalise(to_float(SAMPLES) + 0.25)
    assert abs(values.mean()) < 1e-6
    assert values.var() == pytest.approx(1.0, abs=1e-4)
    quiet = np.full(100, 0.5, np.float32)
    assert (normalise(quiet) == 0).all(), "silence stays silence"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(400, 3_000), min_size=1, max_size=3), st.integers(0, 500), st.integers(0, 99))
def test_the_twins_of_normalisation_agree_and_padding_is_zero(lengths, padding, seed):
    random = np.random.default_rng(seed)
    batch = np.zeros((len(lengths), max(lengths) + padding), np.float32)
    for row, length in enumerate(lengths):
        batch[row, :length] = random.normal(0.1, 0.2, length)
        batch[row, length:] = 9.0  # what stands in the padding must not matter
    found = normalise_waveforms(batch, np.array(lengths, np.int32)).numpy()
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(found[row, :length], normalise(batch[row, :length]), atol=1e-4)
        assert (found[row, length:] == 0).all()


def test_pcm_becomes_float_by_32768():
    np.testing.assert_array_equal(to_float(np.array([-32768, 0, 16384], np.int16)), [-1.0, 0.0, 0.5])
