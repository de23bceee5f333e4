"""Texts without their sound, and the sound of some."""

import numpy as np
import pytest

from beam_jobs.librispeech.record_file import RecordFile
from components.evaluation.examples import read_sound, read_texts
from model.errors import DataError
from model.examples import Utterance, encode
from model.record_index import opened


@pytest.fixture
def utterances():
    random = np.random.default_rng(3)
    return [
        Utterance(
            f"7-1-{number}", "7", "1", "F", "test-a", 16_000,
            random.integers(-9_000, 9_000, length).astype(np.int16), text,
        )
        for number, (length, text) in enumerate([(500, "ONE"), (70_000, "GRÖSSE 語"), (0, ""), (16_000, "FOUR")])
    ]  # fmt: skip


@pytest.fixture
def examples(tmp_path, utterances):
    (tmp_path / "Split-test-a").mkdir()
    for shard in range(2):
        path = tmp_path / "Split-test-a" / f"data_tfrecord-{shard:05d}-of-00002"
        with path.open("wb") as stream:
            for utterance in utterances[shard::2]:
                RecordFile(stream).write([encode(utterance)])
    return tmp_path


def test_texts_are_read_shard_by_shard(examples, utterances):
    found = list(read_texts(examples, "test-a"))
    assert [one["utterance_id"] for one in found] == ["7-1-0", "7-1-2", "7-1-1", "7-1-3"]
    assert {one["utterance_id"]: one["transcript"] for one in found} == {
        one.utterance_id: one.transcript for one in utterances
    }
    assert {one["speaker_id"] for one in found} == {"7"}
    assert list(read_texts(examples, "test-b")) == []


def test_the_sound_of_those_named_is_read(examples, utterances):
    found = read_sound(examples, ["test-b", "test-a"], ["7-1-1", "7-1-9"])
    assert list(found) == ["7-1-1"]
    np.testing.assert_array_equal(found["7-1-1"], utterances[1].samples)
    assert read_sound(examples, ["test-a"], []) == {}


def test_nothing_more_is_read_once_all_sound_is_found(examples):
    (examples / "Split-test-b").mkdir()
    (examples / "Split-test-b" / "data_tfrecord-00000-of-00001").write_bytes(b"no records")
    assert list(read_sound(examples, ["test-a", "test-b"], ["7-1-1"])) == ["7-1-1"]
    with pytest.raises(DataError, match="must be a whole file of records"):
        read_sound(examples, ["test-a", "test-b"], ["7-1-1", "7-1-9"])


def test_each_shard_is_opened_once_for_its_texts(examples, monkeypatch):
    asked = []

    def counted(file, *arguments):
        asked.append(file)
        return opened(file, *arguments)

    monkeypatch.setattr("components.evaluation.examples.opened", counted)
    assert len(list(read_texts(examples, "test-a"))) == 4
    assert len(asked) == len(set(asked)) == 2


def test_a_damaged_shard_is_named(examples):
    path = examples / "Split-test-a" / "data_tfrecord-00000-of-00002"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"data_tfrecord-00000-of-00002 must be a whole file of records"):
        list(read_texts(examples, "test-a"))


def test_what_another_writer_has_laid_out_otherwise_is_read_too(tmp_path, utterances):
    import tensorflow as tf

    example = tf.train.Example.FromString(encode(utterances[1]))
    entry = example.features.feature["audio"].SerializeToString()
    del example.features.feature["audio"]
    example.features.feature["zz"].int64_list.value.append(1)
    example.features.feature["audio"].ParseFromString(entry)
    (tmp_path / "Split-a").mkdir()
    with (tmp_path / "Split-a" / "data").open("wb") as stream:
        features = example.features.feature
        parts = [
            tf.train.Features(feature={name: features[name]}).SerializeToString() for name in sorted(features)[::-1]
        ]
        RecordFile(stream).write(
            [tf.train.Example(features=tf.train.Features.FromString(b"".join(parts))).SerializeToString()]
        )
    (texts,) = read_texts(tmp_path, "a")
    assert (texts["utterance_id"], texts["transcript"]) == ("7-1-1", "GRÖSSE 語")
