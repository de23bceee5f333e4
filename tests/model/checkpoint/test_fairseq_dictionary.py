"""fairseq's dictionaries as files: read as fairseq reads them, with the blank first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint.fairseq_dictionary import parse_fairseq_dictionary, read_fairseq_dictionary
from model.errors import CheckpointError
from model.text import LIBRISPEECH_TOKENS

LETTERS = LIBRISPEECH_TOKENS[4:]


def test_a_dictionary_file_is_read_as_fairseq_reads_it(tmp_path):
    path = tmp_path / "dict.ltr.txt"
    path.write_text("".join(f"{letter} {94802 - index}\n" for index, letter in enumerate(LETTERS)), encoding="utf-8")
    assert read_fairseq_dictionary(path) == LIBRISPEECH_TOKENS
    path.write_text("é 5\na b 4\nmadeupword0000 0\nx 1\nx 2 #fairseq:overwrite\n", encoding="utf-8")
    expected = ("<pad>", "<s>", "</s>", "<unk>", "é", "a b", "madeupword0000", "<overwritten_7>", "x")
    assert read_fairseq_dictionary(path) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A 5\nB 4\nA 3\n", "line 3 of .* repeats 'A'"),
        ("<unk> 5\n", "line 1 of .* repeats '<unk>'"),
        ("A" * 5000 + " 5\n" + "A" * 5000 + " 3\n", "line 2 of .* repeats 'AAA"),
        ("A\n", "Line 1 of"),
        ("A five\n", "Line 1 of"),
        ("A 5\n\nB 4\n", "Line 2 of"),
        (" 5\n", "Line 1 of"),
        ("A #fairseq:overwrite\n", "Line 1 of"),
        ("<pad> 5 #fairseq:overwrite\n", "must begin with <s>"),
        ("<s> 5 #fairseq:overwrite\n", "must begin with <s>"),
    ],
)
def test_a_dictionary_file_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "dict.ltr.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=message) as raised:
        read_fairseq_dictionary(path)
    assert len(str(raised.value)) < 500


def test_a_dictionary_file_must_be_text_that_is_there(tmp_path):
    with pytest.raises(CheckpointError, match="must be a dictionary of fairseq in UTF-8"):
        read_fairseq_dictionary(tmp_path / "dict.ltr.txt")
    (tmp_path / "dict.ltr.txt").write_bytes(b"\xff 5\n")
    with pytest.raises(CheckpointError, match="must be a dictionary of fairseq in UTF-8"):
        read_fairseq_dictionary(tmp_path / "dict.ltr.txt")


words = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=4).filter(
    lambda word: word not in LIBRISPEECH_TOKENS[:4]
)


@given(st.lists(words, unique=True, max_size=20))
def test_every_dictionary_keeps_its_order(symbols):
    tokens = parse_fairseq_dictionary([f"{symbol} {index}\n" for index, symbol in enumerate(symbols)], "dict.ltr.txt")
    assert tokens[:4] == ("<pad>", "<s>", "</s>", "<unk>")
    assert list(tokens[4:]) == symbols


@given(st.lists(st.one_of(st.text(), words.map(lambda word: f"{word} 1 #fairseq:overwrite")), max_size=6))
def test_no_dictionary_does_more_than_be_refused(lines):
    try:
        tokens = parse_fairseq_dictionary(lines, "dict.ltr.txt")
    except CheckpointError:
        return
    assert len(tokens) == 4 + len(lines)
    assert len(set(tokens)) == len(tokens)
