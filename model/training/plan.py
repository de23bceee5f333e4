"""Which utterances make up which batch: a function of the seed, the epoch and the index, and of nothing else.

So a run that goes on knows where it was from one number, any device can tell what the others get, and an epoch holds
each utterance once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class PlannedBatch:
    """A batch before it is read.

    Attributes:
      num_samples: The length that its utterances are padded to.
      rows: How many utterances a batch of that length has; fewer are in the last one of an epoch.
      utterances: int64 `[≤ rows]`, their numbers.
    """

    num_samples: int
    rows: int
    utterances: np.ndarray[Any, Any]


class BatchPlan:
    """The batches of every epoch of a split.

    Each epoch shuffles all utterances, fills the batches of each bucket, and shuffles the batches. What is left over in
    a bucket goes to the next longer one, so that an epoch has one batch at most that is not full.

    Args:
      num_samples: int32 `[utterances]`, of the whole split.
      lengths: The padded lengths of the buckets, in samples, rising. Utterances longer than the last are left out.
      batch_samples: Samples in a batch at most, padding included; a longer utterance is a batch of its own.
      seed: Of the order; None leaves everything in order of length, as validation wants it.
      min_samples: Shorter utterances are left out.
      max_samples: Longer utterances are left out; None for those beyond the last bucket.
      rows_multiple: As in `TrainingSettings`.

    Attributes:
      left_out: int64, the numbers of the utterances that are too long or too short.
      batches_per_epoch: The same in every epoch.
    """

    def __init__(
        self,
        num_samples: np.ndarray[Any, Any],
        lengths: Sequence[int],
        batch_samples: int,
        seed: int | None,
        min_samples: int = 1,
        max_samples: int | None = None,
        rows_multiple: int = 1,
    ) -> None:
        self.lengths = tuple(lengths)
        fitting_rows = (max(1, batch_samples // length) for length in lengths)
        self.rows = tuple(rows - rows % rows_multiple if rows > rows_multiple else rows for rows in fitting_rows)
        self._num_samples = num_samples
        self._seed = seed
        longest = lengths[-1] if max_samples is None else min(lengths[-1], max_samples)
        fits = (num_samples >= min_samples) & (num_samples <= longest)
        self._fitting = np.flatnonzero(fits)
        self.left_out = np.flatnonzero(~fits)
        self._buckets = np.searchsorted(np.asarray(lengths), num_samples[self._fitting])
        self.batches_per_epoch = len(self._batches(self._fitting, self._buckets))

    def epoch(self, number: int) -> list[PlannedBatch]:
        """Returns the batches of an epoch, counted from 0."""
        if self._seed is None:
            order = np.argsort(self._num_samples[self._fitting], kind="stable")
            return self._batches(self._fitting[order], self._buckets[order])
        random = np.random.default_rng([self._seed, number])
        order = random.permutation(len(self._fitting))
        batches = self._batches(self._fitting[order], self._buckets[order])
        return [batches[place] for place in random.permutation(len(batches))]

    def _batches(self, utterances: np.ndarray[Any, Any], buckets: np.ndarray[Any, Any]) -> list[PlannedBatch]:
        batches: list[PlannedBatch] = []
        left = utterances[:0]
        for bucket, (length, rows) in enumerate(zip(self.lengths, self.rows, strict=True)):
            waiting = np.concatenate([left, utterances[buckets == bucket]])
            full = len(waiting) - len(waiting) % rows
            batches += [PlannedBatch(length, rows, part) for part in waiting[:full].reshape(-1, rows)]
            left = waiting[full:]
        if len(left):
            # As short as the longest of them allows.
            longest = int(self._num_samples[left].max())
            bucket = next(index for index, length in enumerate(self.lengths) if length >= longest)
            batches.append(PlannedBatch(self.lengths[bucket], self.rows[bucket], left))
        return batches


def length_quantiles(num_samples: np.ndarray[Any, Any], count: int = 64) -> list[int]:
    """Returns quantiles of lengths for `bucket_lengths`, whose memory grows with the square of how many there are.

    Args:
      num_samples: int `[utterances]`, one at least, in any order.
      count: How many quantiles; fewer utterances are all of them.

    Returns:
      Lengths that occur, rising, the longest last.
    """
    rising = np.sort(num_samples)
    if len(rising) > count:
        rising = rising[np.ceil(np.arange(1, count + 1) * len(rising) / count).astype(int) - 1]
    return [int(length) for length in rising]


def bucket_lengths(
    quantiles_samples: Sequence[int], samples_per_frame: int, max_samples: int, num_buckets: int
) -> list[int]:
    """Chooses the padded lengths of the buckets so that as little as possible is padded.

    Args:
      quantiles_samples: Quantiles of the utterances' lengths, rising, the longest last: as many utterances lie between
        two of them as between any other two.
      samples_per_frame: Lengths are rounded up to whole frames.
      max_samples: The longest utterance that is trained on.
      num_buckets: How many there may be.

    Returns:
      Rising lengths, in samples, the last one that of the longest utterance.
    """
    tops = np.minimum(np.asarray(quantiles_samples, np.int64), max_samples)
    tops = -(-tops // samples_per_frame) * samples_per_frame
    # The samples of all utterances up to a quantile, each taken for the middle of its interval.
    middles = (np.concatenate([[tops[0]], tops[:-1]]) + tops) / 2
    spoken = np.concatenate([[0.0], np.cumsum(middles)])
    count = len(tops)
    # cost[n]: the least padding of the first n intervals; end[k][n]: where the last of k buckets begins.
    cost = np.concatenate([[0.0], np.full(count, np.inf)])
    begins: list[np.ndarray[Any, Any]] = []
    for _ in range(min(num_buckets, count)):
        starts = np.arange(count + 1)
        ends = np.arange(1, count + 1)
        padding = (ends[:, None] - starts[None, :]) * tops[:, None] - (spoken[ends][:, None] - spoken[None, :])
        choices = np.where(starts[None, :] < ends[:, None], cost[None, :] + padding, np.inf)
        begins.append(np.concatenate([[0], choices.argmin(axis=1)]))
        cost = np.concatenate([[0.0], choices.min(axis=1)])
    lengths = []
    end = count
    for begin in reversed(begins):
        if end == 0:
            break
        lengths.append(int(tops[end - 1]))
        end = int(begin[end])
    return sorted(set(lengths))
