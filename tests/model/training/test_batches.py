"""Batches: what the plan says, padded and normalised; the same rows on any number of devices; bad data is named."""

import dataclasses

import numpy as np
import pytest

from model.errors import DataError
from model.training.batches import Share
from tests.micro_training import CONFIG, LENGTHS, VOCABULARY, make_data, settings, write_records


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("records")
    return directory, {utterance.utterance_id: utterance for utterance in write_records(directory)}


def taken(iterator, count):
    return [{name: value.numpy() for name, value in next(iterator).items()} for _ in range(count)]


def ids(batch):
    return [name.decode() for name in batch["utterance_ids"] if name]


def test_an_epoch_holds_each_utterance_once_padded_and_normalised(records):
    directory, utterances = records
    data = make_data(directory, settings())
    batches = taken(data.reader.training(data.plan, 0), data.plan.batches_per_epoch)
    assert sorted(name for batch in batches for name in ids(batch)) == sorted(utterances)
    for batch in batches:
        assert batch["waveforms"].shape[1] in LENGTHS
        assert batch["waveforms"].size <= 3200
        for row, name in enumerate(ids(batch)):
            utterance, samples = utterances[name], batch["num_samples"][row]
            assert samples == len(utterance.samples)
            waveform = utterance.samples / 32768
            expected = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
            np.testing.assert_allclose(batch["waveforms"][row, :samples], expected, atol=1e-4)
            assert (batch["waveforms"][row, samples:] == 0).all()
            labels = batch["labels"][row]
            assert VOCABULARY.decode_labels(labels[labels >= 0]) == utterance.transcript


def test_epochs_differ_and_any_of_their_batches_can_be_the_first(records):
    directory, _ = records
    data = make_data(directory, settings())
    per_epoch = data.plan.batches_per_epoch
    all_of_them = taken(data.reader.training(data.plan, 0), 3 * per_epoch)
    epochs = [[ids(batch) for batch in all_of_them[n * per_epoch : (n + 1) * per_epoch]] for n in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    start = per_epoch + 3
    for first, second in zip(
        all_of_them[start:], taken(data.reader.training(data.plan, start), 3 * per_epoch - start), strict=True
    ):
        assert sorted(first) == sorted(second)
        for name, value in first.items():
            np.testing.assert_array_equal(value, second[name], err_msg=name)


def test_masks_are_drawn_anew_for_each_batch_and_each_utterance(records):
    directory, _ = records
    data = make_data(directory, settings())
    masks = {}
    for batch in taken(data.reader.training(data.plan, 0), 2 * data.plan.batches_per_epoch):
        frames = CONFIG.num_frames(batch["num_samples"])
        for name, time, channel, count in zip(
            ids(batch), batch["time_mask"], batch["channel_mask"], frames, strict=True
        ):
            assert time[:count].any()
            assert not time[count:].any()
            masks.setdefault(name, []).append((tuple(np.flatnonzero(time)), tuple(np.flatnonzero(channel))))
    assert all(len(of_one) == 2 for of_one in masks.values())
    assert sum(first != second for first, second in masks.values()) > 0.9 * len(masks)
    assert len({first for first, _ in masks.values()}) > 0.5 * len(masks)


@pytest.mark.parametrize("task", ["ctc", "pretraining"])
def test_the_rows_of_all_devices_are_those_of_one(records, task):
    directory, utterances = records
    data = make_data(directory, settings(task=task, batch_samples=2400))
    whole = dataclasses.replace(data.reader, static_shapes=True)
    count = data.plan.batches_per_epoch
    batches = taken(whole.training(data.plan, 0), count)
    halves = [
        taken(dataclasses.replace(whole, share=Share(2, number, 1)).training(data.plan, 0), count) for number in (0, 1)
    ]
    shapes = {}
    for batch, first, second in zip(batches, *halves, strict=True):
        for name, value in batch.items():
            joined = np.concatenate([first[name], second[name]])
            np.testing.assert_array_equal(joined[: len(value)], value, err_msg=name)
        # What is beyond the rows of one device is empty: an odd number has been made even.
        assert (first["num_samples"].shape, first["waveforms"].shape) == (
            second["num_samples"].shape, second["waveforms"].shape,
        )  # fmt: skip
        shapes.setdefault(batch["waveforms"].shape[1], set()).add(
            tuple((name, value.shape) for name, value in sorted(first.items()))
        )
    assert all(len(of_bucket) == 1 for of_bucket in shapes.values()), "one shape for each bucket"
    assert sorted(name for batch in batches for name in ids(batch)) == sorted(utterances)


def test_negatives_are_other_masked_frames_of_the_utterance(records):
    directory, _ = records
    data = make_data(directory, settings(task="pretraining"))
    (batch,) = taken(data.reader.training(data.plan, 0), 1)
    assert batch["negatives"].shape == (*batch["time_mask"].shape, 5)
    for mask, negatives in zip(batch["time_mask"], batch["negatives"], strict=True):
        frames = np.flatnonzero(mask)
        for frame in frames:
            assert set(negatives[frame]) <= set(frames) - {frame}


def test_a_transcript_that_cannot_be_spelt_is_named(records):
    directory, _ = records
    data = make_data(directory, settings())
    reader = dataclasses.replace(data.reader, foreign_labels=(0, 3))
    with pytest.raises(
        DataError, match=r"spelt with the letters of the vocabulary, and these are not: tone-\d+.*; choose a checkpoint"
    ):
        taken(reader.training(data.plan, 0), 4)


def test_a_damaged_record_is_named_with_its_file(tmp_path):
    write_records(tmp_path)
    data = make_data(tmp_path, settings())
    path = tmp_path / "data_tfrecord-00001-of-00003"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data_tfrecord-00001-of-00003 must hold a whole record at byte 12"):
        taken(data.reader.training(data.plan, 0), data.plan.batches_per_epoch)
    path.unlink()
    with pytest.raises(DataError, match=r"The shard .*data_tfrecord-00001-of-00003 must be there to be read"):
        taken(data.reader.training(data.plan, 0), data.plan.batches_per_epoch)
