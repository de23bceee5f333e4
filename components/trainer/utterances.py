"""Reads utterances from the shards through the Transform graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from model.errors import DataError

# Records that are parsed and transformed at once; audio makes them large.
_PARSE_UTTERANCES = 16


def utterances(files: Sequence[str] | tf.Tensor, transform: tft.TFTransformOutput) -> tf.data.Dataset:
    """Returns the utterances of some TFRecord files, in their order.

    Args:
      files: Paths of TFRecord files of utterance records.
      transform: What Transform learned.

    Returns:
      Dicts of `pcm` int16 `[samples]` and `labels` int32 `[labels]`.
    """
    return _transformed(files, transform).unbatch().map(_decode, num_parallel_calls=tf.data.AUTOTUNE)


def bucket_quantiles(files: Sequence[str], transform: tft.TFTransformOutput) -> list[int]:
    """Returns the quantiles of the utterances' lengths that Transform found, in samples, the longest last.

    Raises:
      DataError: the files hold no utterance.
    """
    first = next(iter(_transformed(files, transform)), None)
    if first is None:
        raise DataError("The training split must hold an utterance; its files are empty.")
    return [int(length) for length in first["bucket_lengths"][0]]


def _transformed(files: Sequence[str] | tf.Tensor, transform: tft.TFTransformOutput) -> tf.data.Dataset:
    specification = transform.raw_feature_spec()
    layer = transform.transform_features_layer()

    def parse(records: tf.Tensor) -> dict[str, Any]:
        outputs = layer(tf.io.parse_example(records, specification))
        labels = outputs["labels"]
        if isinstance(labels, tf.SparseTensor):
            labels = tf.RaggedTensor.from_sparse(labels)
        return {
            "audio": outputs["audio"],
            "bucket_lengths": outputs["bucket_lengths"],
            "labels": tf.cast(labels, tf.int32),
        }

    return tf.data.TFRecordDataset(files).batch(_PARSE_UTTERANCES).map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def _decode(utterance: dict[str, Any]) -> dict[str, Any]:
    return {
        "pcm": tf.io.decode_raw(utterance["audio"], tf.int16, little_endian=True),
        "labels": utterance["labels"],
    }
