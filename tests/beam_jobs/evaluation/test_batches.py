"""Batches hold each utterance once, of about the same length, and are no larger than they may be."""

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.evaluation.batches import count_padded, plan_batches, spread
from model.record_index import RecordIndex


def index(name, lengths):
    count = len(lengths)
    return RecordIndex(
        files=(f"{name}-0", f"{name}-1"),
        file_numbers=np.arange(count, dtype=np.int32) % 2,
        offsets=np.arange(count, dtype=np.int64) * 1000,
        sizes=np.array(lengths, np.int64) * 2 + 100,
        num_samples=np.array(lengths, np.int32),
        fingerprint=name,
    )


@given(
    lengths=st.lists(st.lists(st.integers(0, 5_000), max_size=12), min_size=1, max_size=3),
    batch_samples=st.integers(1, 20_000),
    num_probes=st.integers(0, 6),
)
def test_every_utterance_is_in_one_batch(lengths, batch_samples, num_probes):
    indices = {f"s{number}": index(f"s{number}", some) for number, some in enumerate(lengths)}
    batches = plan_batches(indices, batch_samples, num_probes)
    references = [reference for batch in batches for reference in batch.references]
    expected = {
        (split, one.files[one.file_numbers[k]], int(one.offsets[k]), int(one.sizes[k]), int(one.num_samples[k]))
        for split, one in indices.items()
        for k in range(len(one))
    }
    padded = sum(one.num_samples < batch.references[0].num_samples for batch in batches for one in batch.references)
    assert count_padded([length for some in lengths for length in some], batch_samples) == padded
    assert len(references) == len(expected)
    assert {tuple(reference) for reference in references} == expected
    assert [batch.number for batch in batches] == list(range(len(batches)))
    assert all(batch.padded_samples <= batch_samples or len(batch.references) == 1 for batch in batches)
    samples = [reference.num_samples for reference in references]
    assert samples == sorted(samples, reverse=True)
    assert sum(len(batch.probes) for batch in batches) == min(num_probes, len(references))
    assert plan_batches(indices, batch_samples, num_probes) == batches


def test_batches_are_as_full_as_they_can_be():
    batches = plan_batches({"a": index("a", [100, 400, 300, 390, 120, 110])}, 800)
    assert [[one.num_samples for one in batch.references] for batch in batches] == [[400, 390], [300, 120], [110, 100]]


def test_the_longest_and_the_shortest_are_among_the_probes():
    batches = plan_batches({"a": index("a", [10, 50, 40, 20, 30])}, 100, num_probes=3)
    kept = [batch.references[place].num_samples for batch in batches for place in batch.probes]
    assert kept == [50, 30, 10]


def test_places_are_spread_over_a_list():
    assert spread(10, 4) == [0, 3, 6, 9]
    assert spread(3, 5) == [0, 1, 2]
    assert spread(0, 5) == []
    assert spread(5, 0) == []


def test_what_crosses_the_workers_is_small():
    """LibriSpeech's largest test set has 2,939 utterances, and a job's description may have 10 MB."""
    one = index(
        "gs://bucket/examples/Split-test-other/data_tfrecord-00000-of-00008", [100_000 + k for k in range(2_939)]
    )
    batches = plan_batches({"test-other": one}, 2_000_000)
    assert sum(len(pickle.dumps(batch)) for batch in batches) < 500_000
