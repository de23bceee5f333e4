"""The ONNX folder: PyTorch's logits for any batch and length, and the files that Hugging Face's tools look for."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from model.errors import ReleaseError
from model.export import onnx_model
from model.export.onnx_model import export_onnx
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


def test_the_graph_says_what_it_is(variant, folders, loaded):
    model = onnx.load(folders[variant] / "onnx" / "model.onnx")
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"input_values": ["batch", "samples"], "logits": ["batch", "frames", 32]}
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 17
    assert not {node.op_type for node in model.graph.node} & {"Loop", "If", "Scan"}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata.pop("vocabulary")) == loaded[variant].vocabulary.to_mapping()
    assert json.loads(metadata.pop("source_checkpoint")) == loaded[variant].manifest["source_checkpoint"]
    assert metadata == {
        "do_normalize": "true",
        "model_digest": loaded[variant].digest,
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
    assert {path.name for path in folder.iterdir()} == {*files, "onnx"}


def test_a_graph_that_computes_something_else_is_refused(folders, loaded, tmp_path):
    model = onnx.load(folders["layer_pre_norm"] / "onnx" / "model.onnx")
    bias = next(constant for constant in model.graph.initializer if constant.name.startswith("lm_head/Add"))
    values = onnx.numpy_helper.to_array(bias).copy()
    values[3] += 0.01
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, tmp_path / "model.onnx")
    function = onnx_model._scoring_function(loaded["layer_pre_norm"])
    with pytest.raises(ReleaseError, match=r"must be within 0\.000\d+ of the model's, and differ by 0\.01.* for 1 utt"):
        onnx_model._check(tmp_path / "model.onnx", function, 400)


def test_a_model_beyond_one_file_is_refused(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_model, "_MAX_WEIGHT_BYTES", 5_000)
    with pytest.raises(ReleaseError, match=r"must have less than 5e-06 GB of weights, and this one has 0\.0 GB"):
        export_onnx(loaded["layer_pre_norm"], tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
