"""Speech for int8: records and recordings are read as the model takes them, and what is none is refused."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from model.audio import normalise
from model.errors import DataError
from model.examples import Utterance, encode
from model.export.speech import PIECE_SECONDS, Speech

RANDOM = np.random.default_rng(5)


def write_records(path, *samples):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index, values in enumerate(samples):
            writer.write(encode(Utterance(f"{path.name}{index}", "s", "c", "F", "dev", 16_000, values, "A B")))
    return str(path)


def noise(count):
    return RANDOM.integers(-9_000, 9_000, count, np.int16)


def record(path, samples, rate_hz=16_000):
    soundfile.write(path, samples, rate_hz)
    return str(path)


def test_records_are_read_in_the_order_of_their_files_without_what_is_too_short(tmp_path):
    one, *others = noise(4_000), noise(300), noise(5_000), noise(6_000)
    files = (write_records(tmp_path / "b", *others[1:]), write_records(tmp_path / "a", one, others[0]))
    found = Speech(records=files).read(2, do_normalize=True, min_samples=400)
    assert [len(waveform) for waveform in found] == [4_000, 5_000]
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], normalise(one / 32768), atol=1e-5)
    (plain,) = Speech(records=files[:1]).read(1, do_normalize=False, min_samples=400)
    np.testing.assert_array_equal(plain, others[1].astype(np.float32) / 32768)


def test_recordings_are_heard_in_pieces_of_each_as_many_as_it_takes(tmp_path):
    piece = PIECE_SECONDS * 16_000
    long, short = noise(3 * piece + 1_000), noise(8_000)
    speech = Speech(recordings=(record(tmp_path / "long.flac", long), record(tmp_path / "short.wav", short, 8_000)))
    found = speech.read(4, do_normalize=False, min_samples=400)
    assert [len(waveform) for waveform in found] == [piece, piece, 16_000], "8 kHz is heard as 16 kHz"
    np.testing.assert_array_equal(found[1], long[piece : 2 * piece].astype(np.float32) / 32768)
    found = speech.read(20, do_normalize=True, min_samples=400)
    assert [len(waveform) for waveform in found] == [piece, piece, piece, 1_000, 16_000]
    assert abs(found[3].mean()) < 1e-6
    assert found[3].std() == pytest.approx(1, abs=1e-3)
    assert len(speech.read(20, do_normalize=True, min_samples=2_000)) == 4


def test_nothing_is_read_where_nothing_is_asked_for(tmp_path):
    missing = Speech(records=(str(tmp_path / "missing"),))
    assert missing.read(0, do_normalize=True, min_samples=400) == []
    assert Speech().read(9, do_normalize=True, min_samples=400) == []
    assert (bool(missing), bool(Speech())) == (True, False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no sound at all", r"one\.wav must be a file of sound that can be decoded"),
        (b"", "one.wav"),
        (None, "one.wav"),
    ],
)
def test_what_is_no_sound_is_refused_by_name(tmp_path, content, message):
    if content is not None:
        (tmp_path / "one.wav").write_bytes(content)
    with pytest.raises(DataError, match=message):
        Speech(recordings=(str(tmp_path / "one.wav"),)).read(9, do_normalize=True, min_samples=400)


def test_damaged_records_are_refused_by_name(tmp_path):
    (tmp_path / "shard").write_bytes(b"nothing of that kind")
    with pytest.raises(DataError, match=r"shard must be a whole file of records"):
        Speech(records=(str(tmp_path / "shard"),)).read(9, do_normalize=True, min_samples=400)


def test_where_all_is_too_short_nothing_could_be_measured(tmp_path):
    speech = Speech((write_records(tmp_path / "a", noise(300)),), (record(tmp_path / "b.wav", noise(399)),))
    with pytest.raises(DataError, match=r"must be at least 0\.025 s long, and none in .*a and 1 more is; name longer"):
        speech.read(9, do_normalize=True, min_samples=400)
