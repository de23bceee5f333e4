"""From shards to batches: read, checked, transformed, decoded and normalised ahead of the step that needs them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from model.config import Wav2Vec2Config
from model.errors import DataError, W2v2Error
from model.normalisation import normalise_waveforms
from model.record_index import RecordIndex
from model.training.masks import span_masks
from model.training.negatives import sample_negatives
from model.training.plan import BatchPlan, PlannedBatch

# Batches that are read while others are computed, and threads that read: Cloud Storage is slow, but for many at once.
_READ_AHEAD_BATCHES = 4
_READ_THREADS = 16
# What is drawn for an utterance, each with seeds of its own.
_TIME, _CHANNEL, _NEGATIVES, _NOISE = range(4)
# In the message of an error inside the tf.data graph, so that it is known for ours.
_FOREIGN_LABEL = "The transcripts must be spelt with the letters of the vocabulary, and these are not: "
_FOREIGN_LABEL_MEND = "; choose a checkpoint for this alphabet, or correct the transcripts."


@dataclasses.dataclass(frozen=True)
class Share:
    """Which rows of each batch this process reads.

    Attributes:
      replicas: Devices in all; a batch has as many rows as can be parted between them.
      first: The first row of this process, as a share of the rows: `first / replicas`.
      count: How many of the devices belong to this process.
    """

    replicas: int = 1
    first: int = 0
    count: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class BatchReader:
    """Reads the batches of a split.

    Attributes:
      index: Where the records are.
      parse: From serialised records, string `[rows]`, to a dict of `audio` string `[rows]`, `utterance_id` string
        `[rows]` and, where there are transcripts, `labels` ragged int32 `[rows, (labels)]`.
      config: The architecture: frames, masks, negatives.
      share: The rows of this process.
      draws: What is drawn: `none`, as for the validation of recognition; `masks`, time and channel; or `pretraining`,
        time masks and negatives.
      static_shapes: Whether all batches of a bucket have one shape; otherwise the last one of an epoch has fewer rows.
      max_labels: The most labels of an utterance, where that is known: their width where shapes are static. None for as
        many as an utterance of the bucket could have.
      foreign_labels: Ids that no transcript may have: the blank, and what is unknown.
      vocab_size: Labels are below it; None where there are none.
      do_normalise: Whether waveforms get zero mean and unit variance.
      seed: Of what is drawn.
    """

    index: RecordIndex
    parse: Callable[[tf.Tensor], Mapping[str, Any]]
    config: Wav2Vec2Config
    share: Share = dataclasses.field(default_factory=Share)
    draws: str = "none"
    static_shapes: bool = False
    max_labels: int | None = None
    foreign_labels: tuple[int, ...] = ()
    vocab_size: int | None = None
    do_normalise: bool = True
    seed: int = 0

    def training(self, plan: BatchPlan, start: int) -> Iterator[dict[str, Any]]:
        """Yields batches for ever, from the one with the number `start` on, counted through all epochs.

        A batch is a dict of `waveforms` float32 `[rows, samples]`, `num_samples` int32 `[rows]`, 0 in a row without an
        utterance, `utterance_ids` string `[rows]`, and, as the task has them, `labels` int32 `[rows, labels]`, −1 where
        padded, `time_mask` bool `[rows, frames]`, `channel_mask` bool `[rows, hidden_size]`, `negatives` int32 `[rows,
        frames, num_negatives]`, `noise_seeds` int32 `[rows, 2]`.

        Raises:
          DataError: a record is damaged or gone, or a label is none of the vocabulary.
        """

        def planned() -> Iterator[tuple[int, PlannedBatch]]:
            number = start
            while True:
                epoch, first = divmod(number, plan.batches_per_epoch)
                for batch in plan.epoch(epoch)[first:]:
                    yield number, batch
                    number += 1

        return self._batches(planned)

    def once(self, plan: BatchPlan) -> Iterator[dict[str, Any]]:
        """Yields the batches of one epoch; otherwise as `training`."""
        return self._batches(lambda: iter(enumerate(plan.epoch(0))))

    def _batches(self, planned: Callable[[], Iterator[tuple[int, PlannedBatch]]]) -> Iterator[dict[str, Any]]:
        failures: list[W2v2Error] = []

        def read() -> Iterator[dict[str, Any]]:
            with ThreadPoolExecutor(_READ_THREADS) as pool:
                waiting: collections.deque[tuple[int, PlannedBatch, np.ndarray[Any, Any], list[Future[bytes]]]]
                waiting = collections.deque()
                batches = planned()
                try:
                    while True:
                        while len(waiting) < _READ_AHEAD_BATCHES and (following := next(batches, None)) is not None:
                            numbers, rows = self._own(following[1])
                            waiting.append((*following, rows, [pool.submit(self.index.read, int(n)) for n in numbers]))
                        if not waiting:
                            return
                        number, batch, rows, records = waiting.popleft()
                        yield self._described(number, batch, rows, [record.result() for record in records])
                except W2v2Error as error:
                    # tf.data makes an error of its own of it, which has lost the class and the sentence.
                    failures.append(error)
                    raise
                finally:
                    pool.shutdown(wait=False, cancel_futures=True)

        signature = {
            "records": tf.TensorSpec([None], tf.string),
            "numbers": tf.TensorSpec([None], tf.int32),
            "num_samples": tf.TensorSpec([None], tf.int32),
            "padded_samples": tf.TensorSpec([], tf.int32),
            "rows": tf.TensorSpec([], tf.int32),
            "seeds": tf.TensorSpec([4], tf.int32),
        }
        dataset = tf.data.Dataset.from_generator(read, output_signature=signature)
        options = tf.data.Options()
        options.deterministic = True
        dataset = dataset.map(self._finished, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2).with_options(options)
        iterator = iter(dataset)
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                if failures:
                    raise failures[0] from error
                found = str(error.message).find(_FOREIGN_LABEL)
                if found >= 0:
                    sentence = str(error.message)[found:].partition(_FOREIGN_LABEL_MEND)[0]
                    raise DataError(sentence + _FOREIGN_LABEL_MEND) from error
                raise
            yield batch

    def _own(self, batch: PlannedBatch) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Returns the utterances of a batch that this process reads, and how many rows it has for them."""
        share = self.share
        rows = batch.rows if self.static_shapes else len(batch.utterances)
        per_replica = -(-rows // share.replicas)
        first = share.first * per_replica
        own = batch.utterances[first : first + share.count * per_replica]
        return own, np.asarray(share.count * per_replica, np.int32)

    def _described(
        self, number: int, batch: PlannedBatch, rows: np.ndarray[Any, Any], records: list[bytes]
    ) -> dict[str, Any]:
        numbers, _ = self._own(batch)
        return {
            "records": np.array(records, object),
            "numbers": numbers.astype(np.int32),
            "num_samples": self.index.num_samples[numbers],
            "padded_samples": np.int32(batch.num_samples),
            "rows": rows,
            "seeds": np.random.SeedSequence([self.seed, number]).generate_state(4).astype(np.uint32).view(np.int32),
        }

    def _finished(self, described: dict[str, Any]) -> dict[str, Any]:
        """Does inside the tf.data graph what TensorFlow does in parallel."""
        length, numbers, num_samples = (described[name] for name in ("padded_samples", "numbers", "num_samples"))
        config = self.config
        parsed = self.parse(described["records"])
        # Two bytes a sample; what is shorter is padded with silence.
        pcm = tf.io.decode_raw(parsed["audio"], tf.int16, little_endian=True, fixed_length=2 * length)
        pcm = tf.reshape(pcm, tf.stack([tf.shape(numbers)[0], length]))
        waveforms = tf.cast(pcm, tf.float32) / 32768.0
        if self.do_normalise:
            waveforms = normalise_waveforms(waveforms, num_samples)
        features: dict[str, Any] = {
            "waveforms": waveforms,
            "num_samples": num_samples,
            "utterance_ids": parsed["utterance_id"],
        }
        frames = config.num_frames(length)
        if self.vocab_size is not None:
            features["labels"] = self._labels(parsed["labels"], parsed["utterance_id"], frames)
        features |= self._drawn(described["seeds"], numbers, config.num_frames(num_samples), frames)
        missing = described["rows"] - tf.shape(numbers)[0]
        return {name: self._with_empty_rows(name, value, missing) for name, value in features.items()}

    def _labels(self, labels: Any, utterance_ids: Any, frames: Any) -> tf.Tensor:
        bad = (labels.flat_values < 0) | (labels.flat_values >= self.vocab_size)
        for foreign in self.foreign_labels:
            bad |= labels.flat_values == foreign
        bad_rows = tf.reduce_any(labels.with_flat_values(bad), axis=1)
        names = tf.strings.reduce_join(tf.boolean_mask(utterance_ids, bad_rows), separator=", ")
        message = tf.strings.join([_FOREIGN_LABEL, names, _FOREIGN_LABEL_MEND])
        with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(bad_rows), [message])]):
            dense = labels.to_tensor(-1)
        # The loss wants a column, also where nobody says anything.
        width = tf.maximum(tf.shape(dense)[1], 1)
        if self.static_shapes:
            # More labels than frames have no path, and one beyond the frames keeps that known.
            bound = frames + 1
            width = tf.maximum(width, bound) if self.max_labels is None else tf.minimum(max(self.max_labels, 1), bound)
        dense = dense[:, :width]
        return tf.concat([dense, tf.fill(tf.stack([tf.shape(dense)[0], width - tf.shape(dense)[1]]), -1)], axis=1)

    def _drawn(self, seeds: Any, numbers: Any, num_frames: Any, frames: Any) -> dict[str, Any]:
        """Draws masks and negatives, each row by the seed of the batch and the number of its utterance."""
        config = self.config

        def rows(kind: int) -> tf.Tensor:
            return tf.stack([tf.fill(tf.shape(numbers), seeds[kind]), numbers], axis=1)

        drawn: dict[str, Any] = {}
        if self.draws == "none":
            return drawn
        if config.mask_time_prob > 0 and (config.apply_spec_augment or self.draws == "pretraining"):
            drawn["time_mask"] = span_masks(
                rows(_TIME), num_frames, frames, config.mask_time_prob, config.mask_time_length,
                config.mask_time_min_masks,
            )  # fmt: skip
        if config.mask_feature_prob > 0 and config.apply_spec_augment:
            drawn["channel_mask"] = span_masks(
                rows(_CHANNEL), tf.fill(tf.shape(numbers), config.hidden_size), config.hidden_size,
                config.mask_feature_prob, config.mask_feature_length, config.mask_feature_min_masks,
            )  # fmt: skip
        if self.draws == "pretraining":
            drawn["negatives"] = sample_negatives(rows(_NEGATIVES), drawn["time_mask"], config.num_negatives)
            drawn["noise_seeds"] = rows(_NOISE)
        return drawn

    def _with_empty_rows(self, name: str, value: Any, missing: Any) -> tf.Tensor:
        """Adds rows without an utterance, so that all devices have equally many."""
        filler = {"labels": -1, "utterance_ids": "", "time_mask": False, "channel_mask": False}.get(name, 0)
        if value.dtype == tf.string:
            return tf.concat([value, tf.fill([missing], filler)], axis=0)
        paddings = tf.pad(tf.reshape(missing, [1, 1]), [[0, value.shape.rank - 1], [1, 0]])
        return tf.pad(value, paddings, constant_values=tf.cast(filler, value.dtype))
