"""Plans: each utterance once an epoch, within the limit of samples, by the seed alone, with little padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.training.plan import BatchPlan, bucket_lengths, length_quantiles


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
    lengths=st.lists(st.integers(100, 1000), min_size=1, max_size=4, unique=True),
    batch_samples=st.integers(1, 5000),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    epoch=st.integers(0, 3),
)
def test_an_epoch_holds_each_utterance_once_in_a_bucket_that_is_long_enough(
    samples, lengths, batch_samples, seed, epoch
):
    samples, lengths = np.array(samples, np.int32), sorted(lengths)
    plan = BatchPlan(samples, lengths, batch_samples, seed, min_samples=5)
    batches = plan.epoch(epoch)
    fitting = [n for n, length in enumerate(samples) if 5 <= length <= lengths[-1]]
    assert len(batches) == plan.batches_per_epoch
    assert sorted(n for batch in batches for n in batch.utterances) == fitting
    assert sorted([*plan.left_out, *fitting]) == list(range(len(samples)))
    for batch in batches:
        assert batch.num_samples in lengths
        assert samples[batch.utterances].max() <= batch.num_samples
        assert 1 <= len(batch.utterances) <= batch.rows
        assert batch.rows == 1 or batch.rows * batch.num_samples <= batch_samples
    assert sum(len(batch.utterances) < batch.rows for batch in batches) <= 1


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=300), st.integers(1, 20))
def test_quantiles_are_lengths_that_occur_with_the_longest_last(lengths, count):
    found = length_quantiles(np.array(lengths, np.int32), count)
    assert len(found) == min(count, len(lengths))
    assert found == sorted(found)
    assert set(found) <= set(lengths)
    assert found[-1] == max(lengths)
    if len(lengths) <= count:
        assert found == sorted(lengths)


def test_between_two_quantiles_lie_as_many():
    assert length_quantiles(np.arange(100, 0, -1), 4) == [25, 50, 75, 100]


def numbers(batches):
    return [batch.utterances.tolist() for batch in batches]


def test_the_order_is_a_function_of_seed_and_epoch():
    samples = np.random.default_rng(0).integers(100, 1000, 200).astype(np.int32)
    first, second = (BatchPlan(samples, [500, 1000], 4000, 3) for _ in range(2))
    assert numbers(first.epoch(5)) == numbers(second.epoch(5))
    assert numbers(first.epoch(5)) != numbers(first.epoch(6))
    assert numbers(BatchPlan(samples, [500, 1000], 4000, 4).epoch(5)) != numbers(first.epoch(5))
    # Batches of both lengths are mixed, and who is with whom changes.
    kinds = [batch.num_samples for batch in first.epoch(0)]
    assert sorted(kinds) != kinds
    assert {frozenset(batch) for batch in numbers(first.epoch(0))} != {frozenset(b) for b in numbers(first.epoch(1))}


def test_rows_can_be_parted_between_devices():
    samples = np.random.default_rng(0).integers(100, 1000, 300).astype(np.int32)
    plan = BatchPlan(samples, [200, 500, 1000], 5000, 3, rows_multiple=8)
    assert plan.rows == (24, 8, 5)
    assert BatchPlan(samples, [200, 500, 1000], 5000, 3).rows == (25, 10, 5)


def test_without_a_seed_the_order_is_that_of_length():
    plan = BatchPlan(np.array([30, 10, 20, 40], np.int32), [20, 40], 80, None)
    assert numbers(plan.epoch(0)) == [[0, 3], [1, 2]] or numbers(plan.epoch(0)) == [[1, 2], [0, 3]]


def test_bucket_lengths_are_whole_frames_rising_within_the_limit_and_few():
    assert bucket_lengths([410, 500, 730, 1600, 5000], samples_per_frame=320, max_samples=2000, num_buckets=8) == [
        640, 960, 1600, 2240,
    ]  # fmt: skip
    assert bucket_lengths([410, 500, 730, 1600, 5000], 320, 9000, 1) == [5120]


@pytest.mark.parametrize("num_buckets", [2, 3])
def test_bucket_lengths_are_those_of_least_padding(num_buckets):
    quantiles = [320 * n for n in (1, 2, 3, 10, 11, 30, 31, 32)]
    chosen = bucket_lengths(quantiles, 320, 10**6, num_buckets)

    def padding(lengths):
        return sum(min(length for length in lengths if length >= q) - q for q in quantiles)

    import itertools

    best = min(padding((*others, quantiles[-1])) for others in itertools.combinations(quantiles[:-1], num_buckets - 1))
    # Lengths between quantiles are taken for the middle, which changes nothing here.
    assert padding(chosen) == best
    assert chosen[-1] == quantiles[-1]
