"""Reads records through the graph that Transform learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft


@dataclasses.dataclass(frozen=True)
class Learned:
    """What Transform found out about the whole training split.

    Attributes:
      length_quantiles: Quantiles of the lengths, in samples, rising, the longest last.
      max_labels: The most labels of an utterance; None where there are no transcripts.
    """

    length_quantiles: tuple[int, ...]
    max_labels: int | None


class TransformGraph:
    """The graph that Transform wrote, on records.

    Args:
      path: The directory that Transform wrote.
    """

    def __init__(self, path: str) -> None:
        output = tft.TFTransformOutput(path)
        self._specification = output.raw_feature_spec()
        self._layer = output.transform_features_layer()

    def parse(self, records: tf.Tensor) -> Mapping[str, Any]:
        """Returns, of serialised records `[rows]`: `audio`, `utterance_id`, and `labels` where there are transcripts.

        Labels are ragged int32 `[rows, (labels)]`.
        """
        outputs = self._layer(tf.io.parse_example(records, self._specification))
        parsed = {"audio": outputs["audio"], "utterance_id": outputs["utterance_id"]}
        if "labels" in outputs:
            labels = outputs["labels"]
            if isinstance(labels, tf.SparseTensor):
                labels = tf.RaggedTensor.from_sparse(labels)
            parsed["labels"] = tf.cast(labels, tf.int32)
        return parsed

    def learned(self, record: bytes) -> Learned:
        """Returns what Transform found out; it stands beside every record, so any one will do."""
        outputs = self._layer(tf.io.parse_example([record], self._specification))
        return Learned(
            tuple(int(length) for length in outputs["length_quantiles"][0]),
            int(outputs["max_labels"][0]) if "max_labels" in outputs else None,
        )
