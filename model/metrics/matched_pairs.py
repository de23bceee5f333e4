"""The matched-pairs sentence-segment word error test (MAPSSWE).

Sources: Gillick and Cox 1989, «Some statistical issues in the comparison of speech recognition algorithms»; the cut
into segments and the divisor n − 1 of the variance are those of NIST's `sc_stats -t mapsswe`.

An utterance is cut where both systems have at least two words right in a row: errors on either side of such a stretch
are taken for independent. Of each segment in which a system errs, the difference of the errors is taken; their mean,
over its standard error, is normally distributed where both systems err alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from model.metrics.alignment import AlignedWord

# So many words in a row that both systems have right part two segments.
MIN_GOOD_WORDS = 2


@dataclasses.dataclass(frozen=True)
class MatchedPairs:
    """What the test found.

    Attributes:
      segments: Segments with an error of either system.
      mean: Mean difference of a segment's errors, system minus baseline; 0 where there is no segment.
      standard_deviation: Of the differences; None with fewer than two segments.
      z: Mean over its standard error; above 0, the system is worse. None where it is not defined: with fewer than two
        segments, or where all segments differ alike.
      p_value: Two-sided: how often equal systems would differ as much; 1 where no segment differs, None where the test
        can say nothing.
    """

    segments: int
    mean: float
    standard_deviation: float | None
    z: float | None
    p_value: float | None


def matched_pairs_test(
    alignments: Sequence[Sequence[AlignedWord]], baseline: Sequence[Sequence[AlignedWord]]
) -> MatchedPairs:
    """Tests whether two systems err alike.

    Args:
      alignments: Of each utterance with its reference, for the system.
      baseline: Of the same utterances in the same order, for the baseline.

    Raises:
      ValueError: two alignments are of different references.
    """
    pairs = [pair for one, other in zip(alignments, baseline, strict=True) for pair in segment_errors(one, other)]
    differences = np.array([one - other for one, other in pairs], np.float64)
    count = len(differences)
    mean = float(differences.mean()) if count else 0.0
    if not differences.any():
        spread = 0.0 if count > 1 else None
        return MatchedPairs(count, 0.0, spread, 0.0 if count > 1 else None, 1.0)
    if count < 2:
        return MatchedPairs(count, mean, None, None, None)
    spread = float(differences.std(ddof=1))
    if spread == 0.0:
        return MatchedPairs(count, mean, spread, None, None)
    z = mean / (spread / math.sqrt(count))
    return MatchedPairs(count, mean, spread, z, math.erfc(abs(z) / math.sqrt(2)))


def segment_errors(steps: Sequence[AlignedWord], baseline: Sequence[AlignedWord]) -> Iterator[tuple[int, int]]:
    """Yields the errors of system and baseline in each segment of an utterance in which one of them errs.

    Args:
      steps: The alignment of the system with the reference.
      baseline: The alignment of the baseline with the same reference.

    Raises:
      ValueError: the references differ.
    """
    words, wrong, added = _errors_by_place(steps)
    other_words, other_wrong, other_added = _errors_by_place(baseline)
    if words != other_words:
        raise ValueError("Two alignments must be of the same reference.")
    errors, other_errors, good = 0, 0, 0
    for place in range(len(words) + 1):
        here, there = added[place], other_added[place]
        if here or there:
            errors, other_errors, good = errors + here, other_errors + there, 0
        if place == len(words):
            break
        if wrong[place] or other_wrong[place]:
            errors, other_errors, good = errors + wrong[place], other_errors + other_wrong[place], 0
        else:
            good += 1
            if good == MIN_GOOD_WORDS and (errors or other_errors):
                yield errors, other_errors
                errors, other_errors = 0, 0
    if errors or other_errors:
        yield errors, other_errors


def _errors_by_place(steps: Sequence[AlignedWord]) -> tuple[list[str], list[int], list[int]]:
    """Returns the reference's words, whether each is wrong, and how many were added before each and at the end."""
    words: list[str] = []
    wrong: list[int] = []
    added = [0]
    for step in steps:
        if step.kind == "insert":
            added[-1] += 1
        else:
            words.append(step.reference)
            wrong.append(int(step.kind != "equal"))
            added.append(0)
    return words, wrong, added
