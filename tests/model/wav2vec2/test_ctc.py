"""Wav2Vec2 with a CTC head, against PyTorch's."""

import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC
from model.checkpoint.parity import MAX_ABSOLUTE, MAX_RELATIVE, module_outputs
from model.errors import DataError
from model.training.ctc import ctc_loss

VARIANTS = (
    "group_post_norm", "layer_pre_norm", "group_pre_norm", "layer_post_norm", "convolutional_adapter", "wide_adapter",
    "attention_adapter", "other_values", "hubert_group", "hubert_layer", "hubert_batch_norm",
    "hubert_attention_adapter",
)  # fmt: skip
SMALL = Wav2Vec2Config(
    conv_dim=(4, 4), conv_kernel=(10, 3), conv_stride=(5, 2), hidden_size=8, num_hidden_layers=3,
    num_attention_heads=2, intermediate_size=8, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
)  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_module_agrees_with_pytorch(converted, variant):
    loaded, reference = converted(variant)
    ours = module_outputs(loaded.model, reference["waveform"])
    expected = {name.removeprefix("output:"): reference[name] for name in reference if name.startswith("output:")}
    assert set(ours) == set(expected), "every module of ours has its reference, and every reference its module"
    for name, values in expected.items():
        assert ours[name].shape == values.shape, name
        np.testing.assert_allclose(ours[name], values, atol=MAX_ABSOLUTE, rtol=0, err_msg=name)
        assert np.linalg.norm(ours[name] - values) <= MAX_RELATIVE * np.linalg.norm(values), name


@pytest.mark.parametrize("training", [False, True], ids=["as_used", "in_training"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_and_gradients_agree_with_pytorch(converted, assert_gradients, variant, training):
    loaded, reference = converted(variant)
    model = loaded.model
    waveforms, num_samples, labels = batch(reference)
    with tf.GradientTape() as tape:
        # Of what acts in training only, these models have none; but their gradients are computed in another way.
        logits, num_frames = model(waveforms, num_samples, training=training)
        losses, feasible = ctc_loss(logits, num_frames, labels, blank_id=loaded.config.pad_token_id)
    for index in (0, 1):
        expected = reference[f"logits_{index}"]
        assert num_frames[index] == len(expected), "the adapter's frames are counted, too"
        np.testing.assert_allclose(logits[index, : len(expected)].numpy(), expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(losses.numpy(), [reference["loss_0"], reference["loss_1"]], rtol=1e-5)
    assert feasible.numpy().all()
    assert_gradients(model, tape, losses, reference)


@pytest.mark.parametrize("training", [False, True], ids=["as_used", "in_training"])
def test_the_loss_of_a_padded_batch_is_pytorch_s_and_what_has_no_path_weighs_nothing(
    converted, losses, assert_gradients, training
):
    loaded, reference = converted("layer_pre_norm")[0], losses("layer_pre_norm")
    with tf.GradientTape() as tape:
        logits, num_frames = loaded.model(reference["waveforms"], reference["num_samples"], training=training)
        of_each, feasible = ctc_loss(logits, num_frames, reference["labels"], blank_id=loaded.config.pad_token_id)
    assert feasible.numpy().tolist() == [True, True, False]
    np.testing.assert_allclose(of_each.numpy(), reference["losses"], rtol=1e-5)
    assert tf.reduce_sum(of_each).numpy() == pytest.approx(float(reference["loss"]), rel=1e-5)
    assert_gradients(loaded.model, tape, of_each, reference)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_utterance_has_the_same_logits_alone_in_a_batch_and_padded(converted, variant):
    model = converted(variant)[0].model
    random = np.random.default_rng(3)
    # From the shortest that gives a frame to 30 s, with the two sides of a frame's edge among them.
    lengths = (model.config.min_samples, 1039, 1040, 5_000, 79_999, 246_000, 480_000)
    alone = [random.normal(size=length).astype(np.float32) for length in lengths]
    expected = [model(waveform[None])[0][0].numpy() for waveform in alone]
    for length, waveform, logits in list(zip(lengths, alone, expected, strict=True))[:-1]:
        assert_same(model(padded([waveform], 246_000), np.array([length], np.int32)), [logits])
    assert_same(model(padded(alone, lengths[-1]), np.array(lengths, np.int32)), expected)


def assert_same(result, expected):
    logits, num_frames = result
    assert num_frames.numpy().tolist() == [len(values) for values in expected]
    for row, values in enumerate(expected):
        np.testing.assert_allclose(logits[row, : len(values)].numpy(), values, atol=1e-4, rtol=0)


def padded(waveforms, samples):
    result = np.zeros((len(waveforms), samples), np.float32)
    for row, waveform in enumerate(waveforms):
        result[row, : len(waveform)] = waveform
    return result


@pytest.mark.parametrize("variant", ["group_post_norm", "layer_pre_norm"])
def test_unmasked_padding_changes_the_logits_as_it_did_historically(converted, variant):
    loaded, reference = converted(variant)
    model = twin(loaded, padding="unmasked")
    waveforms, num_samples, _ = batch(reference, samples=40_000)
    logits, num_frames = model(waveforms, num_samples)
    assert num_frames.numpy().tolist() == [24, 15], "the valid frames are counted either way"
    expected = loaded.model(waveforms)[0]
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), atol=1e-5)
    assert np.abs(logits[1, :15].numpy() - reference["logits_1"]).max() > 1e-2


def test_what_is_too_short_for_a_frame_is_refused():
    with pytest.raises(DataError, match="must have 20 samples or more to give a frame, and these have 14; leave it"):
        Wav2Vec2CTC(SMALL)(np.zeros((1, 14), np.float32))


def test_masks_replace_frames_and_channels():
    model = Wav2Vec2CTC(SMALL)
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 1, 400)).astype(np.float32)
    frames = SMALL.num_frames(400)
    every_frame = np.ones((1, frames), bool)
    masked = [model(waveform, time_mask=every_frame)[0].numpy() for waveform in (first, second)]
    np.testing.assert_allclose(masked[0], masked[1], atol=1e-6, err_msg="nothing of the sound is left")
    every_channel = np.ones((1, 8), bool)
    silent = [model(waveform, channel_mask=every_channel)[0].numpy() for waveform in (first, second)]
    np.testing.assert_allclose(silent[0], silent[1], atol=1e-6)
    assert np.abs(masked[0] - silent[0]).max() > 1e-3


def test_dropout_acts_in_training_only_and_follows_the_seed():
    model = Wav2Vec2CTC(Wav2Vec2Config.from_published({**SMALL.to_published(), "layerdrop": 0.5}))
    waveform = np.random.default_rng(0).normal(size=(1, 400)).astype(np.float32)
    still = model(waveform)[0].numpy()
    np.testing.assert_array_equal(still, model(waveform)[0].numpy())
    model.reseed(1)
    first = model(waveform, training=True)[0].numpy()
    second = model(waveform, training=True)[0].numpy()
    model.reseed(1)
    again = model(waveform, training=True)[0].numpy()
    assert np.abs(first - still).max() > 1e-3
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("variant", ["group_post_norm", "convolutional_adapter", "hubert_batch_norm"])
def test_a_model_is_rebuilt_from_its_config(converted, variant):
    model = Wav2Vec2CTC(converted(variant)[0].config, padding="unmasked")
    rebuilt = Wav2Vec2CTC.from_config(model.get_config())
    assert rebuilt.config == model.config
    assert rebuilt.padding == "unmasked"
    assert list(rebuilt.named_weights()) == list(model.named_weights())


def twin(loaded, **options):
    model = Wav2Vec2CTC(loaded.config, **options)
    for name, variable in model.named_weights().items():
        variable.assign(loaded.model.named_weights()[name])
    return model


def batch(reference, samples=8000):
    waveforms = np.zeros((2, samples), np.float32)
    labels = np.full((2, 5), -1, np.int32)
    for index in (0, 1):
        waveform = reference[f"waveform_{index}"]
        waveforms[index, : len(waveform)] = waveform
        labels[index, : len(reference[f"labels_{index}"])] = reference[f"labels_{index}"]
    return waveforms, np.array([8000, 5000], np.int32), labels
