"""The letters of a language: how a transcript is brought to them, and the vocabulary of a CTC head that spells them.

A letter is a code point here, as a token of the published checkpoints is: a letter of Devanagari and the vowel sign
that stands on it are two. Sources of the rules: the Unicode Standard, chapter 3 (default case conversion, with the
final sigma), annex 15 (NFC and NFKC) and SpecialCasing.txt (the Turkic i without and with a dot).
"""

from __future__ import annotations

import dataclasses
import functools
import types
import unicodedata
from collections.abc import Mapping
from typing import Literal

from model.settings import require
from model.text import PAD_TOKEN, UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, Vocabulary

# Signs that are spoken; letters, digits and currencies are known by their Unicode category.
_SPOKEN_SIGNS = "%&@+="
# Of the same sound, and typed one for another. A letter in this table may be written as any other of its row.
_TWINS = ("'\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}＇", "-\N{HYPHEN}\N{NON-BREAKING HYPHEN}")
# Lengthens a word on paper, and says nothing.
_TATWEEL = "\N{ARABIC TATWEEL}"
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
# A Turkic I has no dot, and İ has one; elsewhere the small form of I is i.
_TURKIC_SMALL = str.maketrans({"I": "ı", "İ": "i"})


@dataclasses.dataclass(frozen=True)
class Alphabet:
    """The letters that transcripts are made of, and how a text is brought to them.

    A text is composed (`form`), its case is changed (`case`), what is no letter of the alphabet becomes a space, and
    words are parted by one space. A sign of punctuation that is a letter of the alphabet, such as the apostrophe, stays
    between two letters and nowhere else. Characters without a width (joiners, marks of direction, the Arabic tatweel)
    are left out without parting a word, unless they are letters of the alphabet.

    Attributes:
      letters: Every character that a transcript may hold, in its normal form, the space aside; in the order of the
        vocabulary. Digits are as any other.
      case: `lower`, `upper`, or `keep`; `lower_turkic` makes ı of I and i of İ, as Turkish and Azerbaijani have it.
      form: `NFC` joins letters with their accents; `NFKC` also makes plain letters of wide and joined ones.
      word_spaces: Whether a space parts words; without, as in Chinese, spaces and punctuation leave nothing behind.
    """

    letters: str
    case: Literal["lower", "upper", "keep", "lower_turkic"] = "lower"
    form: Literal["NFC", "NFKC"] = "NFC"
    word_spaces: bool = True

    def __post_init__(self) -> None:
        cases = ("lower", "upper", "keep", "lower_turkic")
        require(self.case in cases, f"alphabet.case must be one of {', '.join(map(repr, cases))}, not {self.case!r}.")
        require(self.form in ("NFC", "NFKC"), f"alphabet.form must be 'NFC' or 'NFKC', not {self.form!r}.")
        require(bool(self.letters), "alphabet.letters must hold every letter of the transcripts; it is empty.")
        for letter in self.letters:
            require(
                letter != WORD_DELIMITER_TOKEN and unicodedata.category(letter) not in ("Cc", "Cs", "Zs", "Zl", "Zp"),
                f"alphabet.letters must be characters that are written, without spaces and {WORD_DELIMITER_TOKEN!r},"
                f" which stands for the space, not {letter!r}.",
            )
            normal = folded(letter, self.case, self.form)
            require(
                normal == letter,
                f"alphabet.letters must be in the normal form that alphabet.case {self.case!r} and alphabet.form"
                f" {self.form!r} give, and {letter!r} would be {normal!r}; write that.",
            )
        doubles = sorted(letter for letter in set(self.letters) if self.letters.count(letter) > 1)
        require(not doubles, f"alphabet.letters must hold each letter once, not {' '.join(doubles)} twice.")

    def __call__(self, text: str) -> str:
        """Returns the text in its normal form; what is no letter of the alphabet is gone."""
        words = self._words(text)
        if self.word_spaces:
            return " ".join(words)
        # What stood apart may be one letter when the spaces have gone.
        return "".join(self._words("".join(words)))

    def lost(self, text: str) -> list[str]:
        """Returns what is spoken, or is a part of a letter, and is no letter of the alphabet; each once, sorted."""
        found = set(self._composed(text)) - self._members
        return sorted(character for character in found if is_spoken(character) or is_part_of_letter(character))

    def vocabulary(self) -> Vocabulary:
        """Returns the tokens of a CTC head: the special ones of the published checkpoints, then the letters."""
        return Vocabulary((PAD_TOKEN, "<s>", "</s>", UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, *self.letters))

    @property
    def spelt(self) -> str:
        """All characters of a transcript in its normal form: the letters, and the space where it parts words."""
        return f"{self.letters} " if self.word_spaces else self.letters

    @property
    def _members(self) -> frozenset[str]:
        return frozenset(self.letters)

    @property
    def _signs(self) -> frozenset[str]:
        return frozenset(letter for letter in self.letters if is_punctuation(letter))

    def _words(self, text: str) -> list[str]:
        letters, signs = self._members, self._signs
        spaced = "".join(character if character in letters else " " for character in self._composed(text))
        return "".join(
            " " if character in signs and not _is_inside(spaced, index, letters - signs) else character
            for index, character in enumerate(spaced)
        ).split()

    def _composed(self, text: str) -> str:
        letters = self._members
        seen = "".join(one for one in text if one in letters or not is_without_width(one))
        composed = folded(seen, self.case, self.form)
        twins = _twins_of(self.letters)
        if not any(twin in composed for twin in twins):
            return composed
        # Within words only: a quotation mark has the form of an apostrophe.
        return "".join(
            twins[character] if character in twins and _is_between_letters(composed, index) else character
            for index, character in enumerate(composed)
        )


def folded(text: str, case: str, form: Literal["NFC", "NFKC"]) -> str:
    """Returns a text composed, and in one case.

    Args:
      text: Any.
      case: As `Alphabet.case`.
      form: As `Alphabet.form`.
    """
    composed = unicodedata.normalize(form, text)
    if case == "lower_turkic":
        composed = composed.translate(_TURKIC_SMALL)
    changed = composed if case == "keep" else composed.upper() if case == "upper" else composed.lower()
    return unicodedata.normalize(form, changed)


def is_spoken(character: str) -> bool:
    """Tells whether a character is heard: a letter, a digit, a currency, or such a sign as %."""
    if character == _TATWEEL:
        return False
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Sc" or character in _SPOKEN_SIGNS


def is_part_of_letter(character: str) -> bool:
    """Tells whether a character changes the letter that it stands on, or is one that this Python does not know yet."""
    category = unicodedata.category(character)
    return (category[0] == "M" or category in ("Cn", "Co")) and not is_without_width(character)


def is_without_width(character: str) -> bool:
    """Tells whether a character changes how others look and not what is said: a joiner, a mark of direction, a tatweel.

    It does not part a word.
    """
    chooses_look = any(ord(character) in selectors for selectors in _VARIATION_SELECTORS)
    return character == _TATWEEL or chooses_look or unicodedata.category(character) == "Cf"


def is_punctuation(character: str) -> bool:
    """Tells whether a character is punctuation or a symbol, the Unicode categories P and S."""
    return unicodedata.category(character)[0] in "PS"


@functools.lru_cache(maxsize=64)
def _twins_of(letters: str) -> Mapping[str, str]:
    """Returns the letter for each of its twins, where one of them alone is a letter of the alphabet."""
    found: dict[str, str] = {}
    for row in _TWINS:
        ours = [letter for letter in row if letter in letters]
        if len(ours) == 1:
            found |= {twin: ours[0] for twin in row if twin != ours[0]}
    return types.MappingProxyType(found)


def _is_inside(text: str, index: int, letters: frozenset[str]) -> bool:
    return 0 < index < len(text) - 1 and text[index - 1] in letters and text[index + 1] in letters


def _is_between_letters(text: str, index: int) -> bool:
    return (
        0 < index < len(text) - 1
        and unicodedata.category(text[index - 1])[0] in "LMN"
        and unicodedata.category(text[index + 1])[0] in "LMN"
    )
