"""The text of the synthetic corpus."""

from __future__ import annotations

import functools
import random
from importlib import resources

_ANIMATE = "BIRD CAT CHILD DOCTOR DOG FARMER HORSE JUDGE SAILOR TEACHER".split()
_ADJECTIVES = "BLACK BLUE GREEN HAPPY LARGE OLD QUIET RED SMALL WHITE YELLOW YOUNG".split()
_VERBS = "BRINGS CARRIES FINDS FOLLOWS KNOWS LEAVES SEES WATCHES".split()
_NUMBERS = "TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN TWELVE".split()
_THINGS = "APPLES BOXES LETTERS STONES".split()
_PREPOSITIONS = "BEHIND NEAR UNDER WITH".split()
_PLACES = "BRIDGE CHURCH GARDEN HOUSE MARKET RIVER VALLEY".split()
_ADVERBS = "AGAIN ALWAYS NEVER OFTEN TODAY".split()
_DETERMINERS = "A EVERY THE".split()

# A slot is a list of words, one of which is drawn.
_PATTERNS = (
    (_DETERMINERS, _ADJECTIVES, _ANIMATE, _VERBS, _DETERMINERS, _ANIMATE),
    (_DETERMINERS, _ANIMATE, _VERBS, _DETERMINERS, _ADJECTIVES, _ANIMATE, _PREPOSITIONS, _DETERMINERS, _PLACES),
    (_DETERMINERS, _ANIMATE, _ADVERBS, _VERBS, _NUMBERS, _ADJECTIVES, _THINGS),
    (_NUMBERS, _THINGS, _PREPOSITIONS, _DETERMINERS, _ADJECTIVES, _PLACES),
    (_DETERMINERS, _ADJECTIVES, _ANIMATE, _ADVERBS, _VERBS, _NUMBERS, _THINGS, _PREPOSITIONS, _DETERMINERS, _PLACES),
)

GRAMMAR_WORDS = frozenset(word for pattern in _PATTERNS for slot in pattern for word in slot)


def grammar_sentence(source: random.Random) -> str:
    """Returns a sentence of the grammar, 6 to 10 words."""
    return " ".join(source.choice(slot) for slot in source.choice(_PATTERNS))


def broad_sentence(source: random.Random) -> str:
    """Returns 3 to 7 common words in random order, at least one of which is no word of the grammar.

    So no such sequence is a sentence of the grammar, whatever is drawn.
    """
    words = broad_words()
    while True:
        chosen = [source.choice(words) for _ in range(source.randint(3, 7))]
        if not GRAMMAR_WORDS.issuperset(chosen):
            return " ".join(chosen)


@functools.cache
def broad_words() -> tuple[str, ...]:
    """Returns the common words, sorted: A–Z and the apostrophe."""
    text = resources.files("beam_jobs.synthetic_corpus").joinpath("broad_words.txt").read_text(encoding="utf-8")
    return tuple(text.split())
