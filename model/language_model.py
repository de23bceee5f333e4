"""The words of an n-gram language model in the ARPA format, and whether a model's vocabulary can spell them.

Source of the format: Doug Paul's, as the SRI Language Modeling Toolkit describes it (ngram-format).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from model.errors import DataError, UsageError
from model.text import WORD_DELIMITER_TOKEN, Vocabulary, text_of_token

# The first words of a file that is no language model would otherwise be looked for to its end.
_MAX_LINES_BEFORE_DATA = 1_000
_GZIP_MAGIC = b"\x1f\x8b"
# A word in angle brackets is none: <s>, </s>, <unk>.
_SHOWN_WORDS = 3


def read_words(path: str) -> set[str]:
    """Returns the words of a language model, without its marks for begin, end and unknown words.

    Args:
      path: A file in the ARPA format, plain or gzipped, in UTF-8.

    Raises:
      UsageError: there is no such file.
      DataError: it is no language model in the ARPA format, or has no word.
    """
    if not Path(path).is_file():
        raise UsageError(f"A language model must be a file in the ARPA format, and {path} is none; name another.")
    try:
        with _open(path) as lines:
            words = {word for word in _unigrams(lines, path) if not (word.startswith("<") and word.endswith(">"))}
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be a language model in the ARPA format, in UTF-8, and holds the byte"
            f" {error.object[error.start]:#04x}; a binary of kenlm is none: name the ARPA file that it was made from."
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} must be a file that can be read: {error}; copy it again.") from error
    if not words:
        raise DataError(f"{path} must be a language model with words, and its \\1-grams: hold none; make it again.")
    return words


def require_spelling(words: Collection[str], vocabulary: Vocabulary, path: str) -> None:
    """Checks that a vocabulary can spell at least half of a language model's words.

    Names and numbers may have other letters; words in the wrong case have none in common.

    Raises:
      DataError: it cannot.
    """
    letters = set("".join(text_of_token(token) for token in vocabulary.tokens if token != WORD_DELIMITER_TOKEN))
    foreign = sorted(word for word in words if not letters.issuperset(word))
    total = len(words)
    if 2 * len(foreign) <= total:
        return
    shown = ", ".join(foreign[:_SHOWN_WORDS])
    for name, change in (("capitals", str.upper), ("small letters", str.lower)):
        if 2 * sum(letters.issuperset(change(word)) for word in foreign) > len(foreign):
            raise DataError(
                f"The words of {path} must be written in {name}, as the model's vocabulary has them, and"
                f" {len(foreign):,} of {total:,} are not, such as {shown}; make the language model from text in {name}."
            )
    raise DataError(
        f"The words of {path} must be spelt with the letters of the model's vocabulary, and {len(foreign):,} of"
        f" {total:,} are not, such as {shown}; name a language model of the model's language."
    )


def _open(path: str) -> Any:
    with open(path, "rb") as file:
        is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return gzip.open(path, "rt", encoding="utf-8") if is_gzip else open(path, encoding="utf-8")


def _unigrams(lines: Iterable[str], path: str) -> Iterator[str]:
    """Yields the words of the section of unigrams: probability, word, and perhaps the weight of backing off."""
    place = "before"
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if place == "before":
            if text == "\\data\\":
                place = "data"
            elif number > _MAX_LINES_BEFORE_DATA:
                break
        elif place == "data":
            if text == "\\1-grams:":
                place = "unigrams"
        elif text.startswith("\\"):
            # The next section, or the end.
            return
        elif text:
            parts = text.split()
            if len(parts) not in (2, 3):
                raise DataError(
                    f"A unigram of a language model must be a probability and a word, and line {number} of {path} is"
                    f" {text[:60]!r}; make it again."
                )
            yield parts[1]
    if place != "unigrams":
        raise DataError(
            f"{path} must be a language model in the ARPA format, with the lines \\data\\ and \\1-grams:, and is none;"
            " name another file."
        )
    raise DataError(f"{path} must be a whole language model, and ends among its unigrams; copy it again.")
