"""The contrastive task: the loss of training, the same masks for the same utterances, whatever batch they are in."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from components.pretraining_evaluator.contrast import Contrast, contrast
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings
from model.audio import normalise, to_float
from model.training.contrastive import contrastive_loss

SETTINGS = PretrainingEvaluationSettings(num_negatives=10)


@pytest.fixture(scope="module")
def measured(pretrained, speech):
    return contrast(pretrained["model"], speech, SETTINGS, "test")


def test_shares_and_sums(measured, speech, pretrained):
    config = pretrained["model"].config
    frames = np.array([config.num_frames(len(utterance.samples)) for utterance in speech])
    assert (measured.masked > 0).all()
    # Spans of 10 frames that begin at 6.5 % of them: about half of the frames, where spans overlap.
    assert 0.3 < measured.masked.sum() / frames.sum() < 0.7
    assert (measured.correct <= measured.masked).all()
    assert (measured.losses > 0).all()
    assert measured.code_counts.shape == (config.num_codevector_groups, config.num_codevectors_per_group)
    np.testing.assert_array_equal(measured.code_counts.sum(axis=1), [measured.masked.sum()] * 2)
    assert measured.loss == pytest.approx(measured.losses.sum() / measured.masked.sum())
    assert all(1 <= value <= config.num_codevectors_per_group for value in measured.perplexities)


def test_results_do_not_depend_on_the_batch(measured, pretrained, speech):
    one_by_one = dataclasses.replace(SETTINGS, batch_samples=400)
    again = contrast(pretrained["model"], speech[::-1], one_by_one, "test")
    np.testing.assert_array_equal(again.masked[::-1], measured.masked)
    np.testing.assert_array_equal(again.correct[::-1], measured.correct)
    np.testing.assert_allclose(again.losses[::-1], measured.losses, rtol=1e-4)
    np.testing.assert_array_equal(again.code_counts, measured.code_counts)


def test_another_seed_masks_others(measured, pretrained, speech):
    other = contrast(pretrained["model"], speech, dataclasses.replace(SETTINGS, seed=21), "test")
    assert not np.array_equal(other.losses, measured.losses)


def test_the_loss_is_that_of_training(measured, pretrained, speech):
    """Masks and negatives are drawn as the module says, and given to the loss that training minimises."""
    from components.pretraining_evaluator.contrast import _seeds
    from model.training.masks import span_masks
    from model.training.negatives import sample_negatives

    model, config = pretrained["model"].model, pretrained["model"].config
    utterance = speech[2]
    waveform = normalise(to_float(utterance.samples))[None].astype(np.float32)
    frames = config.num_frames(waveform.shape[1])
    name = [utterance.utterance_id]
    mask = span_masks(_seeds("mask", 20, name), tf.constant([frames]), frames, 0.65, 10, 2)
    negatives = sample_negatives(_seeds("negatives", 20, name), mask, 10)
    output = model(waveform, None, training=False, time_mask=mask)
    loss, correct = contrastive_loss(
        output.projected_states, output.projected_quantized_states, output.code_ids, mask, negatives,
        config.contrastive_logits_temperature,
    )  # fmt: skip
    assert float(loss) == pytest.approx(measured.losses[2], rel=1e-4)
    assert int(correct) == measured.correct[2]


def test_what_is_too_short_to_be_masked_weighs_nothing(pretrained, speech):
    short = [dataclasses.replace(speech[0], samples=speech[0].samples[:samples]) for samples in (400, 200)]
    found = contrast(pretrained["model"], short, SETTINGS, "test")
    assert found.masked.tolist() == [0, 0]
    assert found.losses.tolist() == [0.0, 0.0]
    assert np.isnan([found.loss, found.accuracy, *found.perplexities]).all()


def test_perplexity_is_the_effective_number_of_codes():
    nothing = np.zeros(1, np.int64)
    found = Contrast(np.zeros(1), nothing, nothing, np.array([[5.0, 5.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]]))
    assert found.perplexities == pytest.approx([2.0, 1.0])
