"""Errors as counts, and the rates that follow from them: always of sums, never a mean of rates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


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
    def hits(self) -> int:
        """Words, or characters, of the references that were heard as they are."""
        return self.reference - self.substitutions - self.deletions

    @property
    def hypothesis(self) -> int:
        """Words, or characters, in the hypotheses."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over reference words: the WER, or of characters the CER; NaN where there is no reference word."""
        return self.errors / self.reference if self.reference else float("nan")

    @property
    def match_error_rate(self) -> float:
        """Errors over all steps of the alignment (MER, Morris et al. 2004), never above 1; NaN where there is none."""
        steps = self.hits + self.errors
        return self.errors / steps if steps else float("nan")

    @property
    def information_lost(self) -> float:
        """1 − hits² / (words of references × words of hypotheses) (WIL, Morris et al. 2004).

        1 where nothing was heard; NaN where there is no reference word.
        """
        if not self.reference:
            return float("nan")
        return 1.0 - self.hits**2 / (self.reference * self.hypothesis) if self.hypothesis else 1.0

    @property
    def utterance_error_rate(self) -> float:
        """Share of the utterances that have an error (sentence error rate); NaN where there is none."""
        return self.wrong_utterances / self.utterances if self.utterances else float("nan")

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)))


def total(counts: Iterable[Counts]) -> Counts:
    """Returns the sum of counts."""
    rows = [
        (one.reference, one.substitutions, one.deletions, one.insertions, one.utterances, one.wrong_utterances)
        for one in counts
    ]
    return Counts(*map(sum, zip(*rows, strict=True))) if rows else Counts()
