"""Batches: what goes in comes out once an epoch, in few lengths, within the limit of samples."""

import numpy as np
import tensorflow as tf

from model.training.batches import batched, bucket_lengths, training_batches

LENGTHS = [410, 500, 730, 900, 1200, 1500, 1600, 1600]


def utterances():
    """Each utterance is known by its first label, and its samples are a ramp."""
    for number, length in enumerate(LENGTHS, start=1):
        yield {"pcm": np.arange(length, dtype=np.int16), "labels": np.array([number, 5, 6][: 1 + number % 3], np.int32)}


def dataset():
    return tf.data.Dataset.from_generator(
        utterances,
        output_signature={"pcm": tf.TensorSpec([None], tf.int16), "labels": tf.TensorSpec([None], tf.int32)},
    )


def test_bucket_lengths_are_whole_frames_rising_and_within_the_limit():
    assert bucket_lengths([410, 500, 730, 1600, 5000], samples_per_frame=320, max_samples=2000) == [
        640,
        960,
        1600,
        2240,
    ]


def test_every_utterance_comes_once_padded_and_normalised():
    seen = []
    for batch in batched(dataset(), [640, 960, 1600], batch_samples=3200):
        waveforms, num_samples, labels = (batch[name].numpy() for name in ("waveforms", "num_samples", "labels"))
        assert waveforms.shape[1] in (640, 960, 1600)
        assert waveforms.size <= 3200
        for waveform, samples, row in zip(waveforms, num_samples, labels, strict=True):
            seen.append((row[0], samples))
            assert (waveform[samples:] == 0).all()
            ramp = np.arange(samples) / 32768
            np.testing.assert_allclose(waveform[:samples], (ramp - ramp.mean()) / np.sqrt(ramp.var() + 1e-7), atol=1e-4)
            assert (row[1 + row[0] % 3 :] == -1).all()
    assert sorted(seen) == list(enumerate(LENGTHS, start=1))


def test_epochs_hold_the_same_utterances_in_another_order():
    batches = training_batches(lambda _: dataset(), [1600], batch_samples=1600, seed=3)
    order = [int(batch["labels"][0, 0]) for batch in batches.take(3 * len(LENGTHS))]
    epochs = [order[start : start + len(LENGTHS)] for start in range(0, len(order), len(LENGTHS))]
    assert all(sorted(epoch) == list(range(1, len(LENGTHS) + 1)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    again = training_batches(lambda _: dataset(), [1600], batch_samples=1600, seed=3)
    assert [int(batch["labels"][0, 0]) for batch in again.take(len(order))] == order
