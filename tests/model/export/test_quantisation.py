"""What stays in float32: nothing where int8 changes nothing, and otherwise the part whose rounding is felt."""

import json

import keras
import numpy as np
import onnx
import pytest

from model import Wav2Vec2Config, Wav2Vec2CTC
from model.audio import normalise
from model.export.onnx_graph.network import scoring_model
from model.export.quantisation import Quantisation, choose_quantisation, parts_of
from model.progress import EVENTS_VARIABLE
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
    assert choose_quantisation(CONFIG, weights, [], VOCABULARY, 1.0, 17) == Quantisation(parts=7)


def test_where_texts_stay_nothing_is_left_in_float32(weights, waveforms):
    exact, quantised = (texts(CONFIG, weights, waveforms, precision) for precision in ("float32", "int8"))
    same = sum(one == other for one, other in zip(exact, quantised, strict=True))
    assert len(set(exact)) > 10, "the texts must tell something"
    assert same >= 10
    found = choose_quantisation(CONFIG, weights, waveforms, VOCABULARY, same / 20, 17)
    assert found == Quantisation((), 7, 20, same, same, 0, same / 20)


def test_the_part_that_does_not_bear_it_stays_in_float32(weights, waveforms, monkeypatch, tmp_path):
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
    events = tmp_path / "events.jsonl"
    monkeypatch.setenv(EVENTS_VARIABLE, str(events))
    found = choose_quantisation(CONFIG, spoilt, waveforms, VOCABULARY, same / 20, 17)
    assert found == Quantisation((part,), 7, 20, same, same_in_int8, 0, same / 20)
    assert found.told == (
        f"1 of 7 parts stay in float32: with all in int8, {same_in_int8} of 20 utterances get the text of float32, and"
        f" {5 * same:.1f} % must; so {same} do. In float32: encoder/layer_1/feed_forward."
    )
    told = [json.loads(line) for line in events.read_text().splitlines()]
    last = told.pop()
    assert [one["done"] for one in told] == list(range(1, len(told) + 1))
    assert (last["done"], last["total"], last["text"]) == (len(told), len(told), "int8: chosen")
    # In float32 and in int8, each part alone on eight utterances, and three steps of the search at most.
    assert (told[0]["total"], told[-1]["total"]) == (40, 40 + 7 * 8 + 3 * 20)
    assert told[-1]["done"] <= told[-1]["total"]
    assert {one["unit"] for one in told} == {"utterances"}
    texts_shown = list(dict.fromkeys(one["text"] for one in told))
    assert texts_shown[:3] == [
        "int8: everything in float32", "int8: everything in int8", "int8: feature_extractor/conv_1 alone"
    ]  # fmt: skip
    assert texts_shown[-1] == "int8: 1 of 7 parts in float32"


def test_what_cannot_be_had_otherwise_is_had_in_float32(weights, waveforms):
    # Logits of one size: any rounding decides.
    flat = {**weights, "lm_head/kernel": np.zeros_like(weights["lm_head/kernel"])}
    flat["lm_head/kernel"][:, :2] = weights["lm_head/kernel"][:, :1] * [1.0, 1.0 + 1e-6]
    found = choose_quantisation(CONFIG, flat, waveforms, VOCABULARY, 1.0, 17)
    assert found.same_texts == found.utterances == 20


def test_texts_that_are_empty_are_counted(weights, waveforms):
    silent = {**weights, "lm_head/bias": np.array([100.0] + 7 * [0.0], np.float32)}
    found = choose_quantisation(CONFIG, silent, waveforms, VOCABULARY, 1.0, 17)
    assert found == Quantisation((), 7, 20, 20, 20, 20, 1.0)
    assert found.told == (
        "All 7 parts are in int8: 20 of 20 utterances get the text of float32, and 100.0 % must. 20 of these texts are"
        " empty, which says little."
    )


@pytest.mark.parametrize(
    "quantisation",
    [Quantisation(parts=7), Quantisation(("a/b", "c"), 7, 20, 19, 12, 1, 0.95)],
    ids=["unheard", "heard"],
)
def test_a_file_says_how_it_was_chosen(weights, tmp_path, quantisation):
    model = scoring_model(CONFIG, weights, "int8", 17, quantisation.to_metadata())
    onnx.save(model, tmp_path / "model.onnx")
    assert Quantisation.of_file(tmp_path / "model.onnx") == quantisation


def test_where_no_part_bears_it_that_is_told():
    assert Quantisation(("a", "b"), 2, 20, 20, 12, 0, 0.995).told == (
        "Nothing is in int8, and the file is as large as that in float32: with all 2 parts in int8, 12 of 20 utterances"
        " get the text of float32, and 99.5 % must, and no smaller choice was enough."
    )


def test_what_was_not_measured_is_told_as_that():
    assert Quantisation(parts=7).told == (
        "All 7 parts are in int8; what that changes was not measured, as no speech was heard."
    )
