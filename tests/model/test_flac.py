"""The quick reader of FLAC gives what the MD5 confirms, and nothing else."""

import hashlib
import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from model.flac import read_confirmed
from tests.mutated_sound import mutated

SAMPLES = (np.sin(np.arange(5_000) / 9) * 9_000).astype(np.int16)


def encoded(samples, rate_hz=16_000, subtype="PCM_16"):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format="FLAC", subtype=subtype)
    return stream.getvalue()


CONTENT = encoded(SAMPLES)


def with_header(samples=None, md5=None):
    """The file with another number of samples, or another MD5, in its header."""
    content = bytearray(CONTENT)
    if samples is not None:
        packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
        content[18:26] = packed.to_bytes(8, "big")
    if md5 is not None:
        content[26:42] = md5
    return bytes(content)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("kind", ["tone", "noise", "silence", "one"])
def test_samples_and_rate_are_read_exactly(rate_hz, kind):
    noise = np.random.default_rng(3).integers(-32_768, 32_768, 40_000).astype(np.int16)
    samples = {"tone": SAMPLES, "noise": noise, "silence": np.zeros(9_000, np.int16), "one": SAMPLES[:1]}[kind]
    found = read_confirmed(io.BytesIO(encoded(samples, rate_hz)))
    assert found is not None
    np.testing.assert_array_equal(found[0], samples)
    assert (found[0].dtype, found[1]) == (np.int16, rate_hz)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"fLaC", CONTENT[:41], b"RIFF" + CONTENT[4:], CONTENT[:-20], CONTENT[:200],
        encoded(np.stack([SAMPLES] * 2, axis=1)), encoded(SAMPLES, subtype="PCM_24"), encoded(SAMPLES[:0]),
        with_header(samples=4_999), with_header(samples=5_001), with_header(samples=0),
        with_header(samples=(1 << 36) - 1), CONTENT[:18] + b"\0\0\0" + CONTENT[21:],
        with_header(md5=b"\0" * 16), with_header(md5=hashlib.md5(b"x").digest()),
    ],
)  # fmt: skip
def test_what_is_another_file_or_not_confirmed_is_left_to_the_slower_reader(content):
    assert read_confirmed(io.BytesIO(content)) is None


def test_longer_sound_than_asked_for_is_not_decoded():
    assert read_confirmed(io.BytesIO(CONTENT), 4_999) is None
    assert read_confirmed(io.BytesIO(CONTENT), 5_000) is not None


def test_a_file_with_much_else_in_it_is_not_read_whole():
    stream = io.BytesIO(CONTENT + bytes(3 << 20))
    assert read_confirmed(stream) is None
    assert stream.tell() < 2 << 20


@settings(max_examples=500, deadline=None)
@given(content=mutated(st.just(CONTENT)))
def test_of_a_mutated_file_the_same_samples_are_read_or_none(content):
    found = read_confirmed(io.BytesIO(content))
    if found is not None:
        assert hashlib.md5(found[0].tobytes()).digest() == content[26:42]
