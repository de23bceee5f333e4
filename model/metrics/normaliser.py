"""What is done to texts before they are compared: explicit, named, and known by its hash.

Two scores can be compared only where their normalisers have the same hash. The raw score, of the texts as they are,
stands beside the normalised one, so that nobody has to trust a normaliser.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal

from model.errors import UsageError

# Raise it when `TextNormaliser.__call__` gives other texts for the same settings, so that the hash changes.
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class TextNormaliser:
    """Brings a text to the form in which it is compared. Letters of every script are kept.

    Words are parted by one space in the end, whatever else is done.

    Attributes:
      name: What people call it.
      unicode_form: `NFC` joins letters with their accents, `NFKC` also makes plain letters of wide and joined ones;
        empty leaves them.
      folds_case: Whether capitals count as small letters; by Unicode's full case folding, so that «ß» is «ss».
      replacements: Pairs of what is replaced, in this order, after case folding.
      drops_punctuation: Whether punctuation and symbols (the Unicode categories P and S) become spaces.
      kept: Characters that stay although they are punctuation, between two letters or digits only.
      parts_letters: Whether each letter, with the marks that stand on it, counts as a word: for languages that are
        written without spaces, whose rate of word errors is one of characters.
    """

    name: str
    unicode_form: Literal["", "NFC", "NFKC"] = ""
    folds_case: bool = False
    replacements: tuple[tuple[str, str], ...] = ()
    drops_punctuation: bool = False
    kept: str = ""
    parts_letters: bool = False

    def __call__(self, text: str) -> str:
        """Returns the text in the form in which it is compared."""
        text = self._composed(text)
        if self.folds_case:
            # Folding takes some letters and their accents apart, and needs some apart before: Unicode, D145 and D146.
            text = self._composed(self._composed(self._parted(text).casefold()).casefold())
        for old, new in self.replacements:
            text = text.replace(old, new)
        if self.drops_punctuation:
            text = "".join(character if self._stays(text, index) else " " for index, character in enumerate(text))
        if self.parts_letters:
            # A mark may stand on another letter when the spaces have gone.
            return " ".join(_letters_of(self._composed("".join(text.split()))))
        return " ".join(text.split())

    @property
    def definition(self) -> dict[str, Any]:
        """All that decides what becomes of a text."""
        fields = dataclasses.asdict(self)
        del fields["name"]
        if not self.parts_letters:
            # So that the hashes of those that were there before are what they were.
            del fields["parts_letters"]
        return {"version": _VERSION, **fields, "replacements": [list(pair) for pair in self.replacements]}

    @property
    def sha256(self) -> str:
        """The hash of the definition (hex); the name does not count."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()

    def to_mapping(self) -> dict[str, Any]:
        """Returns name, hash and definition, as a report shows them."""
        return {"name": self.name, "sha256": self.sha256, "definition": self.definition}

    def _composed(self, text: str) -> str:
        return unicodedata.normalize(self.unicode_form, text) if self.unicode_form else text

    def _parted(self, text: str) -> str:
        return unicodedata.normalize("NFD", text) if self.unicode_form else text

    def _stays(self, text: str, index: int) -> bool:
        character = text[index]
        if unicodedata.category(character)[0] not in "PS":
            return True
        inside = 0 < index < len(text) - 1 and text[index - 1].isalnum() and text[index + 1].isalnum()
        return character in self.kept and inside


def _letters_of(text: str) -> list[str]:
    """Returns each letter with the marks and joiners that follow it."""
    letters: list[str] = []
    for character in text:
        if letters and (unicodedata.category(character)[0] == "M" or unicodedata.category(character) == "Cf"):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


_APOSTROPHES = (("\N{RIGHT SINGLE QUOTATION MARK}", "'"), ("\N{MODIFIER LETTER APOSTROPHE}", "'"))

NORMALISERS: Mapping[str, TextNormaliser] = types.MappingProxyType(
    {
        one.name: one
        for one in (
            TextNormaliser("none"),
            TextNormaliser("librispeech", unicode_form="NFC", folds_case=True, replacements=_APOSTROPHES),
            TextNormaliser(
                "unpunctuated",
                unicode_form="NFKC",
                folds_case=True,
                replacements=_APOSTROPHES,
                drops_punctuation=True,
                kept="'",
            ),
            TextNormaliser(
                "characters",
                unicode_form="NFKC",
                folds_case=True,
                replacements=_APOSTROPHES,
                drops_punctuation=True,
                parts_letters=True,
            ),
        )
    }
)
"""By name: `none` (whitespace alone); `librispeech` (case, composed letters, the typographic apostrophe);
`unpunctuated`, which also drops punctuation, for systems that write it; and `characters`, which does that and makes a
word of each letter."""


def get_normaliser(name: str) -> TextNormaliser:
    """Returns a normaliser by its name.

    Raises:
      UsageError: there is none of this name.
    """
    try:
        return NORMALISERS[name]
    except KeyError:
        raise UsageError(f"A normaliser must be one of {', '.join(NORMALISERS)}, not {name!r}; name one.") from None
