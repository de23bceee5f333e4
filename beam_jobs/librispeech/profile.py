"""What is in the data: distributions and counts, gathered shard by shard and added up in any order.

All that is kept is integers, so that the sum over shards is the same whatever their number and order. The bins stand
once, here; a value that lies on an edge belongs to the bin above it.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from beam_jobs.librispeech.word_counts import MAX_WORDS, WordCounts
from model.errors import DataError
from model.examples import Utterance

TOP_WORDS = 50

_FULL_SCALE = 32768
# Small enough to stay in the processor's cache while its squares are added up, and for BLAS to start no threads for it:
# the other processors have work of their own.
_PIECE_SAMPLES = 8_192


@dataclasses.dataclass(frozen=True)
class Quantity:
    """Something of which there is a distribution.

    Attributes:
      title: What it is.
      unit: What it is counted in, or empty.
      edges: Of its bins; one more bin lies below the first edge, and one from the last edge on.
    """

    title: str
    unit: str
    edges: tuple[float, ...]


QUANTITIES: Mapping[str, Quantity] = {
    "duration_seconds": Quantity("Duration", "s", tuple(range(36))),
    "level_dbfs": Quantity("Level, RMS", "dBFS", tuple(range(-80, 1, 2))),
    "peak_dbfs": Quantity("Peak", "dBFS", tuple(range(-60, 1, 2))),
    # A single sample of an utterance of 100 000 s would be 6e-10.
    "clipped_fraction": Quantity("Share of samples at full scale", "", (1e-9, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)),
    "characters_per_second": Quantity("Characters per second", "1/s", tuple(range(41))),
    "words": Quantity("Words per utterance", "", tuple(range(0, 101, 4))),
}


@dataclasses.dataclass
class Totals:
    """What is counted over all utterances.

    Attributes:
      utterances: How many.
      samples: Of all of them.
      shortest_samples: Of the shortest utterance; 0 where there is none.
      longest_samples: Of the longest.
      silent: Utterances in which every sample is 0.
      clipped_utterances: Utterances with a sample at either end of 16 bits.
      clipped_samples: How many such samples.
      words: Of all transcripts.
    """

    utterances: int = 0
    samples: int = 0
    shortest_samples: int = 0
    longest_samples: int = 0
    silent: int = 0
    clipped_utterances: int = 0
    clipped_samples: int = 0
    words: int = 0

    def merged(self, other: Totals) -> Totals:
        """Returns the totals of both."""
        added = {name: value + getattr(other, name) for name, value in vars(self).items()}
        shortest = [part.shortest_samples for part in (self, other) if part.utterances]
        return dataclasses.replace(
            Totals(**added),
            shortest_samples=min(shortest, default=0),
            longest_samples=max(self.longest_samples, other.longest_samples),
        )


class Profile:
    """What is in some utterances: `add` one by one, `merged` with those of other shards.

    Attributes:
      totals: Of all utterances.
      counts: Of words and characters.
      histograms: Utterances in each bin, by quantity.
    """

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self.totals = Totals()
        self.counts = WordCounts(max_words)
        self.histograms = {name: [0] * (len(quantity.edges) + 1) for name, quantity in QUANTITIES.items()}
        # One place for all pieces: getting memory anew would take longer than the sums.
        self._buffer = np.empty(_PIECE_SAMPLES, np.float32)

    def add(self, utterance: Utterance) -> None:
        """Adds an utterance."""
        samples, length = utterance.samples, len(utterance.samples)
        highest, lowest = (int(samples.max()), int(samples.min())) if length else (0, 0)
        peak = max(highest, -lowest)
        clipped = 0
        if highest == _FULL_SCALE - 1 or lowest == -_FULL_SCALE:
            clipped = int(np.count_nonzero(samples == _FULL_SCALE - 1) + np.count_nonzero(samples == -_FULL_SCALE))
        words = len(utterance.transcript.split())
        self.counts.add(utterance.transcript)
        totals = self.totals
        totals.shortest_samples = min(totals.shortest_samples, length) if totals.utterances else length
        totals.longest_samples = max(totals.longest_samples, length)
        totals.utterances += 1
        totals.samples += length
        totals.silent += peak == 0
        totals.clipped_utterances += clipped > 0
        totals.clipped_samples += clipped
        totals.words += words
        seconds = utterance.seconds
        values = (
            seconds,
            _decibels(self._energy(samples), length * _FULL_SCALE**2, 10),
            _decibels(peak, _FULL_SCALE, 20),
            clipped / length if length else 0.0,
            len(utterance.transcript) / seconds if seconds else 0.0,
            words,
        )
        for value, (name, quantity) in zip(values, QUANTITIES.items(), strict=True):
            self.histograms[name][bisect.bisect_right(quantity.edges, value)] += 1

    def merged(self, other: Profile) -> Profile:
        """Returns what is in the utterances of both; in whatever order parts are merged, the result is the same."""
        result = Profile()
        result.totals = self.totals.merged(other.totals)
        result.counts = self.counts.merged(other.counts)
        result.histograms = {
            name: [one + two for one, two in zip(counts, other.histograms[name], strict=True)]
            for name, counts in self.histograms.items()
        }
        return result

    def to_json(self) -> dict[str, Any]:
        """Returns all of it as JSON values; equal profiles give equal values."""
        return {
            "totals": dataclasses.asdict(self.totals),
            "counts": self.counts.to_json(),
            "histograms": {name: list(counts) for name, counts in self.histograms.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Profile:
        """Returns the profile that `to_json` has given.

        Raises:
          DataError: it is none, or one with other bins.
        """
        result = cls()
        try:
            result.totals = Totals(**value["totals"])
            result.counts = WordCounts.from_json(value["counts"])
            found = {name: list(counts) for name, counts in value["histograms"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"A profile of data must be as this code writes it ({error}); ingest again.") from error
        if {name: len(counts) for name, counts in found.items()} != {
            name: len(counts) for name, counts in result.histograms.items()
        }:
            raise DataError("A profile of data must have the bins of this code, and has others; ingest again.")
        result.histograms = {name: found[name] for name in QUANTITIES}
        return result

    def summary(self) -> dict[str, Any]:
        """Returns what people want to know, for `dataset_info.json`: short, however many words there are."""
        words = self.counts.words
        return {
            **dataclasses.asdict(self.totals),
            "characters": dict(sorted(self.counts.characters.items())),
            "different_words": self.counts.different_words,
            "different_words_exact": self.counts.exact,
            "words_said_once": sum(count == 1 for count in words.values()) if self.counts.exact else None,
            "top_words": self.counts.top(TOP_WORDS),
            "histograms": {
                name: {"edges": list(quantity.edges), "counts": list(self.histograms[name])}
                for name, quantity in QUANTITIES.items()
            },
        }

    def _energy(self, samples: np.ndarray[Any, Any]) -> float:
        """Returns the sum of the squares of int16 samples, to six digits: the bins of the level are 2 dB wide."""
        total = 0.0
        for start in range(0, len(samples), _PIECE_SAMPLES):
            part = samples[start : start + _PIECE_SAMPLES]
            piece = self._buffer[: len(part)]
            piece[...] = part
            total += float(piece.dot(piece))
        return total


def profile_of(utterances: Iterable[Utterance], max_words: int = MAX_WORDS) -> Profile:
    """Returns what is in utterances."""
    result = Profile(max_words)
    for utterance in utterances:
        result.add(utterance)
    return result


def merge_all(profiles: Iterable[Profile], max_words: int = MAX_WORDS) -> Profile:
    """Returns what is in the utterances of all of them.

    Of many profiles, those of like size are merged first: one after the other, each of a thousand shards would have the
    whole vocabulary copied.
    """
    ranks: list[tuple[int, Profile]] = []
    for profile in profiles:
        rank, merged = 0, profile
        while ranks and ranks[-1][0] == rank:
            merged = ranks.pop()[1].merged(merged)
            rank += 1
        ranks.append((rank, merged))
    result = Profile(max_words)
    for _, profile in reversed(ranks):
        result = result.merged(profile)
    return result


def _decibels(value: float, full_scale: float, factor: int) -> float:
    return factor * math.log10(value / full_scale) if value else -math.inf
