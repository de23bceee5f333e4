"""The SavedModel: PyTorch's logits, Keras's text, any batch and length, fine-tunable through TF Hub."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC
from model.directory import LoadedModel
from model.export.archive import write_archive
from model.export.saved_model import decoded_texts, export_saved_model
from model.storage import sha256_of_files
from model.text import Vocabulary, librispeech_vocabulary
from tests.hub_site import HubSite

VARIANTS = ("group_post_norm", "layer_pre_norm")
HUB = pytest.mark.filterwarnings("ignore:pkg_resources is deprecated as an API")


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A Keras model with dropout that takes waveforms as they are, and the SavedModel of it."""
    config = Wav2Vec2Config(
        conv_dim=(4, 4), conv_kernel=(10, 3), conv_stride=(5, 2), hidden_size=8, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=8, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        hidden_dropout=0.3, layerdrop=0.0,
    )  # fmt: skip
    model = Wav2Vec2CTC(config)
    manifest = {"model_digest": "0" * 64, "source_checkpoint": None}
    loaded = LoadedModel(model, config, librispeech_vocabulary(), {"do_normalize": False}, manifest)
    directory = tmp_path_factory.mktemp("tiny") / "saved_model"
    export_saved_model(loaded, directory)
    return model, directory


@pytest.mark.parametrize("index", [0, 1])
def test_the_signatures_give_the_logits_of_pytorch(variant, opened, reference, index):
    waveform = tf.constant(reference[variant][f"waveform_{index}"][None])
    expected = reference[variant][f"logits_{index}"]
    outputs = opened[variant].signatures["serving_default"](input_values=waveform)
    np.testing.assert_allclose(outputs["logits"][0].numpy(), expected, atol=1e-4)
    assert outputs["num_frames"].numpy().tolist() == [len(expected)]
    np.testing.assert_allclose(opened[variant](waveform)[0].numpy(), expected, atol=1e-4)


def test_a_padded_utterance_gets_what_it_gets_alone(variant, opened, reference):
    waveforms, num_samples = batch(reference[variant], samples=20_000)
    model = opened[variant]
    outputs = model.signatures["with_lengths"](input_values=waveforms, num_samples=num_samples)
    called = model(waveforms, num_samples=num_samples)
    assert outputs["num_frames"].numpy().tolist() == [24, 15]
    for index, frames in enumerate((24, 15)):
        expected = reference[variant][f"logits_{index}"]
        np.testing.assert_allclose(outputs["logits"][index, :frames].numpy(), expected, atol=1e-4)
        np.testing.assert_allclose(called[index, :frames].numpy(), expected, atol=1e-4)


def test_transcribe_normalises_and_decodes_each_utterance_of_a_batch_as_alone(variant, opened, loaded, reference):
    quiet = 0.01 * tf.constant(batch(reference[variant], samples=9_000)[0]) + 0.25
    num_samples = tf.constant([8_000, 5_000])
    outputs = opened[variant].signatures["transcribe"](waveform=quiet, num_samples=num_samples)
    vocabulary = loaded[variant].vocabulary
    for index, (samples, frames) in enumerate(((8_000, 24), (5_000, 15))):
        waveform = quiet[index : index + 1, :samples].numpy().astype(np.float64)
        normalised = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        expected = loaded[variant].model(normalised.astype(np.float32))[0][0].numpy()
        logits = outputs["logits"][index, :frames].numpy()
        np.testing.assert_allclose(logits, expected, atol=1e-3)
        text = outputs["text"][index].numpy().decode()
        assert text == vocabulary.decode_greedy(logits.argmax(-1))
        assert len(text) > 3
    assert outputs["num_frames"].numpy().tolist() == [24, 15]


def test_what_is_too_short_for_a_frame_has_an_empty_text(opened):
    outputs = opened["layer_pre_norm"].signatures["transcribe"](
        waveform=tf.ones([2, 399]), num_samples=tf.constant([399, 0])
    )
    assert outputs["text"].numpy().tolist() == [b"", b""]
    assert outputs["num_frames"].numpy().tolist() == [0, 0]
    assert np.isfinite(outputs["logits"].numpy()).all()


def test_lengths_may_be_left_out_of_a_call(opened, loaded, reference):
    model = opened["layer_pre_norm"]
    waveforms = tf.constant(np.stack([reference["layer_pre_norm"]["waveform_0"]] * 2))
    whole = model.transcribe(waveforms)
    expected = model.signatures["transcribe"](waveform=waveforms, num_samples=tf.constant([8_000, 8_000]))
    assert whole["text"].numpy().tolist() == expected["text"].numpy().tolist()
    assert whole["num_frames"].numpy().tolist() == [24, 24]
    np.testing.assert_array_equal(whole["logits"].numpy(), expected["logits"].numpy())
    for shorter in (
        model.transcribe(waveforms, num_samples=[8_000, 5_000]),
        model.transcribe(waveforms, [8_000, 5_000]),
    ):
        assert shorter["num_frames"].numpy().tolist() == [24, 15]


def test_as_many_lengths_as_utterances_are_asked_for(opened):
    waveforms = tf.zeros([3, 8_000])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        opened["layer_pre_norm"].transcribe(waveforms, num_samples=[8_000, 8_000])


def test_servers_may_leave_the_lengths_out(saved_models, opened, reference):
    """What TensorFlow Serving does for its gRPC interface: a session, and the defaults of the SignatureDef."""
    waveforms = np.stack([reference["layer_pre_norm"]["waveform_0"]] * 2)
    expected = opened["layer_pre_norm"].transcribe(waveforms)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(saved_models["layer_pre_norm"]))
        signatures = {name: graph.signature_def[name] for name in ("serving_default", "with_lengths", "transcribe")}
        results = {}
        for name, signature in signatures.items():
            feed = {signature.inputs["waveform" if name == "transcribe" else "input_values"].name: waveforms}
            feed |= {
                signature.inputs[default].name: tf.make_ndarray(value) for default, value in signature.defaults.items()
            }
            results[name] = session.run({key: value.name for key, value in signature.outputs.items()}, feed)
    assert {name: sorted(signature.inputs) for name, signature in signatures.items()} == {
        "serving_default": ["input_values"],
        "with_lengths": ["input_values", "num_samples"],
        "transcribe": ["num_samples", "waveform"],
    }
    assert {name: list(signature.defaults) for name, signature in signatures.items()} == {
        "serving_default": [], "with_lengths": ["num_samples"], "transcribe": ["num_samples"]
    }  # fmt: skip
    assert results["transcribe"]["text"].tolist() == expected["text"].numpy().tolist()
    np.testing.assert_allclose(results["transcribe"]["logits"], expected["logits"].numpy(), atol=1e-5)
    np.testing.assert_allclose(results["with_lengths"]["logits"], results["serving_default"]["logits"], atol=1e-5)
    assert [results[name]["num_frames"].tolist() for name in signatures] == [[24, 24]] * 3


def test_lengths_beyond_the_batch_are_those_of_the_batch(opened, reference):
    waveform = tf.constant(reference["layer_pre_norm"]["waveform_0"][None])
    transcribe = opened["layer_pre_norm"].signatures["transcribe"]
    longer, right = (transcribe(waveform=waveform, num_samples=tf.constant([n])) for n in (9_999, 8_000))
    np.testing.assert_array_equal(longer["logits"].numpy(), right["logits"].numpy())
    assert longer["text"].numpy().tolist() == right["text"].numpy().tolist()


def test_a_model_that_wants_no_normalisation_gets_none(tiny):
    keras_model, directory = tiny
    model = tf.saved_model.load(str(directory))
    waveform = np.full((1, 1_000), 3.0, np.float32)
    waveform[0, ::7] = 5.0
    outputs = model.signatures["transcribe"](waveform=waveform, num_samples=tf.constant([900]))
    np.testing.assert_allclose(outputs["logits"].numpy()[:, :89], keras_model(waveform[:, :900])[0].numpy(), atol=1e-4)
    assert model.normalise(waveform, num_samples=[900]).numpy()[0, [0, 1, 899, 900]].tolist() == [5.0, 3.0, 3.0, 0.0]
    np.testing.assert_array_equal(model.normalise(waveform).numpy(), waveform)


def test_the_vocabulary_is_an_asset(opened, saved_models):
    for variant, directory in saved_models.items():
        assert json.loads((directory / "assets" / "vocab.json").read_text()) == librispeech_vocabulary().to_mapping()
        asset = Path(opened[variant].vocabulary_file.asset_path.numpy().decode())
        assert json.loads(asset.read_text())["|"] == 4


def test_the_files_are_those_of_tf_hub(saved_models):
    for directory in saved_models.values():
        assert set(sha256_of_files(directory)) == {
            "assets/vocab.json", "fingerprint.pb", "saved_model.pb",
            "variables/variables.data-00000-of-00001", "variables/variables.index",
        }  # fmt: skip


def test_decoding_in_the_graph_is_that_of_the_vocabulary():
    tokens = ("<s>", "<pad>", "|", "A", "B", "CH", "\u3000", "Ä", " ", "<unk>", "'", "x\u00a0y")
    vocabulary = Vocabulary(tokens, blank_id=1)
    random = np.random.default_rng(1)
    # Few tokens at a time, so that runs, blanks between equal letters and several spaces in a row are frequent.
    logits = random.standard_normal((300, 25, len(tokens))).astype(np.float32)
    for row in range(300):
        logits[row, :, random.choice(len(tokens), 8, replace=False)] -= 10
    num_frames = random.integers(0, 26, 300).astype(np.int32)
    texts = [text.decode() for text in decoded_texts(tf.constant(logits), tf.constant(num_frames), vocabulary).numpy()]
    expected = [
        vocabulary.decode_greedy(scores[:frames].argmax(-1)) for scores, frames in zip(logits, num_frames, strict=True)
    ]
    assert texts == expected
    assert len(set(texts)) > 100
    assert any(" " in text for text in texts)


@HUB
def test_hub_load_gives_a_callable_that_knows_training(tiny):
    import tensorflow_hub

    keras_model, directory = tiny
    model = tensorflow_hub.load(str(directory))
    waveform = noise(2, 1_200)
    expected = keras_model(waveform)[0].numpy()
    for logits in (model(waveform), model(waveform, training=False), model(waveform, False)):
        np.testing.assert_allclose(logits.numpy(), expected, atol=1e-5)
    trained = [model(waveform, training=True).numpy() for _ in range(2)]
    assert np.abs(trained[0] - expected).max() > 1e-3
    assert np.abs(trained[0] - trained[1]).max() > 1e-3, "each call draws anew"
    # Only SpecAugment uses that vector, and there is none in the SavedModel.
    assert [variable.name for variable in model.trainable_variables] == [
        f"{variable.path}:0"
        for variable in keras_model.trainable_variables
        if variable.path != "wav2vec2_ctc/wav2vec2/masked_spec_embed"
    ]
    assert len(model.variables) == len(keras_model.variables)


@HUB
def test_hub_keras_layer_is_fine_tuned(saved_models):
    import tensorflow_hub

    layer = tensorflow_hub.KerasLayer(str(saved_models["group_post_norm"]), trainable=True)
    waveform = tf.constant(noise(2, 8_000))
    labels = tf.constant([[5, 6, 7], [8, 8, 0]])

    def loss():
        logits = layer(waveform, training=True)
        frames = tf.fill([2], tf.shape(logits)[1])
        return tf.reduce_mean(
            tf.nn.ctc_loss(labels, logits, tf.constant([3, 2]), frames, logits_time_major=False, blank_index=0)
        )

    before = [variable.numpy() for variable in layer.trainable_weights]
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            value = loss()
        losses.append(float(value))
        gradients = tape.gradient(value, layer.trainable_weights)
        for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
            variable.assign_sub(1e-3 * tf.clip_by_norm(tf.convert_to_tensor(gradient), 1.0))
    assert losses[2] < losses[1] < losses[0]
    changed = [np.abs(w.numpy() - b).max() > 0 for w, b in zip(layer.trainable_weights, before, strict=True)]
    untouched = {w.name for w, c in zip(layer.trainable_weights, changed, strict=True) if not c}
    # Softmax does not see what is added to every key.
    assert {name for name in untouched if not name.endswith("k_proj/bias:0")} == set()


@HUB
def test_hub_fetches_the_archive_by_the_protocol_of_its_sites(saved_models, reference, tmp_path, monkeypatch):
    import tensorflow_hub

    directory = saved_models["layer_pre_norm"]
    write_archive(directory, sha256_of_files(directory), tmp_path / "1.tar.gz")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with HubSite({"/somebody/wav2vec2/1": tmp_path / "1.tar.gz"}) as site:
        model = tensorflow_hub.load(f"{site.address}/somebody/wav2vec2/1")
    assert site.asked == ["/somebody/wav2vec2/1?tf-hub-format=compressed"]
    logits = model(reference["layer_pre_norm"]["waveform_1"][None])[0].numpy()
    np.testing.assert_allclose(logits, reference["layer_pre_norm"]["logits_1"], atol=1e-4)


def noise(utterances, samples):
    return np.random.default_rng(2).standard_normal((utterances, samples)).astype(np.float32)


def batch(values, samples):
    waveforms = np.zeros((2, samples), np.float32)
    for index in (0, 1):
        waveform = values[f"waveform_{index}"]
        waveforms[index, : len(waveform)] = waveform
    return waveforms, np.array([8_000, 5_000], np.int32)
