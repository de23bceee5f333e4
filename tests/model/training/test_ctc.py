"""CTC against an independent implementation, and its treatment of what has no path."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from model.training.ctc import ctc_loss

BLANK = 0


def by_enumeration(logits, labels):
    """The negative log of the summed probability of every path that collapses to the labels."""
    probabilities = np.exp(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    total = 0.0
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        collapsed = [token for token, _ in itertools.groupby(path) if token != BLANK]
        if collapsed == list(labels):
            total += np.prod([probabilities[frame, token] for frame, token in enumerate(path)])
    return -np.log(total)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("labels", [[1], [1, 2], [2, 2], [1, 2, 1], [-1]])
def test_loss_is_that_of_all_paths(labels, dense):
    logits = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    losses, feasible = ctc_loss(logits[None], np.array([5]), np.array([labels]), BLANK, dense=dense)
    assert feasible.numpy().tolist() == [True]
    np.testing.assert_allclose(
        losses.numpy(), [by_enumeration(logits, [label for label in labels if label >= 0])], rtol=1e-5
    )


@settings(max_examples=15, deadline=None)
@given(
    frames=st.integers(1, 5),
    labels=st.lists(st.integers(1, 2), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_padding_of_frames_and_labels_changes_nothing(frames, labels, padding, seed):
    logits = np.random.default_rng(seed).normal(size=(1, frames, 3)).astype(np.float32)
    padded_logits = np.pad(logits, [[0, 0], [0, padding], [0, 0]], constant_values=7.0)
    padded_labels = np.array([labels + [-1] * padding])
    alone, feasible_alone = ctc_loss(logits, np.array([frames]), np.array([labels]), BLANK)
    padded, feasible = ctc_loss(padded_logits, np.array([frames]), padded_labels, BLANK)
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    assert feasible.numpy()[0] == feasible_alone.numpy()[0] == (frames >= len(labels) + repeats)
    np.testing.assert_allclose(padded.numpy(), alone.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dense", [False, True])
def test_what_has_no_path_has_no_loss_no_gradient_and_is_told(dense):
    logits = tf.Variable(tf.constant(np.random.default_rng(3).normal(size=(2, 3, 3)), tf.float32))
    labels = np.array([[1, 1, -1, -1], [1, 2, 1, 2]])
    with tf.GradientTape() as tape:
        losses, feasible = ctc_loss(logits.value(), np.array([3, 3]), labels, BLANK, dense=dense)
    assert feasible.numpy().tolist() == [True, False], "1 1 needs three frames, 1 2 1 2 needs four"
    assert losses.numpy()[1] == 0.0
    gradient = tape.gradient(losses, logits).numpy()
    assert np.abs(gradient[0]).max() > 0.01
    assert np.abs(gradient[1]).max() == 0.0


@pytest.mark.parametrize("dense", [False, True])
def test_a_row_without_an_utterance_weighs_nothing(dense):
    """Such rows fill a batch up for all devices; nor does one with labels and no frame stop the training."""
    logits = tf.Variable(tf.constant(np.random.default_rng(3).normal(size=(3, 3, 3)), tf.float32))
    labels = np.array([[1, 2], [-1, -1], [1, 2]])
    with tf.GradientTape() as tape:
        losses, feasible = ctc_loss(logits.value(), np.array([3, 0, 0]), labels, BLANK, dense=dense)
    assert feasible.numpy().tolist() == [True, True, False]
    assert losses.numpy()[0] > 0
    assert losses.numpy()[1:].tolist() == [0.0, 0.0]
    gradient = tape.gradient(losses, logits).numpy()
    assert np.abs(gradient[0]).max() > 0.01
    assert np.abs(gradient[1:]).max() == 0.0


def test_the_two_formulations_agree_on_loss_and_gradient():
    random = np.random.default_rng(5)
    logits = tf.Variable(tf.constant(random.normal(size=(4, 30, 8)), tf.float32))
    labels = random.integers(1, 8, size=(4, 9))
    labels[1, 5:] = -1
    num_frames = np.array([30, 25, 20, 30])
    results = []
    for dense in (False, True):
        with tf.GradientTape() as tape:
            losses, _ = ctc_loss(logits.value(), num_frames, labels, BLANK, dense=dense)
        results.append((losses.numpy(), tape.gradient(losses, logits).numpy()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-4)
