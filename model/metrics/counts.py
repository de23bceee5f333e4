"""Word and character error rates as counts, and how sure one can be of them. No TensorFlow.

The alignment is jiwer's (Levenshtein); a rate is always errors over reference words, never a mean of rates.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

# With fewer blocks than this a bootstrap over them says little, and utterances take their place.
MIN_BLOCKS = 5


@dataclasses.dataclass(frozen=True)
class Counts:
    """Errors of one utterance, or the sum over many.

    Attributes:
      reference: Words, or characters, in the references.
      substitutions: Those that were replaced.
      deletions: Those that were left out.
      insertions: What was added to them.
      utterances: How many were compared.
      wrong_utterances: How many of them have an error.
    """

    reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    utterances: int = 0
    wrong_utterances: int = 0

    @property
    def errors(self) -> int:
        """All errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over reference words; NaN where there is no reference word."""
        return self.errors / self.reference if self.reference else float("nan")

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


def total(counts: Iterable[Counts]) -> Counts:
    """Returns the sum of counts."""
    result = Counts()
    for one in counts:
        result = result + one
    return result


def count_word_errors(reference: str, hypothesis: str) -> Counts:
    """Returns the word errors of one utterance. An empty reference has as many insertions as there are words."""
    import jiwer

    return _counts(reference.split(), hypothesis.split(), lambda r, h: jiwer.process_words(" ".join(r), " ".join(h)))


def count_character_errors(reference: str, hypothesis: str) -> Counts:
    """Returns the character errors of one utterance, spaces counted."""
    import jiwer

    return _counts(reference, hypothesis, jiwer.process_characters)


def _counts(reference: Sequence[str], hypothesis: Sequence[str], process: Callable[[Any, Any], Any]) -> Counts:
    if not reference:
        # jiwer has no rate without a reference; the words that were heard in silence are errors all the same.
        return Counts(insertions=len(hypothesis), utterances=1, wrong_utterances=int(bool(hypothesis)))
    found = process(reference, hypothesis)
    errors = (found.substitutions, found.deletions, found.insertions)
    return Counts(len(reference), *errors, utterances=1, wrong_utterances=int(any(errors)))


@dataclasses.dataclass(frozen=True)
class Interval:
    """A 95 % interval, from the bootstrap.

    Attributes:
      low: Its lower end.
      high: Its upper end.
      unit: What was drawn: `speaker` or `utterance`.
    """

    low: float
    high: float
    unit: str


def rate_interval(counts: Sequence[Counts], speakers: Sequence[str], resamples: int, seed: int) -> Interval:
    """Returns the 95 % interval of the error rate.

    Speakers are drawn with replacement, since what one person says is not independent; with fewer than five speakers,
    utterances are drawn, and the interval says so. Source: Bisani and Ney 2004, «Bootstrap estimates for confidence
    intervals in ASR performance evaluation».

    Args:
      counts: Of each utterance.
      speakers: Who spoke each.
      resamples: How often to draw.
      seed: Of the draws.
    """
    errors, references = [one.errors for one in counts], [one.reference for one in counts]
    return ratio_interval(errors, references, speakers, resamples, seed)


def ratio_interval(
    values: Sequence[float], weights: Sequence[float], speakers: Sequence[str], resamples: int, seed: int
) -> Interval:
    """Returns the 95 % interval of the sum of `values` over that of `weights`, such as errors over words.

    Args:
      values: Of each utterance.
      weights: Of each utterance.
      speakers: Who spoke each; drawn as in `rate_interval`.
      resamples: How often to draw.
      seed: Of the draws.
    """
    blocks, unit = _blocks(
        np.stack([np.asarray(values, np.float64), np.asarray(weights, np.float64)], axis=1), speakers
    )
    drawn = _draw(blocks, resamples, seed)
    ratios = drawn[:, 0] / np.maximum(drawn[:, 1], 1.0)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Interval(float(low), float(high), unit)


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much a system differs from a baseline on the same utterances; above 0, the system is worse.

    Attributes:
      value: Error rate, or loss, of the system minus that of the baseline.
      interval: 95 % interval of it, from the paired bootstrap.
      probability_of_improvement: Share of the draws in which the system is better.
      smallest_detectable: A true difference of this size would be told from 0 in 80 % of such test sets.
    """

    value: float
    interval: Interval
    probability_of_improvement: float
    smallest_detectable: float


def paired_difference(
    counts: Sequence[Counts], baseline: Sequence[Counts], speakers: Sequence[str], resamples: int, seed: int
) -> Difference:
    """Compares two systems by the paired bootstrap (Bisani and Ney 2004).

    Args:
      counts: Of each utterance, for the system.
      baseline: Of the same utterances in the same order, for the baseline.
      speakers: Who spoke each.
      resamples: How often to draw.
      seed: Of the draws.
    """
    changes = [one.errors - other.errors for one, other in zip(counts, baseline, strict=True)]
    return paired_ratio_difference(changes, [one.reference for one in counts], speakers, resamples, seed)


def paired_ratio_difference(
    changes: Sequence[float], weights: Sequence[float], speakers: Sequence[str], resamples: int, seed: int
) -> Difference:
    """Compares two systems by what each utterance changes from the one to the other.

    Args:
      changes: Of each utterance: its value for the system minus that for the baseline.
      weights: Of each utterance, the same for both.
      speakers: Who spoke each; drawn as in `rate_interval`.
      resamples: How often to draw.
      seed: Of the draws.
    """
    table = np.stack([np.asarray(changes, np.float64), np.asarray(weights, np.float64)], axis=1)
    blocks, unit = _blocks(table, speakers)
    drawn = _draw(blocks, resamples, seed)
    differences = drawn[:, 0] / np.maximum(drawn[:, 1], 1.0)
    low, high = np.percentile(differences, [2.5, 97.5])
    return Difference(
        value=float(table[:, 0].sum() / max(table[:, 1].sum(), 1.0)),
        interval=Interval(float(low), float(high), unit),
        probability_of_improvement=float(np.mean(differences < 0)),
        # Two-sided test at 5 % with power 80 %: (1.960 + 0.842) standard errors.
        smallest_detectable=float(2.802 * np.std(differences)),
    )


def _blocks(table: np.ndarray[Any, Any], speakers: Sequence[str]) -> tuple[np.ndarray[Any, Any], str]:
    """Sums the rows of `table` by speaker, or leaves them where there are too few speakers."""
    names, positions = np.unique(np.asarray(speakers), return_inverse=True)
    if len(names) < MIN_BLOCKS:
        return table, "utterance"
    sums = np.zeros((len(names), table.shape[1]))
    np.add.at(sums, positions, table)
    return sums, "speaker"


def _draw(blocks: np.ndarray[Any, Any], resamples: int, seed: int) -> np.ndarray[Any, Any]:
    """Returns the sums of `resamples` draws of as many blocks as there are."""
    random = np.random.default_rng(seed)
    weights = random.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=resamples)
    return weights @ blocks


@dataclasses.dataclass(frozen=True)
class AlignedWord:
    """A step of an alignment.

    Attributes:
      kind: `equal`, `substitute`, `delete` or `insert`.
      reference: The reference's word; empty for an insertion.
      hypothesis: The hypothesis's word; empty for a deletion.
    """

    kind: str
    reference: str
    hypothesis: str


def align_words(reference: str, hypothesis: str) -> list[AlignedWord]:
    """Returns the alignment by which errors are counted."""
    import jiwer

    words, heard = reference.split(), hypothesis.split()
    if not words:
        return [AlignedWord("insert", "", word) for word in heard]
    steps: list[AlignedWord] = []
    for chunk in jiwer.process_words(" ".join(words), " ".join(heard)).alignments[0]:
        left = words[chunk.ref_start_idx : chunk.ref_end_idx]
        right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        pairs = itertools.zip_longest(left, right, fillvalue="")
        steps.extend(AlignedWord(chunk.type, word, other) for word, other in pairs)
    return steps
