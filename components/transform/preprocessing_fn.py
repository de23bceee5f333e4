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

# From so many quantiles Trainer chooses the lengths of its few buckets.
NUM_QUANTILES = 64


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Turns utterance records into what the training loop needs.

    Args:
      inputs: The features of the curated schema: `audio`, `num_samples`, `transcript`, `utterance_id` and others.
      custom_config: `vocabulary`, id by token as in `vocab.json`; empty where there are no transcripts.

    Returns:
      audio: bytes `[batch]`, mono little-endian int16 PCM, unchanged.
      length_quantiles: int64 `[batch, 64]`, quantiles of the lengths in samples over the whole training split, rising,
        the longest last; the same in each row.
      num_samples: int64 `[batch]`, unchanged.
      utterance_id: bytes `[batch]`, unchanged.
      labels: int64, ragged `[batch, (labels)]`, the ids of the transcript's characters; only with a vocabulary.
      max_labels: int64 `[batch]`, the most labels of an utterance of the training split, the same in each row; only
        with a vocabulary.
    """
    num_samples = _one_per_row(inputs["num_samples"])
    outputs = {
        "audio": _one_per_row(inputs["audio"]),
        "length_quantiles": _length_quantiles(num_samples),
        "num_samples": num_samples,
        "utterance_id": _one_per_row(inputs["utterance_id"]),
    }
    if custom_config["vocabulary"]:
        labels = _labels(_one_per_row(inputs["transcript"]), custom_config["vocabulary"])
        outputs["labels"] = labels
        outputs["max_labels"] = tf.fill(tf.shape(num_samples), tft.max(labels.row_lengths()))
    return outputs


def _one_per_row(feature: Any) -> Any:
    """Returns a dense `[batch]` tensor of a feature that has one value in each record."""
    if isinstance(feature, tf.SparseTensor):
        feature = tf.sparse.to_dense(feature, default_value="" if feature.dtype == tf.string else 0)
    return tf.reshape(feature, [-1])


def _length_quantiles(num_samples: Any) -> Any:
    quantiles = tft.quantiles(num_samples, num_buckets=NUM_QUANTILES, epsilon=0.002)
    lengths = tf.concat([tf.reshape(tf.cast(quantiles, tf.int64), [-1]), tft.max(num_samples)[tf.newaxis]], axis=0)
    lengths = tf.ensure_shape(lengths, [NUM_QUANTILES])
    return tf.tile(lengths[tf.newaxis, :], tf.stack([tf.shape(num_samples)[0], 1]))


def _labels(transcripts: Any, vocabulary: Mapping[str, int]) -> Any:
    # Trainer refuses what is unknown, and the blank.
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
