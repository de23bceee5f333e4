"""Which utterances are heard together, planned from where their records lie and how long they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from model.record_index import RecordIndex

DEFAULT_BATCH_SAMPLES = 2_000_000


class UtteranceReference(NamedTuple):
    """Where the record of an utterance lies.

    Attributes:
      split: Of the examples.
      file: The shard.
      offset: Where the record begins in it, behind its header.
      size_bytes: Of the record.
      num_samples: Of its sound.
    """

    split: str
    file: str
    offset: int
    size_bytes: int
    num_samples: int


@dataclasses.dataclass(frozen=True)
class Batch:
    """Utterances of about the same length, heard by one worker one way after the other.

    Attributes:
      number: Which of all batches it is.
      references: The longest first.
      probes: The places in `references` of utterances whose sound and logits are kept.
    """

    number: int
    references: tuple[UtteranceReference, ...]
    probes: tuple[int, ...] = ()

    @property
    def padded_samples(self) -> int:
        """What a model computes that hears them together."""
        return len(self.references) * self.references[0].num_samples


def plan_batches(indices: Mapping[str, RecordIndex], batch_samples: int, num_probes: int = 0) -> list[Batch]:
    """Plans batches over all splits together. The same records give the same batches.

    Args:
      indices: Of each split, by its name.
      batch_samples: Samples in a batch at most, padding included; an utterance that is longer is a batch by itself.
      num_probes: Of how many utterances sound and logits are kept; they are spread over all lengths.
    """
    references = sorted(
        (reference for split, index in indices.items() for reference in _references(split, index)),
        # Equal lengths in the order of their shards, so that a worker reads neighbours.
        key=lambda one: (-one.num_samples, one.split, one.file, one.offset),
    )
    probes = set(spread(len(references), num_probes))
    batches: list[Batch] = []
    for begin, end in _parts([one.num_samples for one in references], batch_samples):
        kept = tuple(place - begin for place in range(begin, end) if place in probes)
        batches.append(Batch(len(batches), tuple(references[begin:end]), kept))
    return batches


def count_padded(num_samples: Iterable[int], batch_samples: int) -> int:
    """Returns how many utterances are shorter than the longest of their batch.

    Args:
      num_samples: Of all utterances that are planned together, in any order.
      batch_samples: As it is given to `plan_batches`.
    """
    lengths = sorted(num_samples, reverse=True)
    return sum(
        length < lengths[begin] for begin, end in _parts(lengths, batch_samples) for length in lengths[begin:end]
    )


def _parts(lengths: Sequence[int], batch_samples: int) -> Iterator[tuple[int, int]]:
    """Yields where batches begin and end, of lengths in samples, the longest first."""
    begin = 0
    while begin < len(lengths):
        end = min(begin + max(batch_samples // max(lengths[begin], 1), 1), len(lengths))
        yield begin, end
        begin = end


def spread(total: int, count: int) -> Sequence[int]:
    """Returns places of an ordered list that are spread over all of it, the first and the last among them.

    Args:
      total: Of the list.
      count: How many places, at most.
    """
    return sorted({round(place) for place in np.linspace(0, total - 1, min(count, total))})


def _references(split: str, index: RecordIndex) -> list[UtteranceReference]:
    files = [index.files[number] for number in index.file_numbers]
    columns = (index.offsets.tolist(), index.sizes.tolist(), index.num_samples.tolist())
    return [UtteranceReference(split, *fields) for fields in zip(files, *columns, strict=True)]
