"""The module of TFX's Transform: labels from the transcript, and the lengths of the buckets from the durations.

The audio passes through as it is, and nothing is materialised: Trainer applies this graph to the records that ingest
wrote, so audio is never written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from model.text import PAD_TOKEN, UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Turns utterance records into what the training loop needs.

    Args:
      inputs: The features of the curated schema: `audio`, `num_samples`, `transcript`, `utterance_id` and others.
      custom_config: `vocabulary`, id by token as in `vocab.json`; `num_buckets`, how many buckets of length.

    Returns:
      audio: bytes `[batch]`, mono little-endian int16 PCM, unchanged.
      bucket_lengths: int64 `[batch, num_buckets]`, quantiles of the lengths in samples over the whole training split,
        rising, the longest last; the same in each row.
      labels: int64, ragged `[batch, (labels)]`, the ids of the transcript's characters.
      num_samples: int64 `[batch]`, unchanged.
      utterance_id: bytes `[batch]`, unchanged.
    """
    num_samples = _one_per_row(inputs["num_samples"])
    return {
        "audio": _one_per_row(inputs["audio"]),
        "bucket_lengths": _bucket_lengths(num_samples, int(custom_config["num_buckets"])),
        "labels": _labels(_one_per_row(inputs["transcript"]), custom_config["vocabulary"]),
        "num_samples": num_samples,
        "utterance_id": _one_per_row(inputs["utterance_id"]),
    }


def _one_per_row(feature: Any) -> Any:
    """Returns a dense `[batch]` tensor of a feature that has one value in each record."""
    if isinstance(feature, tf.SparseTensor):
        feature = tf.sparse.to_dense(feature, default_value="" if feature.dtype == tf.string else 0)
    return tf.reshape(feature, [-1])


def _bucket_lengths(num_samples: Any, num_buckets: int) -> Any:
    longest = tft.max(num_samples)[tf.newaxis]
    if num_buckets > 1:
        quantiles = tft.quantiles(num_samples, num_buckets=num_buckets, epsilon=0.01)
        lengths = tf.concat([tf.reshape(tf.cast(quantiles, tf.int64), [-1]), longest], axis=0)
    else:
        lengths = longest
    lengths = tf.ensure_shape(lengths, [num_buckets])
    return tf.tile(lengths[tf.newaxis, :], tf.stack([tf.shape(num_samples)[0], 1]))


def _labels(transcripts: Any, vocabulary: Mapping[str, int]) -> Any:
    unknown = vocabulary.get(UNKNOWN_TOKEN, vocabulary[PAD_TOKEN])

    def table() -> tf.lookup.StaticHashTable:
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(vocabulary), tf.string), tf.constant(list(vocabulary.values()), tf.int64)
            ),
            default_value=unknown,
        )

    letters = tf.strings.unicode_split(transcripts, "UTF-8")
    tokens = tf.ragged.map_flat_values(
        lambda letter: tf.where(letter == " ", tf.constant(WORD_DELIMITER_TOKEN), letter), letters
    )
    ids = tft.make_and_track_object(table, "vocabulary").lookup(tokens.flat_values)
    return tokens.with_flat_values(ids)
