"""How often words and letters occur, in bounded memory, added up in any order.

Words are counted exactly as long as there are at most `MAX_WORDS` different ones. Beyond that, those are kept whose
hashes are the smallest, each with its exact count, and the number of different words is estimated from the largest hash
kept (Bar-Yossef et al. 2002, «Counting distinct elements in a data stream», algorithm 2). Which words are kept depends
on the words alone: a word among the smallest of all is among the smallest of each part in which it occurs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

# LibriSpeech's 960 hours have fewer than 90 000 different words.
MAX_WORDS = 200_000

_HASH_BITS = 64
# Counting in many texts at once is several times as fast as in one after the other.
_COUNTED_AT_ONCE = 256


class WordCounts:
    """Words and characters of transcripts.

    Attributes:
      max_words: So many different words are kept.
    """

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self.max_words = max_words
        self._beyond = False
        self._words: Counter[str] = Counter()
        self._characters: Counter[str] = Counter()
        self._waiting: list[str] = []

    def add(self, transcript: str) -> None:
        """Adds a transcript."""
        self._waiting.append(transcript)
        if len(self._waiting) >= _COUNTED_AT_ONCE:
            self._count()
            # Sorting out is dear, so it is done when there are twice as many as are kept.
            if len(self._words) > 2 * self.max_words:
                self._sort_out()

    def merged(self, other: WordCounts) -> WordCounts:
        """Returns the counts of both; the smaller `max_words` is kept to."""
        result = WordCounts(min(self.max_words, other.max_words))
        result._words = self.words + other.words
        result._characters = self.characters + other.characters
        result._beyond = self._beyond or other._beyond
        result._sort_out()
        return result

    @property
    def exact(self) -> bool:
        """Whether every word is kept."""
        self._settle()
        return not self._beyond

    @property
    def words(self) -> Counter[str]:
        """How often words occur: all words, or those that are kept."""
        self._settle()
        return self._words

    @property
    def characters(self) -> Counter[str]:
        """How often each character occurs, the space included."""
        self._settle()
        return self._characters

    @property
    def different_words(self) -> int:
        """How many there are, estimated where not all are kept."""
        if self.exact:
            return len(self._words)
        return round((self.max_words - 1) * 2**_HASH_BITS / max(map(_hash, self._words)))

    def top(self, count: int) -> dict[str, int]:
        """Returns the most frequent words, or nothing where not all are kept."""
        ranked = sorted(self.words.items(), key=lambda item: (-item[1], item[0]))
        return dict(ranked[:count]) if self.exact else {}

    def to_json(self) -> dict[str, Any]:
        """Returns all of it as JSON values; equal counts give equal values."""
        return {
            "max_words": self.max_words,
            "exact": self.exact,
            "words": dict(sorted(self.words.items())),
            "characters": dict(sorted(self.characters.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> WordCounts:
        """Returns the counts that `to_json` has given."""
        result = cls(value["max_words"])
        result._beyond = not value["exact"]
        result._words = Counter(value["words"])
        result._characters = Counter(value["characters"])
        return result

    def _settle(self) -> None:
        self._count()
        self._sort_out()

    def _count(self) -> None:
        if self._waiting:
            # With a blank between them, and that blank not counted as a letter.
            self._words.update(" ".join(self._waiting).split())
            self._characters.update("".join(self._waiting))
            self._waiting.clear()

    def _sort_out(self) -> None:
        if len(self._words) > self.max_words:
            kept = sorted(self._words, key=lambda word: (_hash(word), word))[: self.max_words]
            self._words = Counter({word: self._words[word] for word in kept})
            self._beyond = True


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=_HASH_BITS // 8).digest(), "big")
