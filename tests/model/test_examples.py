"""Utterance records: the bytes that protobuf would give, and what is read back from them."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from model.errors import DataError
from model.examples import Utterance, decode, encode, encode_in_pieces

TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)


def utterances():
    """Any utterance, with lengths on both sides of where a length takes another byte."""
    lengths = st.sampled_from([0, 1, 42, 63, 64, 127, 128, 8191, 8192, 560_000]) | st.integers(0, 300)
    return st.builds(
        Utterance,
        utterance_id=TEXTS,
        speaker_id=TEXTS,
        chapter_id=TEXTS,
        gender=st.sampled_from(["F", "M", ""]),
        subset=TEXTS,
        sample_rate_hz=st.sampled_from([16_000, 8_000, 127, 128]),
        samples=lengths.map(lambda length: (np.arange(length) * 7919).astype(np.int16)),
        transcript=TEXTS,
    )


def by_protobuf(utterance):
    example = tf.train.Example()
    features = example.features.feature
    for name in ("utterance_id", "speaker_id", "chapter_id", "gender", "subset", "transcript"):
        features[name].bytes_list.value.append(getattr(utterance, name).encode())
    features["sample_rate_hz"].int64_list.value.append(utterance.sample_rate_hz)
    features["num_samples"].int64_list.value.append(len(utterance.samples))
    features["audio"].bytes_list.value.append(utterance.samples.astype("<i2").tobytes())
    return example.SerializeToString(deterministic=True)


@given(utterances())
def test_a_record_is_what_protobuf_would_write(utterance):
    assert encode(utterance) == by_protobuf(utterance)


@given(utterances())
def test_a_record_gives_its_utterance_back(utterance):
    again = decode(encode(utterance))
    np.testing.assert_array_equal(again.samples, utterance.samples)
    assert {**vars(again), "samples": 0} == {**vars(utterance), "samples": 0}


def test_the_samples_of_a_record_are_not_copied():
    samples = np.arange(1000, dtype=np.int16)
    _, middle, _ = encode_in_pieces(Utterance("a", "b", "c", "F", "d", 16_000, samples, "E"))
    samples[0] = 7
    assert middle[:2] == b"\x07\x00"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"no record", "A record must be an utterance as ingest writes it: Error parsing message"),
        (b"", "it has no feature utterance_id"),
        (
            by_protobuf(Utterance("a", "b", "c", "F", "d", 16_000, np.zeros(3, np.int16), "E"))[:-1],
            "A record must be an utterance as ingest writes it",
        ),
    ],
)
def test_what_is_no_record_is_refused(record, message):
    with pytest.raises(DataError, match=message):
        decode(record)


def test_a_record_of_another_length_than_it_says_is_refused():
    example = tf.train.Example.FromString(
        by_protobuf(Utterance("a-1", "b", "c", "F", "d", 16_000, np.zeros(3, np.int16), "E"))
    )
    example.features.feature["num_samples"].int64_list.value[0] = 4
    with pytest.raises(DataError, match="The record a-1 must hold num_samples=4 samples, and holds 3"):
        decode(example.SerializeToString())
