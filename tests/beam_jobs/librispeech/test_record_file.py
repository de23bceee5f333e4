"""Files of records are byte for byte what TensorFlow's writer makes, and name themselves by their hash."""

import hashlib
import io

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.librispeech.record_file import RecordFile


@given(st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=4), max_size=5))
def test_the_bytes_are_those_of_tensorflows_writer(tmp_path_factory, records):
    stream = io.BytesIO()
    file = RecordFile(stream)
    for pieces in records:
        file.write([pieces[0], *map(memoryview, pieces[1:])])
    path = tmp_path_factory.mktemp("records") / "file"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for pieces in records:
            writer.write(b"".join(pieces))
    assert stream.getvalue() == path.read_bytes()
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_written_can_be_read_back(tmp_path):
    with (tmp_path / "file").open("wb") as stream:
        file = RecordFile(stream)
        file.write((b"one", memoryview(b"and"), b"two"))
        file.write((b"",))
    assert list(tf.data.TFRecordDataset(str(tmp_path / "file")).as_numpy_iterator()) == [b"oneandtwo", b""]
