"""Where records lie: found without reading the audio, held against their checksums, and refused where damaged."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import DataError
from model.examples import Utterance, decode, encode
from model.record_index import read_at, read_index, read_record


def utterance(number, samples):
    values = np.random.default_rng(number).integers(-9000, 9000, samples).astype(np.int16)
    return Utterance(f"u-{number}", "1", "2", "F", "train", 16_000, values, "A")


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=6))
def test_every_record_is_found_with_its_length(tmp_path, lengths):
    records = [encode(utterance(number, length)) for number, length in enumerate(lengths)]
    half = len(records) // 2
    # The order is that of the names, whatever the order of the list.
    files = [write(tmp_path / "b-00001", records[half:]), write(tmp_path / "a-00000", records[:half])]
    index = read_index(files, "training")
    assert index.num_samples.tolist() == lengths
    assert [index.read(number) for number in range(len(index))] == records
    first = index.files[index.file_numbers[0]]
    assert read_record(first, int(index.offsets[0]), int(index.sizes[0])) == records[0]
    assert [decode(index.read(number)).utterance_id for number in range(len(index))] == [
        f"u-{number}" for number in range(len(records))
    ]


def test_a_record_of_another_writer_is_found_too(tmp_path):
    """Protobuf promises no order of the entries of a map."""
    example = tf.train.Example()
    example.features.feature["zero"].int64_list.value.append(7)
    plain = example.SerializeToString()
    example = tf.train.Example()
    example.features.feature["audio"].bytes_list.value.append(b"\1\2" * 321)
    # Entries one after another, in any order, are a merged message.
    index = read_index([write(tmp_path / "file", [plain + example.SerializeToString()])], "training")
    assert index.num_samples.tolist() == [321]


def test_what_is_no_utterance_is_said(tmp_path):
    example = tf.train.Example()
    example.features.feature["zero"].int64_list.value.append(7)
    path = write(tmp_path / "file", [example.SerializeToString()])
    with pytest.raises(
        DataError, match=r"file must hold utterance records, and at byte 12 does not: .* no feature audio"
    ):
        read_index([path], "training")


def test_the_same_reader_reads_other_file_systems(tmp_path):
    """TensorFlow's file systems have one interface; this one is in memory, as gs:// is in the cloud."""
    records = [encode(utterance(number, 500 + number)) for number in range(3)]
    local = write(tmp_path / "shard", records)
    remote = "ram://records/shard"
    with tf.io.gfile.GFile(remote, "wb") as stream:
        stream.write((tmp_path / "shard").read_bytes())
    index = read_index([remote], "training")
    assert [index.read(number) for number in range(3)] == records
    assert index.fingerprint == read_index([local], "training").fingerprint
    with pytest.raises(DataError, match=r"The shard ram://records/none must be there to be read, and is not"):
        read_at("ram://records/none", 0, 5)


def test_the_fingerprint_is_of_the_content(tmp_path):
    records = [encode(utterance(number, 500)) for number in range(2)]
    first = read_index([write(tmp_path / "a", records)], "training").fingerprint
    (tmp_path / "other").mkdir()
    assert read_index([write(tmp_path / "other" / "a", records)], "training").fingerprint == first
    assert read_index([write(tmp_path / "a", records[::-1])], "training").fingerprint != first


def test_what_is_damaged_is_named(tmp_path):
    write(tmp_path / "file", [encode(utterance(number, 800)) for number in range(2)])
    content = bytearray((tmp_path / "file").read_bytes())
    second = 12 + struct.unpack("<Q", content[:8])[0] + 4

    def damaged(place):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "file").write_bytes(changed)
        return [str(tmp_path / "file")]

    with pytest.raises(DataError, match=rf"is damaged at byte {second} \(the length of a record has another checksum"):
        read_index(damaged(second), "training")
    index = read_index(damaged(second + 700), "training")
    assert len(index.read(0)) == second - 16
    with pytest.raises(DataError, match=rf"must hold a whole record at byte {second + 12}, .*w2v2 run --from Libri"):
        index.read(1)
    (tmp_path / "file").write_bytes(content[:-30])
    with pytest.raises(DataError, match=rf"ends within the one at byte {second + 12}"):
        read_index([str(tmp_path / "file")], "training")
    (tmp_path / "file").unlink()
    with pytest.raises(DataError, match=r"The shard .*file must be there to be read, and is not \(No such file"):
        index.read(0)


def test_an_empty_split_is_said(tmp_path):
    with pytest.raises(DataError, match="The training split must have files of records, and has none"):
        read_index([], "training")
    with pytest.raises(DataError, match="The validation split must hold an utterance; its 1 files are empty"):
        read_index([write(tmp_path / "file", [])], "validation")
