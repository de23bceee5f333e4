"""The masks of SpecAugment, by their counts."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.training.masks import span_masks


def draw(seed, lengths, size, probability, span, min_spans=0):
    seeds = tf.constant([[seed, row] for row in range(len(lengths))])
    return span_masks(seeds, tf.constant(lengths), size, probability, span, min_spans).numpy()


@pytest.mark.parametrize("seed", range(5))
def test_half_of_sixty_frames_in_spans_of_one_are_exactly_thirty(seed):
    mask = draw(seed, [60, 60], 60, probability=0.5, span=1)
    assert mask.sum(axis=1).tolist() == [30, 30]


def test_rows_and_seeds_differ_and_the_same_seed_repeats():
    first = draw(1, [60, 60], 60, 0.3, 5)
    assert (first[0] != first[1]).any()
    assert (first != draw(2, [60, 60], 60, 0.3, 5)).any()
    np.testing.assert_array_equal(first, draw(1, [60, 60], 60, 0.3, 5))


def test_a_row_does_not_depend_on_the_others():
    together = draw(3, [60, 50, 40], 60, 0.3, 5)
    alone = span_masks(tf.constant([[3, 1]]), tf.constant([50]), 60, 0.3, 5, 0).numpy()
    np.testing.assert_array_equal(together[1:2], alone)


def test_the_mean_number_of_spans_is_what_the_probability_says():
    # Spans of one do not overlap, so the masked positions are the spans: 10 · 0.25 = 2.5 on average.
    counts = np.concatenate([draw(seed, [10] * 200, 10, 0.25, 1).sum(axis=1) for seed in range(5)])
    assert set(counts) == {2, 3}
    assert abs(counts.mean() - 2.5) < 0.06


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    probability=st.floats(0.01, 0.9),
    span=st.integers(1, 12),
    min_spans=st.integers(0, 3),
)
def test_only_valid_frames_are_masked_in_whole_spans(seed, lengths, probability, span, min_spans):
    mask = draw(seed, lengths, 40, probability, span, min_spans)
    for row, length in zip(mask, lengths, strict=True):
        assert not row[length:].any()
        runs = "".join("x" if masked else " " for masked in row).split()
        assert all(len(run) >= span for run in runs)
        if length < span:
            assert not row.any()
        elif min_spans:
            assert row.sum() >= span
        assert row.sum() <= (probability * length / span + 1 + min_spans) * span
