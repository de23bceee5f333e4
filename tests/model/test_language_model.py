"""The words of ARPA files, and files that are none."""

import gzip

import pytest

from model.errors import DataError, UsageError
from model.language_model import read_words, require_spelling
from model.text import librispeech_vocabulary
from tests.arpa import write_arpa

WORDS = [("CAT", -1.0), ("HAT", -1.2), ("DON'T", -2.0)]


def test_words_are_read_without_the_marks(tmp_path):
    path = write_arpa(tmp_path / "lm.arpa", WORDS)
    assert read_words(path) == {"CAT", "HAT", "DON'T"}
    (tmp_path / "lm.gz").write_bytes(gzip.compress((tmp_path / "lm.arpa").read_bytes()))
    assert read_words(str(tmp_path / "lm.gz")) == {"CAT", "HAT", "DON'T"}


def test_unigrams_alone_have_no_weights(tmp_path):
    (tmp_path / "lm").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-1.0 A\n-1.0\tB\n\\end\\\n")
    assert read_words(str(tmp_path / "lm")) == {"A", "B"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"some words\n" * 2_000, r"must be a language model in the ARPA format, with the lines .*, and is none"),
        (b"", r"must be a language model in the ARPA format, with the lines"),
        (b"\\data\\\nngram 1=2\n", r"must be a language model in the ARPA format, with the lines"),
        (b"\\data\\\n\\1-grams:\n-1\tA\n", r"must be a whole language model, and ends among its unigrams"),
        (b"\\data\\\n\\1-grams:\n-1\n", r"must be a probability and a word, and line 3 of .* is '-1'; make it again"),
        (b"\\data\\\n\\1-grams:\n-1\t<s>\n\\end\\\n", r"must be a language model with words, and its"),
        (b"mmap lm http://kheafield.com/code\x00\xff\xfe", r"in UTF-8, and holds the byte 0xff; a binary of kenlm"),
        (b"\x1f\x8b\x08\x00broken", r"must be a file that can be read: .*; copy it again"),
        (gzip.compress(b"\\data\\\n" * 50, mtime=0)[:-12], r"must be a file that can be read: .*; copy it again"),
    ],
)
def test_what_is_no_language_model_is_said(tmp_path, content, message):
    (tmp_path / "lm.arpa").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_words(str(tmp_path / "lm.arpa"))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"A language model must be a file in the ARPA format, and .* is none; name"):
        read_words(str(tmp_path))


def test_words_must_be_spelt_with_the_vocabulary():
    vocabulary = librispeech_vocabulary()
    require_spelling({"CAT", "HAT", "NAÏVE"}, vocabulary, "lm")
    with pytest.raises(
        DataError,
        match=r"The words of lm must be written in capitals, .* 2 of 3 are not, such as cat, hat; make the language",
    ):
        require_spelling({"cat", "hat", "I"}, vocabulary, "lm")
    with pytest.raises(
        DataError, match=r"must be spelt with the letters of .* 2 of 2 are not, such as кот, шапка; name"
    ):
        require_spelling({"кот", "шапка"}, vocabulary, "lm")
