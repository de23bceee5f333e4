"""The release of a pre-trained model: its backbone as SavedModel and ONNX, and all of it as a checkpoint."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import ReleaseError
from model.export import checkpoint as exporting
from model.export.build import build_release
from model.export.checkpoint import export_checkpoint
from model.export.release import read_release
from model.export.settings import ReleaseSettings
from model.export.verify import verify, verify_in_fresh_process
from model.onnx_release import OnnxRelease
from model.text import librispeech_vocabulary
from model.transcriber import Transcriber

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
HUB = pytest.mark.filterwarnings("ignore:pkg_resources is deprecated as an API")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """The golden model of pre-training, as a model directory."""
    path = tmp_path_factory.mktemp("pretrained") / "model"
    convert_checkpoint(GOLDEN / "pretraining", path)
    return path


@pytest.fixture(scope="module")
def backbone(directory, tmp_path_factory):
    """A whole release of it."""
    path = tmp_path_factory.mktemp("backbone") / "release"
    build_release(directory, path, ReleaseSettings(name="backbone", license="mit"))
    return path


@pytest.fixture(scope="module")
def expected():
    """A normalised waveform `[batch, samples]`, and what PyTorch's backbone gives."""
    reference = np.load(GOLDEN / "pretraining" / "reference.npz")
    waveform, states = reference["waveform"], reference["output:wav2vec2"]
    return waveform[None], states.reshape(1, -1, states.shape[-1])


@pytest.fixture
def probes(backbone, tmp_path):
    waveforms = 0.1 * np.random.default_rng(3).standard_normal((2, 9_000), dtype=np.float32)
    encode = tf.saved_model.load(str(backbone / "saved_model")).signatures["encode"]
    onnx = OnnxRelease(backbone / "onnx", "last_hidden_state")
    lengths = (9_000, 4_321)
    outputs = encode(waveform=tf.constant(waveforms), num_samples=tf.constant(lengths))
    arrays = {}
    for index, samples in enumerate(lengths):
        frames = outputs["num_frames"][index]
        arrays[f"waveform_{index}"] = waveforms[index, :samples]
        arrays[f"saved_model_hidden_states_{index}"] = outputs["last_hidden_state"][index, :frames].numpy()
        arrays[f"onnx_hidden_states_{index}"] = onnx.run(waveforms[index, :samples])
    np.savez(tmp_path / "probes.npz", **arrays)
    return tmp_path / "probes.npz"


def test_the_saved_model_gives_the_hidden_states_of_pytorch(backbone, expected):
    model = tf.saved_model.load(str(backbone / "saved_model"))
    waveform, states = expected
    outputs = model.signatures["serving_default"](input_values=tf.constant(waveform))
    np.testing.assert_allclose(outputs["last_hidden_state"].numpy(), states, atol=1e-4)
    assert outputs["num_frames"].numpy().tolist() == [states.shape[1]] * len(states)
    np.testing.assert_allclose(model(tf.constant(waveform), training=False).numpy(), states, atol=1e-4)
    assert sorted(model.signatures) == ["encode", "serving_default", "with_lengths"]
    assert not (backbone / "saved_model" / "assets" / "vocab.json").exists()
    heard = model.encode(tf.constant(waveform), num_samples=tf.fill([len(waveform)], waveform.shape[1]))
    np.testing.assert_array_equal(heard["last_hidden_state"], model.encode(tf.constant(waveform))["last_hidden_state"])
    assert heard["num_frames"].numpy().tolist() == [states.shape[1]] * len(states)


def test_a_padded_utterance_gets_what_it_gets_alone(backbone, expected):
    with_lengths = tf.saved_model.load(str(backbone / "saved_model")).signatures["with_lengths"]
    waveform, states = expected
    padded = np.pad(waveform[:1], [[0, 0], [0, 3_000]])
    outputs = with_lengths(input_values=tf.constant(padded), num_samples=tf.constant([waveform.shape[1]]))
    frames = int(outputs["num_frames"][0])
    assert frames == states.shape[1]
    np.testing.assert_allclose(outputs["last_hidden_state"][0, :frames].numpy(), states[0], atol=1e-4)


def test_the_onnx_file_gives_the_hidden_states_of_pytorch(backbone, expected):
    onnx = OnnxRelease(backbone / "onnx", "last_hidden_state")
    onnx.do_normalise = False
    np.testing.assert_allclose(onnx.run(expected[0][0]), expected[1][0], atol=1e-4)
    assert onnx.width == 16
    config = json.loads((backbone / "onnx" / "config.json").read_text())
    assert config["architectures"] == ["Wav2Vec2Model"]
    assert sorted(path.name for path in (backbone / "onnx").iterdir()) == [
        "config.json", "onnx", "preprocessor_config.json"
    ]  # fmt: skip


def test_a_backbone_does_not_transcribe(backbone):
    with pytest.raises(ReleaseError, match=r"must hold vocab\.json, and .* does not"):
        Transcriber(backbone / "onnx")


@HUB
def test_hub_keras_layer_trains_all_of_it(backbone):
    import tensorflow_hub

    layer = tensorflow_hub.KerasLayer(str(backbone / "saved_model"), trainable=True)
    waveform = tf.constant(np.random.default_rng(1).standard_normal((2, 8_000)).astype(np.float32))
    target = tf.constant(np.random.default_rng(2).standard_normal((2, 24, 16)).astype(np.float32))
    losses = []
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(waveform, training=False) - target))
        losses.append(float(loss))
        gradients = tape.gradient(loss, layer.trainable_weights)
        for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
            variable.assign_sub(0.05 * tf.clip_by_norm(tf.convert_to_tensor(gradient), 1.0))
    assert losses[3] < losses[2] < losses[1] < losses[0]
    names = {variable.name for variable in layer.trainable_weights}
    assert "wav2vec2_headless/wav2vec2/feature_extractor/conv_0/kernel:0" in names


def test_the_checkpoint_is_the_one_that_it_came_from(backbone, directory, tmp_path):
    theirs = safetensors.numpy.load_file(GOLDEN / "pretraining" / "model.safetensors")
    ours = safetensors.numpy.load_file(backbone / "checkpoint" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)
    config = json.loads((backbone / "checkpoint" / "config.json").read_text())
    assert config["architectures"] == ["Wav2Vec2ForPreTraining"]
    convert_checkpoint(backbone / "checkpoint", tmp_path / "again")
    assert load_model(tmp_path / "again").digest == load_model(directory).digest


def test_the_checkpoint_can_be_fine_tuned(backbone, tmp_path):
    report = convert_checkpoint(
        backbone / "checkpoint", tmp_path / "model", head="ctc", vocabulary=librispeech_vocabulary()
    )
    assert (report["source_head"], report["head"]) == ("pretraining", "ctc")
    assert load_model(tmp_path / "model").vocabulary == librispeech_vocabulary()


def test_the_description_says_what_it_is(backbone, directory):
    release = read_release(backbone)
    assert release.head == "pretraining"
    assert release.model_digest == load_model(directory).digest, "of the whole model, heads included"
    assert {name.partition("/")[0] for name in release.files} == {"saved_model", "onnx", "checkpoint"}


@pytest.mark.parametrize("format_", ["saved_model", "onnx", "checkpoint"])
def test_a_copy_is_verified_by_its_hidden_states(backbone, probes, format_):
    assert verify_in_fresh_process(format_, backbone / format_, probes) == 2


def test_a_changed_weight_of_the_checkpoint_is_noticed(backbone, probes, tmp_path):
    shutil.copytree(backbone / "checkpoint", tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    tensors["wav2vec2.encoder.layers.0.attention.q_proj.weight"] *= 3
    safetensors.numpy.save_file(tensors, path)
    with pytest.raises(ReleaseError, match=r"The hidden states of probe 0 must be within 0\.001 of what was measured"):
        verify("checkpoint", tmp_path / "checkpoint", probes)


def test_a_checkpoint_that_cannot_be_read_is_refused(backbone, probes, tmp_path):
    shutil.copytree(backbone / "checkpoint", tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ReleaseError, match="must be a checkpoint that can be loaded: "):
        verify("checkpoint", tmp_path / "checkpoint", probes)


def test_what_is_written_wrong_is_not_released(directory, tmp_path, monkeypatch):
    def spoiled(model, tokens, preprocessor, output_dir):
        shutil.copytree(GOLDEN / "pretraining", output_dir, ignore=shutil.ignore_patterns("reference.npz"))
        tensors = safetensors.numpy.load_file(Path(output_dir) / "model.safetensors")
        tensors["project_q.bias"][3] += 1e-7
        safetensors.numpy.save_file(tensors, Path(output_dir) / "model.safetensors")

    monkeypatch.setattr(exporting, "write_published", spoiled)
    with pytest.raises(
        ReleaseError, match=r"The tensor project_q.bias in .* must be project_q/bias of the model, bit by"
    ):
        export_checkpoint(load_model(directory), tmp_path / "checkpoint")
