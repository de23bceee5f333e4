"""The letters of a person's transcripts, and the alphabet that is made of them.

The script of a letter is the first word of its Unicode name, which tells the scripts apart that people write in.
"""

from __future__ import annotations

import collections
import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

from model.alphabet import Alphabet, folded, is_part_of_letter, is_punctuation, is_spoken, is_without_width
from model.errors import DataError
from model.text import ENGLISH_LETTERS

# ISO 639 codes of languages with ı and İ.
_TURKIC = {"tr", "tur", "az", "aze", "azj", "crh", "gag"}
# Of all letters i, with and without a dot, ı and İ are more than a third in Turkish; a name or two is no Turkish.
_TURKIC_SHARE = 0.05
ENGLISH_CODES = ("en", "eng")
# A script that has fewer letters than this share is one of foreign words.
_MAIN_SHARE = 0.05
# With fewer other letters than this share, a text may be English with names in it.
_FOREIGN_SHARE = 0.005
_JAPANESE_OR_CHINESE = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}
# 〇, the zero of numbers that are written as words: Unicode takes it for a number.
_IDEOGRAPHIC_ZERO = "\N{IDEOGRAPHIC NUMBER ZERO}"
# Written without a space between words; where somebody has put spaces there, they are kept.
_WITHOUT_SPACES = {*_JAPANESE_OR_CHINESE, "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE"}
_LONGEST_WORDS, _LONGEST_CHINESE_WORDS = 8.0, 4.0
# Marks and modifiers that any script has.
_COMMON = {"COMBINING", "MODIFIER", "VARIATION"}
# Signs that are a part of words: the apostrophe, Catalan's point and Hebrew's geresh and gershayim.
_APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
_WORD_SIGNS = f"{_APOSTROPHES}\N{MIDDLE DOT}\N{HEBREW PUNCTUATION GERESH}\N{HEBREW PUNCTUATION GERSHAYIM}"
_LEAST_SIGNS = 2
_ZWNJ = "\N{ZERO WIDTH NON-JOINER}"
# Persian and its like write it within words; in other scripts it chooses how letters look.
_ZWNJ_SCRIPT = "ARABIC"
_ZWNJ_SHARE = 0.01
RARE = 5
_LANGUAGE_BY_SCRIPT = {
    "ARMENIAN": "hy", "ETHIOPIC": "am", "GEORGIAN": "ka", "GREEK": "el", "GUJARATI": "gu", "GURMUKHI": "pa",
    "HANGUL": "ko", "HEBREW": "he", "KANNADA": "kn", "KHMER": "km", "LAO": "lo", "MALAYALAM": "ml", "MYANMAR": "my",
    "ORIYA": "or", "SINHALA": "si", "TAMIL": "ta", "TELUGU": "te", "THAANA": "dv", "THAI": "th", "TIBETAN": "bo",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Letters:
    """What transcripts are made of.

    Attributes:
      alphabet: The letters that are kept; None for English as LibriSpeech has it.
      counts: How often each kept letter occurs.
      refused: How often a character occurs that is spoken and is not kept; transcripts with it are left out.
      dropped: How often a sign of punctuation occurs, which leaves nothing behind.
      scripts: How many letters each script has, the most frequent first.
      language: The ISO 639 code that was given, or that the script tells; `und` where it does not.
      language_known: Whether it was given, or the script tells it.
      notes: What a person should know, in sentences.
      warnings: What was guessed, and spoils the letters where the guess is wrong.
    """

    alphabet: Alphabet | None
    counts: Mapping[str, int]
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    scripts: Mapping[str, int]
    language: str
    language_known: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def rare(self) -> dict[str, int]:
        """Kept letters that occur too seldom to be learned well."""
        return {letter: count for letter, count in self.counts.items() if count < RARE}

    @property
    def parts_letters(self) -> bool:
        """Whether words cannot be counted, because no space parts them."""
        return self.alphabet is not None and not self.alphabet.word_spaces


def find_letters(
    texts: Sequence[str],
    language: str = "",
    case: Literal["lower", "upper", "keep", "lower_turkic", ""] = "",
    least_count: int = 1,
    keep_digits: bool = False,
) -> Letters:
    """Makes an alphabet of transcripts.

    The letters of the main scripts are kept; those of scripts that have fewer than one letter in twenty, and digits,
    are refused: a word in them is not spelt as it is spoken, and a few are not enough to learn from. English keeps the
    letters that LibriSpeech has, unless digits are asked for, or that rare letters go.

    Args:
      texts: The transcripts, as they are.
      language: Its ISO 639 code; empty where nobody says.
      case: As `Alphabet.case`; empty for what suits the language, small letters.
      least_count: Letters that occur less often are refused.
      keep_digits: Whether digits are letters.

    Raises:
      DataError: no text has a letter.
    """
    notes: list[str] = []
    warnings: list[str] = []
    chosen = case or _case(texts, language, warnings)
    forms = [folded("".join(c for c in text if c == _ZWNJ or not is_without_width(c)), chosen, "NFC") for text in texts]
    counts = collections.Counter(character for text in forms for character in text)
    spoken = {c: n for c, n in counts.items() if is_spoken(c) or is_part_of_letter(c)}
    scripts = _scripts(spoken)
    if not scripts:
        raise DataError(
            f"Transcripts must hold letters, and none of {len(texts):,} does; look whether the column"
            " of the texts is the right one."
        )
    main = _main(scripts)
    kept = {c for c, n in spoken.items() if n >= least_count and _is_kept(c, main, keep_digits)}
    if not kept:
        raise DataError(
            f"An alphabet must have a letter, and none occurs {least_count} times; choose a lower --least-letter-count."
        )
    english = set(ENGLISH_LETTERS.lower())
    others = sum(n for c, n in spoken.items() if c in kept - english)
    as_they_are = least_count == 1 and not keep_digits
    if as_they_are and chosen == "lower" and (language in ENGLISH_CODES or not (language or others)):
        return _english(counts, spoken, scripts, language, notes)
    if as_they_are and not language and 0 < others < _FOREIGN_SHARE * sum(spoken.values()):
        notes.append(
            f"But for {' '.join(sorted(kept - english))}, in {others:,} places, the letters are those of English;"
            " --language en leaves out the transcripts with others."
        )
    signs = _word_signs(forms)
    # One apostrophe stands for all.
    kept = (kept - set(_APOSTROPHES)) | signs
    if _needs_zwnj(forms, main):
        kept.add(_ZWNJ)
        notes.append("The zero-width non-joiner (U+200C) stands within words, and is kept as a letter.")
    has_spaces = not (main & _WITHOUT_SPACES) or _is_parted(forms, main)
    if not has_spaces:
        notes.append("No spaces part the words: errors are counted in characters, and spaces are not learned.")
    if vowels := sum(n for c, n in spoken.items() if c in kept and _is_optional_mark(c)):
        notes.append(
            f"{vowels:,} optional marks (vowel points) are kept as letters; remove them from the texts if they stand in"
            " some words only."
        )
    alphabet = Alphabet("".join(sorted(kept)), case=chosen, word_spaces=has_spaces)
    told, known = _language(language, scripts, main)
    return Letters(
        alphabet=alphabet,
        counts={letter: counts[letter] for letter in alphabet.letters},
        refused=_sorted({c: n for c, n in spoken.items() if c not in kept}),
        dropped=_sorted({c: n for c, n in counts.items() if is_punctuation(c) and c not in spoken and c not in signs}),
        scripts=scripts,
        language=told,
        language_known=known,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def script_of(character: str) -> str:
    """Returns the script of a letter or a mark, in capitals; the empty text for what every script has."""
    script = unicodedata.name(character, "UNKNOWN").split(" ", 1)[0]
    return "" if script in _COMMON or unicodedata.category(character)[0] == "N" else script


def _case(texts: Sequence[str], language: str, warnings: list[str]) -> Literal["lower", "lower_turkic"]:
    if language in _TURKIC:
        return "lower_turkic"
    if language:
        return "lower"
    counts = collections.Counter(character for text in texts for character in unicodedata.normalize("NFC", text))
    turkic = counts["ı"] + counts["İ"]
    share = turkic / max(1, turkic + counts["i"] + counts["I"])
    if share >= _TURKIC_SHARE:
        warnings.append(
            f"Of the letters i, {100 * share:.0f} % are ı or İ, so I becomes ı, as in Turkish; --language says"
            " otherwise."
        )
        return "lower_turkic"
    if turkic:
        warnings.append(
            f"There are ı or İ in {turkic:,} place{'' if turkic == 1 else 's'}, too few for Turkish, so I becomes i;"
            " --language tr says otherwise."
        )
    return "lower"


def _scripts(spoken: Mapping[str, int]) -> dict[str, int]:
    found: collections.Counter[str] = collections.Counter()
    for character, count in spoken.items():
        if unicodedata.category(character)[0] in "LM" and (script := script_of(character)):
            found[script] += count
    return dict(found.most_common())


def _main(scripts: Mapping[str, int]) -> set[str]:
    total = sum(scripts.values())
    together = sum(count for script, count in scripts.items() if script in _JAPANESE_OR_CHINESE)
    main = {script for script, count in scripts.items() if count >= _MAIN_SHARE * total}
    return main | _JAPANESE_OR_CHINESE if together >= _MAIN_SHARE * total else main


def _is_kept(character: str, main: set[str], keep_digits: bool) -> bool:
    category = unicodedata.category(character)
    if category == "Nd":
        return keep_digits
    if character == _IDEOGRAPHIC_ZERO:
        return main >= _JAPANESE_OR_CHINESE
    if category[0] not in "LM":
        return False
    script = script_of(character)
    return script in main or not script


def _english(
    counts: Mapping[str, int], spoken: Mapping[str, int], scripts: Mapping[str, int], language: str, notes: list[str]
) -> Letters:
    letters = ENGLISH_LETTERS.strip()
    if not language:
        notes.append("The letters are those of English; --language names another language that has no others.")
    return Letters(
        alphabet=None,
        counts={letter: counts.get(letter.lower(), 0) for letter in letters if counts.get(letter.lower())},
        refused=_sorted({c: n for c, n in spoken.items() if c.upper() not in letters}),
        dropped=_sorted({c: n for c, n in counts.items() if is_punctuation(c) and c not in spoken and c not in "'’"}),
        scripts=scripts,
        language="en",
        language_known=True,
        notes=tuple(notes),
    )


def _word_signs(texts: Sequence[str]) -> set[str]:
    """Returns the signs that stand between letters; of two apostrophes the more frequent one, which both become."""
    inside: collections.Counter[str] = collections.Counter()
    for text in texts:
        for left, sign, right in zip(text, text[1:], text[2:], strict=False):
            if sign in _WORD_SIGNS and left.isalpha() and right.isalpha():
                inside[sign] += 1
    found = {sign for sign, count in inside.items() if count >= _LEAST_SIGNS}
    apostrophes = [sign for sign, _ in inside.most_common() if sign in _APOSTROPHES]
    together = sum(inside[sign] for sign in apostrophes)
    return (found - set(_APOSTROPHES)) | set(apostrophes[:1] if together >= _LEAST_SIGNS else ())


def _needs_zwnj(texts: Sequence[str], main: set[str]) -> bool:
    return _ZWNJ_SCRIPT in main and sum(_ZWNJ in text for text in texts) >= _ZWNJ_SHARE * len(texts)


def _is_parted(texts: Sequence[str], main: set[str]) -> bool:
    """Tells whether somebody has put spaces between words, in a script that has none."""
    words = [text.split() for text in texts if text.strip()]
    parted = sum(len(one) > 1 for one in words)
    mean_length = sum(map(len, texts)) / sum(map(len, words))
    longest = _LONGEST_CHINESE_WORDS if main & _JAPANESE_OR_CHINESE else _LONGEST_WORDS
    return parted >= len(words) / 2 and mean_length <= longest


def _is_optional_mark(character: str) -> bool:
    name = unicodedata.name(character, "")
    return unicodedata.category(character) == "Mn" and name.startswith(("ARABIC", "HEBREW"))


def _language(language: str, scripts: Mapping[str, int], main: set[str]) -> tuple[str, bool]:
    if language:
        return language, True
    if main >= _JAPANESE_OR_CHINESE:
        return ("ja" if scripts.keys() & {"HIRAGANA", "KATAKANA"} else "zh"), True
    told = {_LANGUAGE_BY_SCRIPT[script] for script in main if script in _LANGUAGE_BY_SCRIPT}
    return (told.pop(), True) if len(told) == 1 else ("und", False)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
