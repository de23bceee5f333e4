"""Which word was heard for which: jiwer's alignment (Levenshtein, unit costs)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence


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
    return align_words_of([reference], [hypothesis])[0]


def align_words_of(references: Sequence[str], hypotheses: Sequence[str]) -> list[list[AlignedWord]]:
    """Returns the alignment of each utterance. Words are parted by whitespace; an empty text has none.

    Args:
      references: The text of each.
      hypotheses: What was heard, in the same order.
    """
    import jiwer

    if not references:
        return []
    lefts, rights = [text.split() for text in references], [text.split() for text in hypotheses]
    found = jiwer.process_words([" ".join(words) for words in lefts], [" ".join(words) for words in rights])
    alignments: list[list[AlignedWord]] = []
    for words, heard, chunks in zip(lefts, rights, found.alignments, strict=True):
        steps: list[AlignedWord] = []
        for chunk in chunks:
            left = words[chunk.ref_start_idx : chunk.ref_end_idx]
            right = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
            pairs = itertools.zip_longest(left, right, fillvalue="")
            steps.extend(AlignedWord(chunk.type, word, other) for word, other in pairs)
        alignments.append(steps)
    return alignments
