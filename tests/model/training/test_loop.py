"""The training loop: it learns, keeps the best weights, freezes what it must, repeats itself, and stops on nonsense."""

import numpy as np
import pytest
import tensorflow as tf

from model import Wav2Vec2Config, Wav2Vec2CTC
from model.errors import DataError
from model.text import Vocabulary
from model.training.batches import batched, training_batches
from model.training.loop import train
from model.training.settings import TrainingSettings

VOCABULARY = Vocabulary(("<pad>", "|", "A", "B"))
CONFIG = Wav2Vec2Config(
    vocab_size=4, conv_dim=(8, 8), conv_kernel=(10, 3), conv_stride=(5, 4), hidden_size=16, num_hidden_layers=1,
    num_attention_heads=2, intermediate_size=16, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    feat_extract_norm="layer", do_stable_layer_norm=True, hidden_dropout=0.1, layerdrop=0.0, mask_time_prob=0.05,
    mask_time_length=2,
)  # fmt: skip


def tones(count=24):
    """A is a low tone, B a high one."""
    random = np.random.default_rng(0)
    for _ in range(count):
        letters = random.integers(2, 4, size=3)
        pieces = [np.sin(np.arange(200) * (0.3 if letter == 2 else 1.3)) * 8000 for letter in letters]
        gaps = np.zeros(60)
        yield {
            "pcm": np.concatenate([part for piece in pieces for part in (gaps, piece)]).astype(np.int16),
            "labels": letters.astype(np.int32),
        }


def dataset():
    signature = {"pcm": tf.TensorSpec([None], tf.int16), "labels": tf.TensorSpec([None], tf.int32)}
    return tf.data.Dataset.from_generator(tones, output_signature=signature)


def run(model, **changes):
    settings = TrainingSettings(
        **{
            "steps": 240,
            "batch_samples": 780 * 8,
            "peak_learning_rate": 1e-2,
            "evaluate_every_steps": 80,
            "freeze_feature_encoder": False,
            **changes,
        }
    )
    return train(
        model,
        VOCABULARY,
        training_batches(lambda _: dataset(), [780], settings.batch_samples, settings.seed),
        lambda: batched(dataset(), [780], settings.batch_samples),
        settings,
    )


def fresh():
    tf.keras.utils.set_random_seed(7)
    return Wav2Vec2CTC(CONFIG)


def values(model):
    return {name: variable.numpy().copy() for name, variable in model.named_weights().items()}


def test_it_learns_and_keeps_the_best_weights():
    model = fresh()
    result = run(model)
    assert [measurement.step for measurement in result.measurements] == [80, 160, 240]
    best = min(result.measurements, key=lambda m: (m.validation_wer, m.validation_loss))
    assert best.validation_wer < 0.2
    assert result.best_step == best.step
    assert result.utterances == 240 * 8
    assert result.samples == 240 * 8 * 780
    assert result.padding_share == 0.0
    assert result.without_path == 0
    logits, _ = model(next(iter(batched(dataset(), [780], 780 * 24)))["waveforms"])
    texts = [VOCABULARY.decode_greedy(row) for row in logits.numpy().argmax(-1)]
    wrong = sum(text != VOCABULARY.decode_labels(tone["labels"]) for text, tone in zip(texts, tones(), strict=True))
    assert wrong / len(texts) == best.validation_wer, "the model holds the weights that were measured as the best"


def test_equal_runs_give_equal_weights():
    first, second = fresh(), fresh()
    run(first, steps=8)
    run(second, steps=8)
    for name, value in values(first).items():
        np.testing.assert_array_equal(value, values(second)[name], err_msg=name)
    third = fresh()
    run(third, steps=8, seed=21)
    assert any((value != values(third)[name]).any() for name, value in values(first).items())


def test_a_frozen_feature_encoder_stays_as_it_is():
    model = fresh()
    before = values(model)
    run(model, steps=4, freeze_feature_encoder=True)
    for name, value in values(model).items():
        changed = (value != before[name]).any()
        assert changed == ("feature_extractor" not in name), name
    assert model.backbone.feature_extractor.trainable


def test_a_loss_that_is_no_number_stops_the_run():
    model = fresh()
    model.named_weights()["lm_head/kernel"].assign(np.full((16, 4), np.nan, np.float32))
    with pytest.raises(
        DataError, match=r"loss must be a number, and is nan at step 1 .* lower train.peak_learning_rate"
    ):
        run(model)


def test_an_empty_validation_split_is_an_error():
    settings = TrainingSettings(steps=1, batch_samples=780)
    with pytest.raises(DataError, match="validation split must hold an utterance"):
        train(
            fresh(), VOCABULARY, training_batches(lambda _: dataset(), [780], 780, 1),
            lambda: batched(dataset().take(0), [780], 780), settings,
        )  # fmt: skip
