"""The ONNX folder: PyTorch's logits for any batch and length, and the files that Hugging Face's tools look for."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from model.audio import normalise
from model.errors import ReleaseError
from model.export import onnx_model
from model.export.onnx_model import export_onnx
from model.export.quantisation import Quantisation, parts_of
from model.version import __version__

VARIANTS = ("group_post_norm", "layer_pre_norm")


@pytest.fixture(scope="module")
def folders(loaded, release, tmp_path_factory):
    directory = tmp_path_factory.mktemp("onnx") / "group_post_norm"
    export_onnx(loaded["group_post_norm"], directory)
    return {"group_post_norm": directory, "layer_pre_norm": release / "onnx"}


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


def test_the_logits_are_those_of_pytorch(variant, folders, reference):
    session = onnxruntime.InferenceSession(folders[variant] / "onnx" / "model.onnx")
    for index in (0, 1):
        waveform = reference[variant][f"waveform_{index}"]
        logits = np.asarray(session.run(None, {"input_values": np.stack([waveform] * 3)})[0])
        assert logits.dtype == np.float32
        for row in range(3):
            np.testing.assert_allclose(logits[row], reference[variant][f"logits_{index}"], atol=1e-4)


def test_the_logits_are_those_of_keras_at_other_lengths(variant, folders, loaded):
    session = onnxruntime.InferenceSession(folders[variant] / "onnx" / "model.onnx")
    # With open dimensions, as it is exported; Keras warns of a softmax over a single frame where it sees one.
    function = tf.function(loaded[variant].model, input_signature=[tf.TensorSpec([None, None], tf.float32)])
    for batch, samples in ((1, 400), (2, 719), (1, 33_333)):
        waveforms = np.random.default_rng(samples).standard_normal((batch, samples)).astype(np.float32)
        logits = np.asarray(session.run(["logits"], {"input_values": waveforms})[0])
        np.testing.assert_allclose(logits, function(waveforms)[0].numpy(), atol=1e-4)


INTERFACES = {
    "onnx/model.onnx": {"input_values": ["batch", "samples"], "logits": ["batch", "frames", 32]},
    "onnx/model_quantized.onnx": {"input_values": ["batch", "samples"], "logits": ["batch", "frames", 32]},
    "onnx_asr/model.fp32.onnx": {
        "input_values": ["batch", "samples"], "input_lengths": ["batch"], "logprobs": ["batch", "frames", 32]
    },
}  # fmt: skip


@pytest.mark.parametrize("file", INTERFACES)
def test_the_graph_says_what_it_is(variant, file, folders, loaded):
    model = onnx.load(folders[variant] / file)
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == INTERFACES[file]
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 17
    assert not {node.op_type for node in model.graph.node} & {"Loop", "If", "Scan"}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata.pop("vocabulary")) == loaded[variant].vocabulary.to_mapping()
    assert json.loads(metadata.pop("source_checkpoint")) == loaded[variant].manifest["source_checkpoint"]
    if "quantized" in file:
        told = Quantisation(parts=len(parts_of(loaded[variant].config))).to_metadata()
        assert {name: metadata.pop(name) for name in told} == told
    assert metadata == {
        "do_normalize": "true",
        "model_digest": loaded[variant].digest,
        "precision": "int8" if "quantized" in file else "float32",
        "sample_rate_hz": "16000",
        "wav2vec2_tfx_version": __version__,
    }


def test_the_files_of_hugging_face_lie_beside(variant, folders, loaded):
    folder = folders[variant]
    files = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert files["vocab.json"]["Z"] == 31
    assert files["config.json"] == loaded[variant].config.to_published() | {
        "conv_dim": [8, 8, 8, 8, 8, 8, 12],
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    }
    assert files["preprocessor_config.json"]["sampling_rate"] == 16_000
    assert files["special_tokens_map.json"] == {
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"
    }  # fmt: skip
    assert files["tokenizer_config.json"]["tokenizer_class"] == "Wav2Vec2CTCTokenizer"
    assert files["tokenizer_config.json"]["word_delimiter_token"] == "|"
    assert {path.name for path in folder.iterdir()} == {*files, "onnx", "onnx_asr"}


def test_the_quantised_model_scores_nearly_the_same(variant, folders, reference):
    session = onnxruntime.InferenceSession(folders[variant] / "onnx" / "model_quantized.onnx")
    waveform = reference[variant]["waveform_0"]
    expected = reference[variant]["logits_0"]
    logits = np.asarray(session.run(None, {"input_values": waveform[np.newaxis]})[0])[0]
    difference = float(np.sqrt(np.mean(np.square(logits - expected))))
    # Something is lost, and not much: a hundredth of what the logits vary.
    assert 1e-6 < difference < 0.05 * expected.std()


def test_a_padded_utterance_is_recognised_as_it_is_alone(variant, folders, loaded, reference):
    session = onnxruntime.InferenceSession(folders[variant] / "onnx_asr" / "model.fp32.onnx")
    waveforms = [0.2 * reference[variant][f"waveform_{index}"] + 0.1 for index in (0, 1)]
    lengths = np.array([len(waveform) for waveform in waveforms] + [399], np.int64)
    sound = np.full((3, lengths.max() + 500), 5.0, np.float32)
    for row, waveform in zip(sound, waveforms, strict=False):
        row[: len(waveform)] = waveform
    logprobs = np.asarray(session.run(None, {"input_values": sound, "input_lengths": lengths})[0])
    for row, waveform in enumerate(waveforms):
        logits = loaded[variant].model(normalise(waveform)[np.newaxis].astype(np.float32))[0]
        expected = tf.nn.log_softmax(logits)[0].numpy()
        np.testing.assert_allclose(logprobs[row, : len(expected)], expected, atol=1e-4)
        assert (logprobs[row, len(expected) :].argmax(axis=-1) == 0).all()
    assert (logprobs[2].argmax(axis=-1) == 0).all(), "what is too short for a frame says nothing"
    assert np.isfinite(logprobs).all()
    short = session.run(None, {"input_values": sound[:1, :10], "input_lengths": np.array([10])})[0]
    assert np.asarray(short).shape == (1, 1, 32)
    assert np.asarray(short).argmax() == 0


def changed(path, target, prefix):
    """Writes a model whose constant of that name's beginning is another."""
    model = onnx.load(path)
    constant = next(c for c in model.graph.initializer if c.name.startswith(prefix) and len(c.dims) == 1)
    values = onnx.numpy_helper.to_array(constant).copy()
    values[3] += 0.01
    constant.CopyFrom(onnx.numpy_helper.from_array(values, constant.name))
    onnx.save(model, target)
    return target


def test_a_graph_that_computes_something_else_is_refused(folders, loaded, tmp_path):
    path = changed(folders["layer_pre_norm"] / "onnx" / "model.onnx", tmp_path / "model.onnx", "lm_head/")
    with pytest.raises(
        ReleaseError, match=r"logits .* within 0\.000\d+ of the model's, and differ by 0\.01.* for 1 utt"
    ):
        onnx_model._check_scores(path, loaded["layer_pre_norm"], "float32")
    path = changed(folders["layer_pre_norm"] / "onnx_asr" / "model.fp32.onnx", tmp_path / "asr.onnx", "lm_head/")
    with pytest.raises(
        ReleaseError, match=r"logprobs .* differ by 0\.0098.* for an utterance of 9801 samples beside longer"
    ):
        onnx_model._check_recognition(path, loaded["layer_pre_norm"])


def test_a_quantised_graph_without_numbers_is_refused(folders, loaded, tmp_path):
    model = onnx.load(folders["layer_pre_norm"] / "onnx" / "model_quantized.onnx")
    constant = next(c for c in model.graph.initializer if c.name.startswith("lm_head/") and len(c.dims) == 1)
    constant.CopyFrom(onnx.numpy_helper.from_array(np.full(32, np.nan, np.float32), constant.name))
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(
        ReleaseError, match=r"in int8 must be numbers in the shape \[1, 1, 32\]; they are not for 1 utt"
    ):
        onnx_model._check_scores(tmp_path / "model.onnx", loaded["layer_pre_norm"], "int8")


def test_a_model_beyond_one_file_is_refused(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_model, "_MAX_WEIGHT_BYTES", 5_000)
    with pytest.raises(ReleaseError, match=r"must have less than 5e-06 GB of weights, and this one has 0\.0 GB"):
        export_onnx(loaded["layer_pre_norm"], tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
