"""The training loop: it learns, keeps the best weights, freezes what it must, goes on, and stops on nonsense."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from model.errors import CheckpointError, DataError, TryAgainError
from model.examples import encode
from model.progress import EVENTS_VARIABLE
from model.training import loop as loop_module
from model.training.checkpoints import CheckpointStore
from tests.micro_training import QUIET, VOCABULARY, make_training, settings, tones, values, write_records


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("records")
    write_records(directory)
    return directory


def same(first, second):
    return all((first[name] == second[name]).all() for name in first)


def test_it_learns_and_keeps_the_best_weights(records):
    chosen = settings(steps=240, evaluate_every_steps=80, batch_samples=6400, **QUIET, mask_time_prob=0.0)
    training, model = make_training(records, chosen)
    result = training.run()
    assert [measurement.step for measurement in result.measurements] == [80, 160, 240]
    best = min(result.measurements, key=lambda m: (m.validation["wer"], m.validation["loss"]))
    assert best.validation["wer"] < 0.2
    assert (result.best_step, result.averaged_steps, result.final) == (best.step, (best.step,), best.validation)
    wrong = words = 0
    for utterance in tones(36):
        waveform = utterance.samples / 32768
        waveform = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        logits, _ = model(waveform[None].astype(np.float32))
        heard = VOCABULARY.decode_greedy(logits.numpy()[0].argmax(-1))
        wrong += heard != utterance.transcript
        words += 1
    assert wrong / words == best.validation["wer"], "the model holds the weights that were measured as the best"


def test_what_was_seen_is_counted(records):
    training, _ = make_training(records, settings(steps=16))
    result = training.run()
    # Two epochs of eight batches, so each of the 36 utterances twice.
    assert (result.steps, result.epochs, result.utterances, result.without_path) == (16, 2.0, 72, 0)
    samples = sum(len(utterance.samples) for utterance in tones(36))
    assert result.samples == 2 * samples
    assert 0 < result.padding_share < 0.5
    assert result.curves["step"] == list(range(1, 17))
    assert len(result.curves["loss"]) == len(result.curves["gradient_norm"]) == 16
    assert max(result.curves["learning_rate"]) == pytest.approx(1e-2)


def test_equal_runs_give_equal_weights(records):
    runs = []
    for seed in (20, 20, 21):
        training, model = make_training(records, settings(steps=8, seed=seed))
        training.run()
        runs.append(values(model))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_what_has_no_path_is_counted_and_teaches_nothing(tmp_path):
    """Ten letters in eight frames have no path."""
    utterances = list(tones(4))
    utterances[2] = dataclasses.replace(utterances[2], transcript="ABABABABAB" * 8)
    with tf.io.TFRecordWriter(str(tmp_path / "data_tfrecord-00000-of-00001")) as writer:
        for utterance in utterances:
            writer.write(encode(utterance))
    training, _ = make_training(tmp_path, settings(steps=6, evaluate_every_steps=6))
    result = training.run()
    assert result.without_path == result.epochs == result.utterances / 4
    assert np.isfinite(result.final["loss"])


@pytest.mark.parametrize("task", ["ctc", pytest.param("pretraining", marks=pytest.mark.e2e)])
def test_batches_that_are_summed_are_as_good_as_one(records, task):
    """The update of two batches is that of their sum: here against the update of both by hand, as one step each."""
    together, _ = make_training(
        records,
        settings(task=task, steps=1, accumulate_batches=2, evaluate_every_steps=1, max_gradient_norm=None, **QUIET),
    )
    result = together.run()
    alone, _ = make_training(
        records, settings(task=task, steps=2, evaluate_every_steps=2, peak_learning_rate=1e-12, **QUIET)
    )
    singles = alone.run()
    assert result.utterances == singles.utterances
    assert result.curves["loss"][0] == pytest.approx(
        np.average(singles.curves["loss"], weights=_weights(records, task)), rel=1e-5
    )
    assert result.epochs == singles.epochs


def _weights(records, task):
    """Labels, or masked frames, of the first two batches."""
    from tests.micro_training import make_data

    data = make_data(records, settings(task=task, **QUIET))
    batches = data.reader.training(data.plan, 0)
    return [
        int((next(batches)["labels"] >= 0).numpy().sum())
        if task == "ctc"
        else int(next(batches)["time_mask"].numpy().sum())
        for _ in range(2)
    ]


def test_a_frozen_feature_encoder_stays_as_it_is(records):
    training, model = make_training(records, settings(steps=4, freeze_feature_encoder=True))
    before = values(model)
    training.run()
    for name, value in values(model).items():
        assert (value != before[name]).any() == ("feature_extractor" not in name), name


def test_at_first_the_head_alone_can_learn(records):
    training, model = make_training(records, settings(steps=4, head_only_steps=4))
    before = values(model)
    training.run()
    changed = {name for name, value in values(model).items() if (value != before[name]).any()}
    assert changed == {"lm_head/kernel", "lm_head/bias"}
    training, model = make_training(records, settings(steps=6, head_only_steps=4, evaluate_every_steps=6))
    training.run()
    stayed = {name for name, value in values(model).items() if (value == before[name]).all()}
    # A bias of all keys changes no attention.
    assert {name for name in stayed if not name.endswith("k_proj/bias")} == set()


def test_the_body_counts_its_updates_from_when_it_begins(records):
    """Adam's first update is as large as the rate, in whatever step it comes."""
    training, model = make_training(
        records,
        settings(
            steps=3, head_only_steps=2, warmup_share=0.0, hold_share=1.0, weight_decay=0.0, max_gradient_norm=None
        ),
    )
    before = values(model)["wav2vec2/feature_projection/projection/kernel"]
    training.run()
    moved = np.abs(values(model)["wav2vec2/feature_projection/projection/kernel"] - before)
    assert np.median(moved) == pytest.approx(1e-2, rel=1e-2)


def test_the_average_of_the_best_is_kept_where_it_is_no_worse(records, tmp_path, monkeypatch):
    chosen = settings(steps=12, evaluate_every_steps=4, average_best=3)
    store = CheckpointStore(tmp_path / "a", {})
    monkeypatch.setattr(store, "clear", lambda: None)
    training, model = make_training(records, chosen, store)
    result = training.run()
    kept = [store.weights(step) for step in (4, 8, 12)]
    if len(result.averaged_steps) == 3:
        for name, value in values(model).items():
            np.testing.assert_allclose(value, np.mean([one[name] for one in kept], axis=0), atol=1e-6)
    else:
        assert same(values(model), store.weights(result.best_step))
    # The measure of the kept weights is that of the report.
    assert result.final["loss"] <= min(m.validation["loss"] for m in result.measurements) + 1e-9 or (
        result.final["wer"] < min(m.validation["wer"] for m in result.measurements)
    )


def test_it_ends_early_when_nothing_gets_better(records, monkeypatch):
    scores = iter([0.5, 0.4, 0.6, 0.7, 0.3])

    def measures(self, counts):
        value = next(scores)
        return {"loss": value, "wer": value}, (value, value)

    monkeypatch.setattr("model.training.tasks.CtcTask.measures", measures)
    training, _ = make_training(records, settings(steps=10, evaluate_every_steps=2, patience=2))
    result = training.run()
    assert (result.steps, result.best_step, result.final["wer"]) == (8, 4, 0.4)


@pytest.mark.e2e
def test_bfloat16_keeps_weights_in_float32_and_is_about_as_good(records):
    losses = {}
    for precision in ("float32", "mixed_bfloat16"):
        training, model = make_training(records, settings(steps=12, precision=precision, **QUIET))
        assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
        losses[precision] = training.run().curves["loss"]
    assert losses["mixed_bfloat16"] != losses["float32"]
    np.testing.assert_allclose(losses["mixed_bfloat16"], losses["float32"], rtol=0.05)


# === Going on ===


@pytest.mark.parametrize("task", ["ctc", pytest.param("pretraining", marks=pytest.mark.e2e)])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(records, tmp_path, task):
    chosen = settings(task=task, steps=9, evaluate_every_steps=3, average_best=2)
    whole, expected = make_training(records, chosen, CheckpointStore(tmp_path / "whole", {}))
    whole_result = whole.run()
    for attempt, steps in enumerate((1, 4, 5)):
        asked = iter([False] * (steps - 1) + [True] * 99)
        training, _ = make_training(
            records, chosen, CheckpointStore(tmp_path / "parts", {}), should_stop=lambda asked=asked: next(asked)
        )
        if attempt < 2:
            with pytest.raises(TryAgainError, match=r"asked to stop, at step \d of 9; its state is saved"):
                training.run()
    training, model = make_training(records, chosen, CheckpointStore(tmp_path / "parts", {}))
    result = training.run()
    assert same(values(model), values(expected))
    assert result.interruptions == 2
    for name in ("measurements", "curves", "utterances", "samples", "averaged_steps", "final", "padding_share"):
        assert getattr(result, name) == getattr(whole_result, name), name


def test_a_finished_training_is_not_done_again(records, tmp_path):
    chosen = settings(steps=3, evaluate_every_steps=3)
    first, model = make_training(records, chosen, CheckpointStore(tmp_path, {}))
    result = first.run()
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == ["step-00000003.safetensors"]
    again, other = make_training(records, chosen, CheckpointStore(tmp_path, {}))
    assert again.run() == result
    assert same(values(model), values(other))


def test_a_state_that_does_not_fit_is_refused(records, tmp_path):
    store = CheckpointStore(tmp_path, {})
    store.save(2, {"weights/x": np.zeros(3, np.float32)}, {"step": 2, "measurements": [], "best": [], "curves": {}})
    with pytest.raises(CheckpointError, match=r"The state of step 2 must fit this training, and does not"):
        make_training(records, settings(), store)


@pytest.mark.e2e
def test_one_device_may_be_called_mirrored(records):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    expected, _ = make_training(records, settings(steps=3, **QUIET))
    training, _ = make_training(records, settings(steps=3, **QUIET), strategy=strategy)
    np.testing.assert_allclose(training.run().curves["loss"], expected.run().curves["loss"], rtol=1e-5)


def test_each_batch_of_an_update_draws_for_itself(records):
    training, _ = make_training(records, settings(steps=2, accumulate_batches=3))
    seeds = [seed for step in (1, 2) for seed in training._random_seeds(step)]
    assert len(set(seeds)) == 6


@pytest.mark.e2e
def test_a_damaged_newest_state_does_not_lose_the_weights_of_the_one_before(records, tmp_path):
    chosen = settings(steps=8, evaluate_every_steps=1, average_best=1, keep_checkpoints=2)
    asked = iter([False] * 60 + [True] * 99)
    store = CheckpointStore(tmp_path, {}, keep=2)
    training, _ = make_training(records, chosen, store, should_stop=lambda: next(asked))
    with pytest.raises(TryAgainError):
        training.run()
    newest = max(tmp_path.glob("step-*"))
    newest.write_bytes(b"damaged")
    again, model = make_training(records, chosen, CheckpointStore(tmp_path, {}, keep=2))
    again.run()
    whole, expected = make_training(records, chosen)
    whole.run()
    assert same(values(model), values(expected))


# === Stopping on nonsense ===


def test_a_loss_that_is_no_number_names_step_batch_and_utterances(records, tmp_path):
    store = CheckpointStore(tmp_path, {})
    training, model = make_training(records, settings(), store)
    model.named_weights()["lm_head/kernel"].assign(np.full((16, 4), np.nan, np.float32))
    with pytest.raises(
        DataError,
        match=r"loss must be a number, and is nan at step 1, in batch 1 of epoch 1 \(tone-\d+.*\); lower"
        r" train.peak_learning_rate, now 0.01",
    ):
        training.run()
    assert store.latest() is None, "what is no number is not saved"


def test_a_training_that_diverges_is_ended(records, monkeypatch):
    monkeypatch.setattr(loop_module, "_DIVERGENCE_STEPS", 2)
    training, _ = make_training(
        records, settings(steps=60, peak_learning_rate=30.0, max_gradient_norm=None, warmup_share=0.1, **QUIET)
    )
    with pytest.raises(DataError, match=r"(has diverged at step \d+: its mean over 2 steps|must be a number)"):
        training.run()


# === Telling ===


def test_progress_tells_loss_wer_speed_and_time_left(records, tmp_path, monkeypatch):
    events = tmp_path / "events.jsonl"
    monkeypatch.setenv(EVENTS_VARIABLE, str(events))
    monkeypatch.setattr(loop_module, "_REPORT_EVERY_SECONDS", 0.0)
    training, _ = make_training(records, settings(steps=6, evaluate_every_steps=2))
    training.run()
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert [(one["done"], one["total"]) for one in told] == [(step, 6) for step in range(1, 7)]
    last = told[-1]["text"].split(", ")
    assert last[0].startswith("loss ")
    assert last[1].startswith("validation WER ")
    assert last[2].endswith(" samples/s")
    assert last[3] == "0.0 s left"


def test_tensorboard_has_curves_measures_and_transcripts(records, tmp_path):
    training, _ = make_training(records, settings(steps=4, evaluate_every_steps=2), CheckpointStore(tmp_path, {}))
    training.run()
    tags, texts = {}, []
    for path in (tmp_path / "tensorboard").iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                tags.setdefault(value.tag, []).append(event.step)
                texts += [text.decode() for text in value.tensor.string_val]
    for name in ("loss", "learning_rate", "gradient_norm", "padding_share"):
        assert tags[f"training/{name}"] == [1, 2, 3, 4]
    assert tags["validation/wer"] == tags["validation/loss"] == [2, 4]
    assert any("said:  " in text and "heard: " in text for text in texts)
