"""Whole graphs: PyTorch's numbers in every architecture, Keras' with padding, and what int8 does."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC, load_model
from model.checkpoint import convert_checkpoint
from model.export.onnx_graph.network import recognising_model, scoring_model
from model.normalisation import normalise_waveforms

GOLDEN = Path(__file__).parents[3] / "golden" / "wav2vec2"
VARIANTS = (
    "group_post_norm", "layer_pre_norm", "group_pre_norm", "layer_post_norm", "convolutional_adapter", "wide_adapter",
    "attention_adapter", "other_values", "hubert_group", "hubert_layer", "hubert_batch_norm",
    "hubert_attention_adapter",
)  # fmt: skip
SMALL = Wav2Vec2Config(
    conv_dim=(4, 4, 8), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2), hidden_size=16, num_hidden_layers=2,
    num_attention_heads=2, intermediate_size=32, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def weights_are_always_the_same():
    keras.utils.set_random_seed(1)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    root, done = tmp_path_factory.mktemp("converted"), {}

    def convert(variant):
        if variant not in done:
            convert_checkpoint(GOLDEN / variant, root / variant)
            done[variant] = load_model(root / variant), dict(np.load(GOLDEN / variant / "reference.npz"))
        return done[variant]

    return convert


def weights_of(model):
    return {name: np.asarray(weight) for name, weight in model.named_weights().items() if "seed" not in name}


def run(model, **inputs):
    onnx.checker.check_model(model, full_check=True)
    assert not {node.op_type for node in model.graph.node} & {"Loop", "If", "Scan"}
    assert {opset.domain for opset in model.opset_import} == {""}, "every runtime knows these operators"
    return np.asarray(onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_are_those_of_pytorch(converted, variant):
    loaded, reference = converted(variant)
    model = scoring_model(loaded.config, weights_of(loaded.model), "float32", 17, {})
    for index in (0, 1):
        waveform = reference[f"waveform_{index}"]
        logits = run(model, input_values=np.stack([waveform] * 2))
        for row in range(2):
            np.testing.assert_allclose(logits[row], reference[f"logits_{index}"], atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_padded_utterances_get_what_keras_gives_them(converted, variant):
    loaded, _ = converted(variant)
    model, config = loaded.model, loaded.config
    lengths = np.array([7_000, config.min_samples, 3_001, config.min_samples - 1, 0], np.int64)
    sound = np.random.default_rng(1).normal(0.05, 0.1, (5, 7_000)).astype(np.float32)
    for row, samples in zip(sound, lengths, strict=True):
        row[samples:] = 7.0
    graph = recognising_model(config, weights_of(model), "float32", 17, {}, do_normalize=True, blank_id=5)
    logprobs = run(graph, input_values=sound, input_lengths=lengths)
    logits, num_frames = model(normalise_waveforms(sound, lengths), lengths)
    expected = tf.nn.log_softmax(logits).numpy()
    assert logprobs.shape == expected.shape
    for row, frames in enumerate(np.maximum(num_frames.numpy(), 0)):
        assert (frames > 0) == (row < 3)
        np.testing.assert_allclose(logprobs[row, :frames], expected[row, :frames], atol=2e-4)
        assert (logprobs[row, frames:].argmax(axis=-1) == 5).all()
        assert (logprobs[row, frames:].max(axis=-1) == 0).all()


def test_sound_is_left_as_it_is_where_the_model_wants_that():
    model = Wav2Vec2CTC(SMALL)
    sound = np.random.default_rng(2).normal(0.3, 2.0, (2, 900)).astype(np.float32)
    graph = recognising_model(SMALL, weights_of(model), "float32", 17, {}, do_normalize=False, blank_id=0)
    logprobs = run(graph, input_values=sound, input_lengths=np.array([900, 900]))
    np.testing.assert_allclose(logprobs, tf.nn.log_softmax(model(sound)[0]).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("kernels", "strides"),
    [((7, 5, 3, 4, 1), (3, 2, 1, 4, 1)), ((2, 3, 3), (3, 5, 2)), ((10, 3, 2), (5, 2, 2)), ((5, 4, 7), (5, 3, 3))],
)
@pytest.mark.parametrize("norm", ["group", "layer"])
def test_any_kernel_and_stride_is_windowed_rightly(kernels, strides, norm):
    sizes = {"conv_kernel": kernels, "conv_stride": strides, "conv_dim": (8,) * len(kernels)}
    config = dataclasses.replace(SMALL, **sizes, feat_extract_norm=norm, conv_bias=True)
    model = Wav2Vec2CTC(config)
    weights = weights_of(model)
    exact = scoring_model(config, weights, "float32", 17, {})
    quantised = scoring_model(config, weights, "int8", 17, {})
    for samples in range(config.min_samples, config.min_samples + 3):
        waveforms = np.random.default_rng(samples).standard_normal((2, samples + 900)).astype(np.float32)
        expected = model(waveforms)[0].numpy()
        np.testing.assert_allclose(run(exact, input_values=waveforms), expected, atol=1e-4)
        difference = run(quantised, input_values=waveforms) - expected
        # A window that is cut wrongly gives numbers that have nothing to do with these.
        assert np.sqrt(np.mean(np.square(difference))) < 0.1 * expected.std()


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_silence_gives_what_keras_gives(precision):
    model = Wav2Vec2CTC(SMALL)
    graph = scoring_model(SMALL, weights_of(model), precision, 17, {})
    silence = np.zeros((1, 2_000), np.float32)
    bound = 1e-5 if precision == "float32" else 0.1
    np.testing.assert_allclose(run(graph, input_values=silence), model(silence)[0].numpy(), atol=bound)
    # All frames of a constant are equal, so that the group norm has nothing but roundings to work with.
    assert np.isfinite(run(graph, input_values=silence + 0.5)).all()


@pytest.mark.parametrize("opset", [17, 18, 20])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_other_versions_of_the_operators_compute_the_same(opset, precision):
    weights = weights_of(Wav2Vec2CTC(SMALL))
    waveforms = np.random.default_rng(0).standard_normal((2, 3_000)).astype(np.float32)
    expected = run(scoring_model(SMALL, weights, precision, 17, {}), input_values=waveforms)
    model = scoring_model(SMALL, weights, precision, opset, {})
    assert model.opset_import[0].version == opset
    np.testing.assert_allclose(run(model, input_values=waveforms), expected, atol=1e-5)


def test_what_is_dear_is_in_int8():
    model = scoring_model(SMALL, weights_of(Wav2Vec2CTC(SMALL)), "int8", 17, {})
    nodes = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    scopes = [node.name.rpartition("/")[0] for node in nodes]
    of_layers = [
        f"encoder/layer_{index}/{block}" for index in range(2) for block in ("attention",) * 4 + ("feed_forward",) * 2
    ]
    assert scopes == ["feature_extractor/conv_1", "feature_extractor/conv_2", "feature_projection", *of_layers]
    stored = {constant.name: constant for constant in model.graph.initializer}
    assert all(stored[node.input[1]].data_type == onnx.TensorProto.UINT8 for node in nodes)


def test_equal_models_give_equal_bytes():
    weights = weights_of(Wav2Vec2CTC(SMALL))
    one, two = (
        scoring_model(SMALL, weights, "int8", 17, {"a": "b"}).SerializeToString(deterministic=True) for _ in range(2)
    )
    assert one == two
