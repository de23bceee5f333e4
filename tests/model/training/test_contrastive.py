"""The contrastive loss against a loop over frames, and where there is nothing to tell apart."""

import numpy as np
import pytest
import tensorflow as tf

from model.training.contrastive import contrastive_loss, diversity_loss, pretraining_loss

TEMPERATURE = 0.1


def drawn(batch=2, frames=7, dimension=5, num_negatives=3, seed=0):
    random = np.random.default_rng(seed)
    states, quantized = random.normal(size=(2, batch, frames, dimension)).astype(np.float32)
    code_ids = random.integers(0, 2, size=(batch, frames, 2)).astype(np.int32)
    time_mask = random.random((batch, frames)) < 0.6
    negatives = random.integers(0, frames, size=(batch, frames, num_negatives)).astype(np.int32)
    return states, quantized, code_ids, time_mask, negatives


def by_loops(states, quantized, code_ids, time_mask, negatives):
    loss, correct = 0.0, 0
    for row, frame in np.argwhere(time_mask):
        others = [other for other in negatives[row, frame] if (code_ids[row, other] != code_ids[row, frame]).any()]
        scores = [
            float(states[row, frame] @ quantized[row, place])
            / np.linalg.norm(states[row, frame]) / np.linalg.norm(quantized[row, place]) / TEMPERATURE
            for place in (frame, *others)
        ]  # fmt: skip
        loss += np.log(np.sum(np.exp(scores))) - scores[0]
        correct += all(scores[0] > score for score in scores[1:])
    return loss, correct


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_loss_is_that_of_a_loop_over_masked_frames(seed, jit):
    arguments = drawn(seed=seed)
    loss, correct = tf.function(contrastive_loss, jit_compile=jit)(*arguments, TEMPERATURE)
    expected_loss, expected_correct = by_loops(*arguments)
    assert loss.dtype == correct.dtype == tf.float32
    assert loss.numpy() == pytest.approx(expected_loss, rel=1e-5)
    assert correct.numpy() == expected_correct


def test_an_utterance_has_the_same_loss_padded():
    states, quantized, code_ids, time_mask, negatives = drawn(batch=1)
    padded = [
        np.pad(values, [[0, 1], [0, 4]] + [[0, 0]] * (values.ndim - 2))
        for values in (states, quantized, code_ids, time_mask, negatives)
    ]
    alone = contrastive_loss(states, quantized, code_ids, time_mask, negatives, TEMPERATURE)
    states, quantized, code_ids, time_mask, negatives = padded
    with_padding = contrastive_loss(states, quantized, code_ids, time_mask, negatives, TEMPERATURE)
    np.testing.assert_allclose(with_padding[0].numpy(), alone[0].numpy(), rtol=1e-6)
    assert with_padding[1].numpy() == alone[1].numpy()


@pytest.mark.parametrize("jit", [False, True])
def test_rows_of_zeros_without_a_masked_frame_have_no_loss_and_no_gradient(jit):
    states, quantized, code_ids, time_mask, negatives = drawn()
    for values in (states, quantized, code_ids, time_mask, negatives):
        values[1] = 0

    @tf.function(jit_compile=jit)
    def gradients_of(states, quantized):
        with tf.GradientTape() as tape:
            tape.watch([states, quantized])
            loss, _ = contrastive_loss(states, quantized, code_ids, time_mask, negatives, TEMPERATURE)
        return loss, tape.gradient(loss, [states, quantized])

    loss, gradients = gradients_of(tf.constant(states), tf.constant(quantized))
    assert loss.numpy() == pytest.approx(by_loops(states, quantized, code_ids, time_mask, negatives)[0], rel=1e-5)
    for gradient in gradients:
        sizes = np.abs(np.asarray(gradient))
        assert np.isfinite(sizes).all()
        assert sizes[0].max() > 0.01
        assert sizes[1].max() == 0


def test_a_masked_frame_whose_negatives_are_all_the_positive_has_no_loss():
    states, quantized, code_ids, time_mask, negatives = drawn()
    code_ids[:] = 1
    loss, correct = contrastive_loss(states, quantized, code_ids, time_mask, negatives, TEMPERATURE)
    assert loss.numpy() == 0
    assert correct.numpy() == time_mask.sum()


def test_diversity_is_the_share_of_unused_codes_for_each_masked_frame():
    assert diversity_loss(tf.constant(640.0), 640, tf.constant(50.0)).numpy() == 0
    diversity = diversity_loss(tf.constant(160.0), 640, tf.constant(50.0))
    assert diversity.numpy() == pytest.approx(37.5)
    assert pretraining_loss(tf.constant(100.0), diversity, 0.1).numpy() == pytest.approx(103.75)
