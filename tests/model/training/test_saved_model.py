"""Fine-tuning of a SavedModel as it is, and the words that it hears."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, ConfigurationError, DataError, ReleaseError
from model.examples import Utterance
from model.export.saved_model import export_saved_model
from model.training.saved_model import fine_tune_saved_model, score_saved_model, vocabulary_of

pytestmark = pytest.mark.e2e

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    """A recogniser and a backbone, as SavedModels."""
    root = tmp_path_factory.mktemp("saved_models")
    for name, variant in (("recogniser", "layer_pre_norm"), ("backbone", "headless")):
        convert_checkpoint(GOLDEN / variant, root / f"{name}-model")
        export_saved_model(load_model(root / f"{name}-model"), root / name)
    return root


@pytest.fixture
def model(saved_models):
    return tf.saved_model.load(str(saved_models / "recogniser"))


@pytest.fixture(scope="module")
def utterances():
    """Two noises and two texts, of three lengths."""
    random = np.random.default_rng(3)

    def utterance(number, samples, text):
        sound = random.integers(-9_000, 9_000, samples).astype(np.int16)
        return Utterance(f"u-{number}", "1", "1", "F", "train", 16_000, sound, text)

    return [utterance(0, 7_000, "AB"), utterance(1, 5_000, "C A"), utterance(2, 7_000, "B"), utterance(3, 6_000, "CC")]


def test_the_loss_falls_and_all_weights_move(model, utterances):
    before = [variable.numpy() for variable in model.trainable_variables]
    told = []
    result = fine_tune_saved_model(
        model, utterances, epochs=12, peak_learning_rate=3e-3, batch_samples=14_000, tell=lambda *one: told.append(one)
    )
    assert np.mean(result.losses[-4:]) < 0.7 * np.mean(result.losses[:4])
    assert result.without_path == 0
    steps = len(result.losses)
    assert told == [(number + 1, steps, loss) for number, loss in enumerate(result.losses)]
    assert result.epochs[-1] == 12.0
    still = [
        variable.name
        for variable, value in zip(model.trainable_variables, before, strict=True)
        if np.array_equal(variable.numpy(), value)
    ]
    assert still == []


def test_the_same_seed_gives_the_same_losses(saved_models, utterances):
    def losses(**changes):
        loaded = tf.saved_model.load(str(saved_models / "recogniser"))
        return fine_tune_saved_model(loaded, utterances, epochs=2, batch_samples=7_000, **changes).losses

    assert losses() == pytest.approx(losses(), rel=1e-5)
    assert losses() != pytest.approx(losses(seed=21), rel=1e-5)


def test_what_has_too_few_frames_is_counted_and_spoils_nothing(model, utterances):
    long = dataclasses.replace(utterances[0], utterance_id="long", transcript="ABCABC" * 40)
    result = fine_tune_saved_model(model, [long, utterances[1]], epochs=2)
    assert result.without_path == 1
    assert np.isfinite(result.losses).all()


def test_what_is_saved_afterwards_hears_the_same(model, utterances, tmp_path):
    fine_tune_saved_model(model, utterances, epochs=1)
    tf.saved_model.save(model, str(tmp_path / "mine"), signatures=dict(model.signatures))
    again = tf.saved_model.load(str(tmp_path / "mine"))
    waveform = tf.constant(utterances[0].samples[None] / np.float32(32_768), tf.float32)
    np.testing.assert_allclose(again.transcribe(waveform)["logits"], model.transcribe(waveform)["logits"], atol=1e-5)
    served = again.signatures["transcribe"](waveform=waveform, num_samples=tf.constant([7_000]))
    assert served["text"].numpy() == model.transcribe(waveform)["text"].numpy()


def test_words_are_counted_for_each_utterance(model, utterances):
    found = score_saved_model(model, utterances)
    assert [row.utterance_id for row in found.rows] == ["u-0", "u-1", "u-2", "u-3"]
    heard = model.transcribe(utterances[1].samples[None].astype(np.float32) / 32_768)["text"][0].numpy().decode()
    assert found.rows[1].hypothesis == " ".join(heard.lower().split())
    assert found.system.words.reference == 5
    assert found.seconds == pytest.approx(25_000 / 16_000)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"epochs": 0}, ConfigurationError, "epochs must be at least 1, not 0"),
        ({"peak_learning_rate": 0.0}, ConfigurationError, "peak_learning_rate must be above 0"),
        ({"batch_samples": 0}, ConfigurationError, "batch_samples must be at least 1"),
        ({"utterances": []}, DataError, "must have recordings, and there is none"),
    ],
)
def test_what_makes_no_sense_is_refused(model, utterances, changes, error, message):
    with pytest.raises(error, match=message):
        fine_tune_saved_model(model, **{"utterances": utterances, **changes})


def test_a_letter_that_the_model_cannot_write_is_named(model, utterances):
    foreign = dataclasses.replace(utterances[0], transcript="GRÜN")
    with pytest.raises(CheckpointError, match="these letters are no tokens of it: .*Ü"):
        fine_tune_saved_model(model, [*utterances, foreign])


def test_a_loss_that_is_no_number_ends_it(model, utterances):
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, np.nan, np.float32))
    with pytest.raises(DataError, match="The loss must be a number, and is nan at step 1; lower peak_learning_rate"):
        fine_tune_saved_model(model, utterances, epochs=1)


def test_a_backbone_has_no_letters(saved_models):
    with pytest.raises(ReleaseError, match="must be the release of a recogniser, and this one has no vocabulary"):
        vocabulary_of(tf.saved_model.load(str(saved_models / "backbone")))
