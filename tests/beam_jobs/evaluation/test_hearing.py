"""One batch, heard in every way."""

import json

import numpy as np
import pytest
import tensorflow as tf

from beam_jobs.evaluation import BATCHED, Sound, Way
from beam_jobs.evaluation.batches import plan_batches
from beam_jobs.evaluation.hearing import hear_batch, logit_difference
from beam_jobs.evaluation.listener import Listener
from model.errors import DataError
from model.examples import Utterance, encode
from model.record_index import read_index

GREEDY_ALONE = Way("alone", alone=True)
SEARCHED = Way("beam_search", decoder="beam_search")


class FakeListener(Listener):
    """Hears how long a waveform is, and remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def hear(self, way, waveforms):
        self.calls.append((way.name, [len(waveform) for waveform in waveforms]))
        return [Sound(f"{way.name} {len(waveform)}", np.zeros((1, 2)), 1.0) for waveform in waveforms]

    def decode(self, way, sounds):
        self.calls.append((f"decode {way.name}", len(sounds)))
        return [Sound(f"searched {sound.text}", sound.logits, sound.seconds + 0.5) for sound in sounds]


def one_batch(tmp_path, lengths, rate_hz=16_000, num_probes=0):
    path = tmp_path / "shard"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, length in enumerate(lengths):
            samples = np.zeros(length, np.int16)
            writer.write(encode(Utterance(f"u-{number}", "1", "2", "F", "test", rate_hz, samples, "A")))
    (batch,) = plan_batches({"test-a": read_index([str(path)], "test-a")}, 10_000_000, num_probes)
    return batch


def test_ways_that_differ_in_the_decoder_share_the_logits(tmp_path):
    listener, told = FakeListener(), []
    batch = one_batch(tmp_path, [300, 100])
    hear_batch(listener, (BATCHED, GREEDY_ALONE, SEARCHED), batch, str(tmp_path / "work"), told.append)
    assert listener.calls == [
        ("batched", [300, 100]),
        ("alone", [300]),
        ("alone", [100]),
        ("decode beam_search", 2),
    ]
    assert told == pytest.approx([1 / 3, 1 / 2, 2 / 3, 2 / 3, 1.0])
    lines = (tmp_path / "work" / "heard" / "batch-000000.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert (first["utterance_id"], first["split"], first["subset"], first["num_samples"]) == (
        "u-0",
        "test-a",
        "test",
        300,
    )
    assert first["by_way"]["beam_search"] == {"text": "searched batched 300", "logit_difference": 0.0, "seconds": 1.5}


def test_a_search_alone_is_heard_as_any_way(tmp_path):
    listener = FakeListener()
    hear_batch(listener, (SEARCHED, Way("other", decoder="beam_search")), one_batch(tmp_path, [9]), str(tmp_path))
    assert listener.calls == [("beam_search", [9]), ("other", [9])]


def test_a_record_that_is_no_utterance_is_named(tmp_path):
    batch = one_batch(tmp_path, [300])
    example = tf.train.Example()
    example.features.feature["zero"].bytes_list.value.append(bytes(batch.references[0].size_bytes - 18))
    with tf.io.TFRecordWriter(str(tmp_path / "shard")) as writer:
        writer.write(example.SerializeToString())
    size = len(example.SerializeToString())
    reference = batch.references[0]._replace(size_bytes=size)
    changed = type(batch)(0, (reference,))
    with pytest.raises(DataError, match=r"shard must hold utterance records, and at byte 12 does not: .* no feature"):
        hear_batch(FakeListener(), (BATCHED,), changed, str(tmp_path))


def test_other_rates_are_refused(tmp_path):
    batch = one_batch(tmp_path, [300], rate_hz=8_000)
    with pytest.raises(DataError, match="The utterance u-0 must have 16000 samples a second, and has 8000; ingest"):
        hear_batch(FakeListener(), (BATCHED,), batch, str(tmp_path))


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ([[1.0, 2.0]], [[1.0, 2.5]], 0.5),
        ([[1.0, 2.0]], [[1.0, 2.0]], 0.0),
        ([[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]], float("inf")),
        ([[1.0, float("nan")]], [[1.0, float("nan")]], float("inf")),
        ([[float("inf"), 2.0]], [[1.0, 2.0]], float("inf")),
        (np.zeros((0, 2)), np.zeros((0, 2)), 0.0),
    ],
)
def test_what_is_no_number_is_infinitely_far(one, other, difference):
    sounds = [Sound("", np.array(values, np.float32), 0.0) for values in (one, other)]
    assert logit_difference(*sounds) == difference
