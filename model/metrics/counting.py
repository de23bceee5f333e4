"""Word and character errors of texts, by jiwer's alignment (Levenshtein, unit costs)."""

from __future__ import annotations

from collections.abc import Sequence

from model.metrics.alignment import AlignedWord, align_words
from model.metrics.counts import Counts


def count_word_errors(reference: str, hypothesis: str) -> Counts:
    """Returns the word errors of one utterance. An empty reference has as many insertions as there are words."""
    return counts_of_alignment(align_words(reference, hypothesis))


def count_character_errors(reference: str, hypothesis: str) -> Counts:
    """Returns the character errors of one utterance; a space between words counts as one character."""
    return count_character_errors_of([reference], [hypothesis])[0]


def count_character_errors_of(references: Sequence[str], hypotheses: Sequence[str]) -> list[Counts]:
    """Returns the character errors of each utterance.

    Args:
      references: The text of each.
      hypotheses: What was heard, in the same order.
    """
    import jiwer

    if not references:
        return []
    lefts = [" ".join(text.split()) for text in references]
    rights = [" ".join(text.split()) for text in hypotheses]
    found: list[Counts] = []
    for left, chunks in zip(lefts, jiwer.process_characters(lefts, rights).alignments, strict=True):
        numbers: dict[str, int] = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
        for chunk in chunks:
            reference, hypothesis = chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx
            numbers[chunk.type] += max(reference, hypothesis)
        errors = (numbers["substitute"], numbers["delete"], numbers["insert"])
        found.append(Counts(len(left), *errors, utterances=1, wrong_utterances=int(any(errors))))
    return found


def counts_of_alignment(steps: Sequence[AlignedWord]) -> Counts:
    """Returns the word errors that an alignment of one utterance tells."""
    kinds = [step.kind for step in steps]
    errors = (kinds.count("substitute"), kinds.count("delete"), kinds.count("insert"))
    reference = len(kinds) - errors[2]
    return Counts(reference, *errors, utterances=1, wrong_utterances=int(any(errors)))
