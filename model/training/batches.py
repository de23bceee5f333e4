"""From utterances to batches: shuffled anew in each epoch, of few lengths, of about the same number of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from model.normalisation import normalise_waveforms

# Utterances that wait in memory to be shuffled, as 16-bit samples; 2,000 of LibriSpeech's are about 800 MB.
_SHUFFLE_UTTERANCES = 2_000


def bucket_lengths(quantiles_samples: Sequence[int], samples_per_frame: int, max_samples: int) -> list[int]:
    """Returns the padded lengths of the buckets, in samples, rising.

    Args:
      quantiles_samples: Quantiles of the utterances' lengths, the longest last.
      samples_per_frame: Lengths are rounded up to whole frames, which makes some of them equal.
      max_samples: The longest utterance that is trained on.
    """
    rounded = (-(-min(length, max_samples) // samples_per_frame) * samples_per_frame for length in quantiles_samples)
    return sorted(set(rounded))


def training_batches(
    epoch: Callable[[Any], tf.data.Dataset], lengths: Sequence[int], batch_samples: int, seed: int
) -> tf.data.Dataset:
    """Repeats the utterances for ever, each epoch in another order, in batches of one bucket each.

    Args:
      epoch: Gives the utterances of the n-th epoch, n being an int64 tensor: dicts of `pcm` int16 `[samples]` and
        `labels` int32 `[labels]`.
      lengths: The padded lengths of the buckets, in samples.
      batch_samples: Samples in a batch at most, padding included.
      seed: Of the order.

    Returns:
      Dicts of `waveforms` float32 `[batch, samples]`, normalised; `num_samples` int32 `[batch]`; `labels` int32
      `[batch, labels]`, −1 where padded.
    """

    def shuffled(number: Any) -> tf.data.Dataset:
        # The seed must change with the epoch: this function is traced once, and its shuffle is made anew each time.
        return epoch(number).shuffle(_SHUFFLE_UTTERANCES, seed=number * 1_000_003 + seed)

    utterances = tf.data.Dataset.counter().flat_map(shuffled)
    return batched(utterances, lengths, batch_samples)


def batched(utterances: tf.data.Dataset, lengths: Sequence[int], batch_samples: int) -> tf.data.Dataset:
    """Batches utterances by bucket; arguments and result are those of `training_batches`."""
    # A bucket takes what is shorter than its bound and is padded to one sample less than the bound.
    bounds = [length + 1 for length in lengths]
    sizes = [max(1, batch_samples // length) for length in lengths]
    batches = utterances.map(_with_length).bucket_by_sequence_length(
        element_length_func=_length,
        bucket_boundaries=bounds,
        bucket_batch_sizes=[*sizes, 1],
        pad_to_bucket_boundary=True,
        padding_values={"pcm": tf.constant(0, tf.int16), "labels": -1, "num_samples": 0},
        drop_remainder=False,
    )
    return batches.map(_finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def _with_length(utterance: dict[str, Any]) -> dict[str, Any]:
    return {
        "pcm": utterance["pcm"],
        "labels": utterance["labels"],
        "num_samples": tf.shape(utterance["pcm"], out_type=tf.int32)[0],
    }


def _length(utterance: dict[str, Any]) -> tf.Tensor:
    return utterance["num_samples"]


def _finish(batch: dict[str, Any]) -> dict[str, Any]:
    waveforms = tf.cast(batch["pcm"], tf.float32) / 32768.0
    return {
        "waveforms": normalise_waveforms(waveforms, batch["num_samples"]),
        "num_samples": batch["num_samples"],
        "labels": batch["labels"],
    }
