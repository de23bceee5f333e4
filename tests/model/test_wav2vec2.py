"""Wav2Vec2 against PyTorch's, and padded against alone."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC, load_model
from model.checkpoint import convert_checkpoint
from model.checkpoint.table import rows, to_ours
from model.training.ctc import ctc_loss

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2"
VARIANTS = ("group_post_norm", "layer_pre_norm")


@pytest.fixture(scope="module", params=VARIANTS)
def converted(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("converted") / request.param
    convert_checkpoint(GOLDEN / request.param, directory)
    return load_model(directory), np.load(GOLDEN / request.param / "reference.npz")


def relative(ours, reference):
    return np.linalg.norm(ours - reference) / np.linalg.norm(reference)


@pytest.mark.parametrize("index", [0, 1])
def test_every_module_agrees_with_pytorch(converted, index):
    loaded, reference = converted
    backbone = loaded.model.backbone
    waveform = reference[f"waveform_{index}"][None]
    features = backbone.feature_extractor(waveform)
    projected = backbone.feature_projection(features)
    outputs = {
        "features": features,
        "projected": projected,
        "positions": backbone.encoder.pos_conv_embed(projected),
        "logits": loaded.model(waveform)[0],
    }
    for name, output in outputs.items():
        expected = reference[f"{name}_{index}"]
        assert output.shape[1:] == expected.shape, name
        np.testing.assert_allclose(output[0].numpy(), expected, atol=1e-4, rtol=0, err_msg=name)
        assert relative(output[0].numpy(), expected) < 1e-5, name


def test_loss_and_gradients_agree_with_pytorch(converted):
    loaded, reference = converted
    model = loaded.model
    waveforms, num_samples, labels = batch(reference)
    with tf.GradientTape() as tape:
        logits, num_frames = model(waveforms, num_samples)
        losses, feasible = ctc_loss(logits, num_frames, labels, blank_id=0)
    np.testing.assert_allclose(losses.numpy(), [reference["loss_0"], reference["loss_1"]], rtol=1e-5)
    assert feasible.numpy().all()
    variables = model.named_weights()
    gradients = dict(
        zip(variables, tape.gradient(losses, [variable.value for variable in variables.values()]), strict=True)
    )
    table = [row for row in rows(loaded.config) if f"gradient:{row.sources[0]}" in reference]
    assert len(table) == len(variables) - 1, "all but the masking vector have a gradient"
    total = np.sqrt(sum(np.sum(np.square(reference[f"gradient:{row.sources[0]}"])) for row in table))
    for row in table:
        expected = to_ours(row.layout, reference[f"gradient:{row.sources[0]}"])
        error = np.linalg.norm(gradients[row.variable].numpy() - expected)
        assert error <= 1e-3 * max(np.linalg.norm(expected), 1e-6 * total), row.variable


def test_a_padded_utterance_gets_the_logits_that_it_gets_alone(converted):
    loaded, reference = converted
    waveforms, num_samples, _ = batch(reference, samples=40_000)
    logits, num_frames = loaded.model(waveforms, num_samples)
    assert num_frames.numpy().tolist() == [24, 15]
    for index in (0, 1):
        expected = reference[f"logits_{index}"]
        np.testing.assert_allclose(logits[index, : len(expected)].numpy(), expected, atol=1e-4, rtol=0)


def test_unmasked_padding_changes_the_logits_as_it_did_historically(converted):
    loaded, reference = converted
    model = Wav2Vec2CTC(loaded.config, padding="unmasked")
    for name, variable in model.named_weights().items():
        variable.assign(loaded.model.named_weights()[name])
    waveforms, num_samples, _ = batch(reference, samples=40_000)
    logits, num_frames = model(waveforms, num_samples)
    assert num_frames.numpy().tolist() == [24, 15], "the valid frames are counted either way"
    expected = loaded.model(waveforms)[0]
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), atol=1e-5)
    assert np.abs(logits[1, :15].numpy() - reference["logits_1"]).max() > 1e-2


def test_the_compiled_model_gives_what_the_eager_one_gives(converted):
    loaded, reference = converted
    waveforms, num_samples, _ = batch(reference)
    eager = loaded.model(waveforms, num_samples)[0].numpy()
    compiled = tf.function(loaded.model, jit_compile=True)(waveforms, num_samples)[0].numpy()
    np.testing.assert_allclose(compiled, eager, atol=1e-5)


def test_masks_replace_frames_and_channels():
    config = Wav2Vec2Config(
        conv_dim=(4, 4), conv_kernel=(10, 3), conv_stride=(5, 2), hidden_size=8, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=8, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    model = Wav2Vec2CTC(config)
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 1, 400)).astype(np.float32)
    frames = config.num_frames(400)
    every_frame = np.ones((1, frames), bool)
    masked = [model(waveform, time_mask=every_frame)[0].numpy() for waveform in (first, second)]
    np.testing.assert_allclose(masked[0], masked[1], atol=1e-6, err_msg="nothing of the sound is left")
    every_channel = np.ones((1, 8), bool)
    silent = [model(waveform, channel_mask=every_channel)[0].numpy() for waveform in (first, second)]
    np.testing.assert_allclose(silent[0], silent[1], atol=1e-6)
    assert np.abs(masked[0] - silent[0]).max() > 1e-3


def test_dropout_acts_in_training_only_and_follows_the_seed():
    config = Wav2Vec2Config(
        conv_dim=(4, 4), conv_kernel=(10, 3), conv_stride=(5, 2), hidden_size=8, num_hidden_layers=3,
        num_attention_heads=2, intermediate_size=8, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        layerdrop=0.5,
    )  # fmt: skip
    model = Wav2Vec2CTC(config)
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


def test_a_model_is_rebuilt_from_its_config():
    model = Wav2Vec2CTC(Wav2Vec2Config.from_file(GOLDEN / VARIANTS[0] / "config.json"), padding="unmasked")
    twin = Wav2Vec2CTC.from_config(model.get_config())
    assert twin.config == model.config
    assert twin.padding == "unmasked"
    assert list(twin.named_weights()) == list(model.named_weights())


def batch(reference, samples=8000):
    waveforms = np.zeros((2, samples), np.float32)
    labels = np.full((2, 5), -1, np.int32)
    for index in (0, 1):
        waveform = reference[f"waveform_{index}"]
        waveforms[index, : len(waveform)] = waveform
        labels[index, : len(reference[f"labels_{index}"])] = reference[f"labels_{index}"]
    return waveforms, np.array([8000, 5000], np.int32), labels
