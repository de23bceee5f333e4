"""Reading sound: exactly, checked, or refused; and the twins of normalisation."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from model.audio import AudioError, normalise, read_any_pcm16, read_pcm16, to_float
from model.normalisation import normalise_waveforms
from tests.mutated_sound import mutated

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
@given(content=mutated(st.just(CONTENT)))
def test_a_mutated_flac_is_read_exactly_or_refused(tmp_path_factory, content):
    """Flipped bytes, cuts and additions: never other samples than were written, never another error."""
    path = written(tmp_path_factory.mktemp("mutated"), content)
    try:
        samples, _ = read_pcm16(path)
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 — both outcomes are right
    else:
        # The MD5 of the header vouches for the samples, unless the mutation took the MD5 itself away.
        if content[26:42] == CONTENT[26:42] and content[:4] == b"fLaC":
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


def encoded(samples, rate_hz=16_000, kind="WAV", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
    return buffer.getvalue()


def sine(rate_hz, seconds=1.0, pitch_hz=440, level=0.5):
    return level * np.sin(2 * np.pi * pitch_hz * np.arange(int(rate_hz * seconds)) / rate_hz)


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_16_bit_mono_at_16_khz_comes_through_bit_by_bit(tmp_path, kind):
    random = np.random.default_rng(0).integers(-32768, 32768, 5_000).astype(np.int16)
    content = encoded(random, kind=kind)
    for source in (content, written(tmp_path, content), str(tmp_path / "a.flac")):
        sound = read_any_pcm16(source, "one")
        np.testing.assert_array_equal(sound.samples, random)
        assert (sound.samples.dtype, *sound[1:]) == (np.int16, 16_000, 1, 0)
        np.testing.assert_array_equal(read_pcm16(source)[0], random)


@pytest.mark.parametrize(
    ("kind", "subtype", "rate_hz", "tolerance"),
    [
        ("WAV", "PCM_16", 44_100, 20),
        ("WAV", "PCM_24", 48_000, 20),
        ("WAV", "PCM_U8", 22_050, 300),
        ("WAV", "FLOAT", 96_000, 20),
        ("WAV", "DOUBLE", 16_000, 1),
        ("WAV", "ULAW", 8_000, 900),
        ("FLAC", "PCM_24", 16_000, 1),
        ("FLAC", "PCM_16", 11_025, 20),
        ("OGG", "VORBIS", 32_000, 600),
        ("OGG", "OPUS", 48_000, 600),
        ("MP3", "MPEG_LAYER_III", 44_100, 600),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_rate_and_channel_count_becomes_the_same_sound(kind, subtype, rate_hz, tolerance, channels):
    # The channels differ, and their mean is the tone.
    columns = np.stack([sine(rate_hz) * factor for factor in ([1.0] if channels == 1 else [1.5, 0.5])], axis=1)
    sound = read_any_pcm16(encoded(columns, rate_hz, kind, subtype), "tone")
    assert (sound.original_rate_hz, sound.original_channels, sound.saturated_samples) == (rate_hz, channels, 0)
    assert abs(len(sound.samples) - 16_000) <= 1
    expected = sine(16_000)[: len(sound.samples)] * 32768
    difference = sound.samples[1000:-1000] - expected[1000 : len(sound.samples) - 1000]
    assert np.abs(difference).max() < tolerance


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_24"])
def test_a_flac_of_other_widths_is_checked_against_its_md5(subtype):
    content = bytearray(encoded(sine(16_000, 0.1), kind="FLAC", subtype=subtype))
    assert len(read_any_pcm16(bytes(content), "a").samples) == 1_600
    content[30] ^= 1
    with pytest.raises(AudioError, match=r"^a holds other sound than the MD5 in its header says; copy it again\.$"):
        read_any_pcm16(bytes(content), "a")


def test_an_id3_tag_before_a_flac_hides_nothing_from_its_md5():
    np.testing.assert_array_equal(read_any_pcm16(ID3 + CONTENT, "a").samples, SAMPLES)
    damaged = ID3 + CONTENT[:30] + bytes([CONTENT[30] ^ 1]) + CONTENT[31:]
    with pytest.raises(AudioError, match="holds other sound than the MD5"):
        read_any_pcm16(damaged, "a")


def test_equal_channels_are_the_mono_sound_bit_by_bit():
    sound = read_any_pcm16(encoded(np.stack([SAMPLES] * 3, axis=1)), "a")
    np.testing.assert_array_equal(sound.samples, SAMPLES)
    assert sound.original_channels == 3


def test_what_is_beyond_full_scale_is_held_at_its_edge_and_counted():
    values = np.zeros(1_000, np.float32)
    values[:6] = [1.5, -1.5, 1.0, -1.0, 0.99999, 40.0]
    sound = read_any_pcm16(encoded(values, subtype="FLOAT"), "loud")
    assert sound.samples[:6].tolist() == [32767, -32768, 32767, -32768, 32767, 32767]
    assert sound.saturated_samples == 3


def cut(content, fraction=0.6):
    return content[: int(len(content) * fraction)]


def with_bytes(content, place, new):
    return content[:place] + new + content[place + len(new) :]


TONE = sine(16_000)
WAV = encoded(SAMPLES)
# 64 424 513 440 samples and a few, in a file of some kilobytes.
LYING = with_bytes(CONTENT, 21, bytes([CONTENT[21] | 0x0F]))
ID3 = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 72]) + bytes(200)
PIPED = with_bytes(CONTENT, 21, bytes([CONTENT[21] & 0xF0]) + bytes(4))
NAN = TONE.copy()
NAN[7] = np.nan


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold sound, and is an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer in place of sound"),
        (b"this is no sound", r"must be a file of sound that can be decoded: Format not recognised\.$"),
        (encoded(TONE, 3_999), "must have a rate of 4000 to 384000 Hz, and has 3999 Hz"),
        (encoded(TONE, 400_000), "and has 400000 Hz"),
        (encoded(np.stack([TONE] * 17, axis=1)), "must have 16 channels at most, and has 17; mix it down"),
        (encoded(TONE[:0]), "must hold sound, and holds no sample"),
        (encoded(TONE[:5], 384_000), "too short for one sample at 16000 Hz"),
        (encoded(NAN, subtype="FLOAT"), "must hold numbers only, and holds NaN or infinity"),
        (encoded(TONE * 1e300, subtype="DOUBLE"), "must hold numbers only, and holds NaN or infinity"),
        (encoded(TONE * 9_000, subtype="FLOAT"), r"must have samples in \[-1, 1\], and 100 % are beyond; scale it"),
        (cut(WAV), r"promises 8000 bytes of sound in its header and holds 4782; copy it again"),
        (with_bytes(WAV, 40, b"\xff\xff\xff\x6f"), "promises 1879048191 bytes of sound in its header and holds 8000"),
        (cut(CONTENT), "must be a file of sound that can be decoded|promises"),
        (LYING, "promises more samples in its header than memory can hold|promises 644"),
        (PIPED, "must say in its header how long it is, and does not"),
        (cut(encoded(sine(48_000, 3), 48_000, "OGG", "OPUS"), 0.9), "with the last page of its OGG, and is cut off"),
        (cut(encoded(TONE, 16_000, "OGG", "VORBIS"), 0.9), "no sample|last page"),
        (cut(encoded(sine(44_100, 3), 44_100, "MP3", "MPEG_LAYER_III")), "promises 132300 samples in its header"),
        (encoded(TONE, kind="AIFF"), "must be WAV, FLAC, OGG or MP3, and is AIFF; convert it first"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_record_is_refused(content, message):
    with pytest.raises(AudioError, match="^clips/one.*(" + message + ")"):
        read_any_pcm16(content, "clips/one")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WAV[:3_000], r"^a promises 8000 bytes of sound in its header and holds 2956; copy it again\.$"),
        (encoded(SAMPLES, kind="AIFF")[:3_000], r"^a must be FLAC or WAV, and is AIFF; convert it first\.$"),
        (
            ID3 + with_bytes(CONTENT, 30, bytes([CONTENT[30] ^ 1])),
            "^a holds other sound than the MD5 in its header says",
        ),
        (PIPED, "^a must say in its header how long it is, and does not"),
        (flac(np.tile(SAMPLES, 2)), r"^a must have 4000 samples at most, and has 8000; cut it\.$"),
    ],
)
def test_what_is_not_the_whole_exact_sound_is_refused(content, message):
    with pytest.raises(AudioError, match=message):
        read_pcm16(content, "a", max_samples=4_000)


def test_exact_sound_is_read_from_a_wav_and_behind_a_tag():
    for content in (WAV, ID3 + CONTENT, CONTENT):
        np.testing.assert_array_equal(read_pcm16(content, "a", max_samples=4_000)[0], SAMPLES)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f", b"\x60\x1f\x00\x00"])
def test_a_wav_from_a_pipe_and_one_that_counts_its_header_are_read(length):
    np.testing.assert_array_equal(read_any_pcm16(with_bytes(WAV, 40, length), "a").samples, SAMPLES)


def test_a_wav_with_other_chunks_is_checked_all_the_same():
    # A chunk of odd length, and its byte of padding, before the sound.
    content = WAV[:36] + b"LIST\x03\x00\x00\x00abc\x00" + WAV[36:]
    np.testing.assert_array_equal(read_any_pcm16(content, "a").samples, SAMPLES)
    with pytest.raises(AudioError, match="promises 8000 bytes of sound"):
        read_any_pcm16(content[:-100], "a")


def test_what_is_too_long_is_refused_before_it_is_decoded(monkeypatch):
    stereo = encoded(np.stack([sine(48_000, 2.0)] * 2, axis=1), 48_000)
    assert len(read_any_pcm16(stereo, "a", max_samples=32_000).samples) == 32_000
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(AudioError, match=r"^a must be 1\.99994 s long at most, and is 2\.0 s long; cut it\.$"):
        read_any_pcm16(stereo, "a", max_samples=31_999)


def test_a_header_that_lies_about_its_length_takes_no_memory():
    tracemalloc.start()
    with pytest.raises(AudioError, match=r"^a must be 35 s long at most, and is 4026532\.1 s long"):
        read_any_pcm16(LYING, "a", max_samples=560_000)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    with pytest.raises(AudioError, match="promises more samples in its header than memory can hold|decoded"):
        read_pcm16(LYING, "a")


def test_a_path_that_is_none_is_an_audio_error(tmp_path):
    for path in (tmp_path, tmp_path / "none.wav"):
        with pytest.raises(AudioError, match="must be a file that can be read"):
            read_any_pcm16(path)
    with pytest.raises(AudioError, match=r"^The sound must hold sound"):
        read_any_pcm16(b"")


WHOLE = {
    "wav": WAV,
    "float": encoded(sine(22_050, 0.2), 22_050, "WAV", "FLOAT"),
    "flac": CONTENT,
    "flac 24": encoded(np.stack([sine(8_000, 0.2)] * 2, axis=1), 8_000, "FLAC", "PCM_24"),
    "vorbis": encoded(sine(16_000, 0.2), 16_000, "OGG", "VORBIS"),
    "opus": encoded(sine(48_000, 0.2), 48_000, "OGG", "OPUS"),
    "mp3": encoded(sine(16_000, 0.2), 16_000, "MP3", "MPEG_LAYER_III"),
}


@settings(max_examples=200, deadline=None)
@given(content=mutated(st.sampled_from(list(WHOLE.values()))))
def test_mutated_sound_is_read_or_refused(content):
    """Flipped bytes, cuts and additions: int16 samples within the limit, or an AudioError; never anything else."""
    try:
        sound = read_any_pcm16(content, "it", max_samples=80_000)
    except AudioError as error:
        assert str(error).startswith("it ")  # noqa: PT017 — both outcomes are right
    else:
        assert sound.samples.dtype == np.int16
        assert 0 < len(sound.samples) <= 80_001
        assert 1 <= sound.original_channels <= 16
