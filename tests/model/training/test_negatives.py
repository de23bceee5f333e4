"""Negatives: other masked frames of the same utterance, all of them, as often."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.training.negatives import sample_negatives


def draw(mask, number, seed=1):
    seeds = tf.constant([[seed, row] for row in range(len(mask))])
    return sample_negatives(seeds, tf.constant(mask), number).numpy()


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_a_masked_frame_gets_other_masked_frames_and_any_other_itself(rows, seed):
    mask = np.array(rows)
    drawn = draw(mask, 5, seed)
    assert drawn.shape == (len(rows), 9, 5)
    for row, of_row in zip(mask, drawn, strict=True):
        masked = np.flatnonzero(row)
        for frame, negatives in enumerate(of_row):
            if row[frame] and len(masked) > 1:
                assert set(negatives) <= set(masked) - {frame}
            else:
                assert set(negatives) == {frame}


def test_a_batch_of_one_frame_has_no_other():
    assert draw(np.array([[False], [True]]), 3).tolist() == [[[0, 0, 0]], [[0, 0, 0]]]


def test_every_other_frame_is_drawn_about_as_often():
    mask = np.array([[True, False, True, True, False, True, True]])
    drawn = draw(mask, 40_000)
    counts = np.bincount(drawn[0, 2], minlength=7) / 40_000
    np.testing.assert_allclose(counts, [0.25, 0, 0, 0.25, 0, 0.25, 0.25], atol=0.01)


def test_the_same_seed_repeats_and_rows_stand_alone():
    mask = np.random.default_rng(0).random((3, 50)) < 0.5
    np.testing.assert_array_equal(draw(mask, 7), draw(mask, 7))
    assert (draw(mask, 7) != draw(mask, 7, seed=2)).any()
    alone = sample_negatives(tf.constant([[1, 2]]), tf.constant(mask[2:]), 7).numpy()
    np.testing.assert_array_equal(draw(mask, 7)[2:], alone)
