"""From the best token of each frame to words with times."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from model.text import Vocabulary, text_of_token
from model.word import Word

# A letter that is heard with less, by a rounding, would make the logarithm infinite.
_SMALLEST = 1e-10


def best_tokens(logits: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns what greedy decoding needs of logits.

    Args:
      logits: float `[frames, vocab]`.

    Returns:
      The best token of each frame, int64 `[frames]`, and its probability, float32 `[frames]`.
    """
    tokens = logits.argmax(axis=-1)
    largest = logits.max(axis=-1)
    # Of the best token, the softmax has 1 above the line.
    probabilities = 1.0 / np.exp(logits - largest[:, np.newaxis], dtype=np.float32).sum(axis=-1)
    return tokens, probabilities.astype(np.float32)


def words_of(
    tokens: np.ndarray[Any, Any],
    probabilities: np.ndarray[Any, Any],
    vocabulary: Vocabulary,
    seconds_per_frame: float,
    duration_seconds: float = math.inf,
) -> tuple[Word, ...]:
    """Returns the words of the best tokens: repeats collapsed, blanks dropped, as `Vocabulary.decode_greedy` has them.

    A word begins with the first frame of its first letter and ends with the last frame of its last letter. CTC is free
    to put a letter a few frames from where it sounds.

    Args:
      tokens: int `[frames]`.
      probabilities: float `[frames]`, of those tokens.
      vocabulary: What the tokens mean.
      seconds_per_frame: From the beginning of a frame to that of the next.
      duration_seconds: Of the recording; no word ends later.
    """
    if not len(tokens):
        return ()
    starts = np.flatnonzero(np.concatenate([[True], tokens[1:] != tokens[:-1]]))
    ends = np.append(starts[1:], len(tokens))
    surest = np.maximum.reduceat(probabilities, starts)
    words: list[Word] = []
    letters: list[tuple[str, int, int, float]] = []

    def end_word() -> None:
        if letters:
            logarithms = [math.log(max(sure, _SMALLEST)) for _, _, _, sure in letters]
            words.append(
                Word(
                    text="".join(text for text, _, _, _ in letters),
                    start_seconds=round(min(letters[0][1] * seconds_per_frame, duration_seconds), 3),
                    end_seconds=round(min(letters[-1][2] * seconds_per_frame, duration_seconds), 3),
                    confidence=round(math.exp(sum(logarithms) / len(logarithms)), 4),
                )
            )
            letters.clear()

    for start, end, sure in zip(starts.tolist(), ends.tolist(), surest.tolist(), strict=True):
        token = int(tokens[start])
        if token == vocabulary.blank_id:
            continue
        for place, part in enumerate(_parts(text_of_token(vocabulary.tokens[token]))):
            if place:
                end_word()
            if part:
                letters.append((part, start, end, sure))
    end_word()
    return tuple(words)


def _parts(text: str) -> list[str]:
    """Returns what stands between white space: one part for a letter, two empty ones for a space."""
    parts = [""]
    for letter in text:
        if letter.isspace():
            parts.append("")
        else:
            parts[-1] += letter
    return parts
