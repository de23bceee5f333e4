"""What stays in float32: nothing where int8 changes nothing, and otherwise the part whose rounding is felt."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC
from model.audio import normalise
from model.errors import DataError
from model.examples import Utterance, encode
from model.export.onnx_graph.network import scoring_model
from model.export.quantisation import Quantisation, choose_quantisation, parts_of, read_speech
from model.text import Vocabulary

CONFIG = Wav2Vec2Config(
    vocab_size=8, conv_dim=(16, 16, 32), conv_kernel=(10, 3, 2), conv_stride=(5, 2, 2), hidden_size=32,
    num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_conv_pos_embeddings=4,
    num_conv_pos_embedding_groups=2,
)  # fmt: skip
VOCABULARY = Vocabulary(("<pad>", "|", "A", "B", "C", "D", "E", "F"))
PARTS = [
    "feature_extractor/conv_1", "feature_extractor/conv_2", "feature_projection",
    "encoder/layer_0/attention", "encoder/layer_0/feed_forward",
    "encoder/layer_1/attention", "encoder/layer_1/feed_forward",
]  # fmt: skip


@pytest.fixture(scope="module")
def weights():
    keras.utils.set_random_seed(1)
    model = Wav2Vec2CTC(CONFIG)
    random = np.random.default_rng(3)
    values = {name: np.asarray(weight) for name, weight in model.named_weights().items() if "seed" not in name}
    # Letters that score far from each other, so that only a gross error changes a text.
    values["lm_head/kernel"] = random.normal(0, 3, values["lm_head/kernel"].shape).astype(np.float32)
    return values


@pytest.fixture(scope="module")
def waveforms():
    random = np.random.default_rng(4)
    return [normalise(random.normal(size=200 + 10 * index)).astype(np.float32) for index in range(20)]


def texts(config, weights, waveforms, precision, in_float32=()):
    import onnxruntime

    model = scoring_model(config, weights, precision, 17, {}, in_float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    logits = [np.asarray(session.run(None, {"input_values": waveform[None]})[0])[0] for waveform in waveforms]
    return [VOCABULARY.decode_greedy(one.argmax(axis=-1)) for one in logits]


def write_tfrecord(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def test_the_parts_and_their_work():
    assert list(parts_of(CONFIG)) == PARTS
    base = parts_of(Wav2Vec2Config())
    # 246,000 samples give 24,599 results of the second convolution, and 768 frames.
    assert base["feature_extractor/conv_1"] == pytest.approx(24_599 * 3 * 512 * 512 / 768, rel=2e-3)
    assert base["encoder/layer_11/feed_forward"] == 2 * 768 * 3072
    assert base["encoder/layer_11/attention"] == 4 * 768 * 768
    assert len(base) == 6 + 1 + 2 * 12


def test_adapters_are_parts_where_there_are_some():
    config = Wav2Vec2Config(do_stable_layer_norm=True, adapter_attn_dim=16, num_hidden_layers=1)
    assert parts_of(config)["encoder/layer_0/adapter_layer"] == 2 * 768 * 16


def test_without_speech_everything_is_quantised(weights):
    assert choose_quantisation(CONFIG, weights, [], VOCABULARY, 1.0, 17) == Quantisation((), 0, 0)


def test_where_texts_stay_nothing_is_left_in_float32(weights, waveforms):
    exact, quantised = (texts(CONFIG, weights, waveforms, precision) for precision in ("float32", "int8"))
    same = sum(one == other for one, other in zip(exact, quantised, strict=True))
    assert len(set(exact)) > 10, "the texts must tell something"
    assert same >= 10
    found = choose_quantisation(CONFIG, weights, waveforms, VOCABULARY, same / 20, 17)
    assert found == Quantisation((), 20, same)


def test_the_part_that_does_not_bear_it_stays_in_float32(weights, waveforms):
    spoilt = dict(weights)
    name = "wav2vec2/encoder/layer_1/feed_forward/output_dense/kernel"
    # Two rows so large that the others, which carry the sound, are rounded to nothing; together they cancel.
    kernel = spoilt[name].copy()
    kernel[0], kernel[1] = 500.0, -500.0
    spoilt[name] = kernel
    for part in ("kernel", "bias"):
        dense = f"wav2vec2/encoder/layer_1/feed_forward/intermediate_dense/{part}"
        values = spoilt[dense].copy()
        values[..., 1] = values[..., 0]
        spoilt[dense] = values
    exact, all_int8 = (texts(CONFIG, spoilt, waveforms, precision) for precision in ("float32", "int8"))
    part = "encoder/layer_1/feed_forward"
    kept = texts(CONFIG, spoilt, waveforms, "int8", {part})
    same, same_in_int8 = (
        sum(one == other for one, other in zip(exact, others, strict=True)) for others in (kept, all_int8)
    )
    assert same_in_int8 < same - 4
    found = choose_quantisation(CONFIG, spoilt, waveforms, VOCABULARY, same / 20, 17)
    assert found == Quantisation((part,), 20, same)


def test_what_cannot_be_had_otherwise_is_had_in_float32(weights, waveforms):
    # Logits of one size: any rounding decides.
    flat = {**weights, "lm_head/kernel": np.zeros_like(weights["lm_head/kernel"])}
    flat["lm_head/kernel"][:, :2] = weights["lm_head/kernel"][:, :1] * [1.0, 1.0 + 1e-6]
    found = choose_quantisation(CONFIG, flat, waveforms, VOCABULARY, 1.0, 17)
    assert found.same_texts == found.utterances == 20


def test_speech_is_read_as_the_model_takes_it(tmp_path):
    random = np.random.default_rng(5)
    samples = [random.integers(-9_000, 9_000, size, np.int16) for size in (4_000, 300, 5_000, 6_000)]
    records = [
        encode(Utterance(f"u{index}", "s", "c", "F", "dev", 16_000, values, "A B"))
        for index, values in enumerate(samples)
    ]
    write_tfrecord(tmp_path / "b", records[2:])
    write_tfrecord(tmp_path / "a", records[:2])
    files = [str(tmp_path / name) for name in ("b", "a")]
    found = read_speech(files, 2, do_normalize=True, min_samples=400)
    assert [len(one) for one in found] == [4_000, 5_000], "in the order of the files, without what is too short"
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], normalise(samples[0] / 32768), atol=1e-5)
    (plain,) = read_speech(files[:1], 1, do_normalize=False, min_samples=400)
    np.testing.assert_array_equal(plain, samples[2].astype(np.float32) / 32768)
    (tmp_path / "a").write_bytes(b"nothing of that kind")
    with pytest.raises(DataError, match="a"):
        read_speech(files, 2, do_normalize=True, min_samples=400)
