"""Vocabulary, normal form, greedy decoding."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import CheckpointError
from model.text import Vocabulary, librispeech_vocabulary, normalise_english

VOCABULARY = librispeech_vocabulary()


def test_the_published_ids():
    ids = VOCABULARY.to_mapping()
    assert [ids[token] for token in ("<pad>", "<s>", "</s>", "<unk>", "|", "E", "T", "A", "'", "Z")] == [
        0, 1, 2, 3, 4, 5, 6, 7, 27, 31,
    ]  # fmt: skip
    assert VOCABULARY.blank_id == 0


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([], ""),
        ([0, 0, 0], ""),
        ([11, 11, 5, 0, 15, 15, 0, 15, 8], "HELLO"),
        ([4, 4, 7, 4, 0, 4, 22, 4], "A Y"),
        ([1, 7, 2, 3, 7], "AA"),
    ],
)
def test_greedy_decoding_collapses_repeats_and_drops_blanks(tokens, text):
    assert VOCABULARY.decode_greedy(tokens) == text


@given(st.text(alphabet="ABCXYZ' ", max_size=40))
def test_what_is_encoded_is_decoded(text):
    normal = normalise_english(text)
    labels = VOCABULARY.encode(normal)
    assert VOCABULARY.decode_labels(labels) == normal
    # A blank between any two labels is a path of every text.
    assert VOCABULARY.decode_greedy([token for label in labels for token in (label, 0)]) == normal


@given(st.text(max_size=60))
def test_the_normal_form_is_stable_and_holds_known_letters_only(text):
    normal = normalise_english(text)
    assert normalise_english(normal) == normal
    assert set(normal) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ")
    assert "  " not in normal
    assert normal == normal.strip()


def test_the_normal_form_of_a_sentence():
    assert normalise_english("It’s  «five o'clock»,\tshe\nsaid.") == "IT'S FIVE O'CLOCK SHE SAID"


def test_a_letter_that_is_no_token_is_unknown():
    assert VOCABULARY.encode("AÉ B") == [7, 3, 4, 24]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"<pad>": 0, "A": 2}, r"must be 0 to 1, each once, not \[0, 2\]"),
        ({"<pad>": 0, "A": 1.0}, r"must be 0 to 1, each once, not \[0, 1.0\]"),
        ({"<pad>": 0, "A": True}, r"must be 0 to 1, each once, not \[0, True\]"),
        ({"A": -1, "<pad>": 0}, r"must be 0 to 1, each once, not \[-1, 0\]"),
        ({chr(65 + n): n + 1 for n in range(20)}, r"must be 0 to 19, each once, not \[1, 2, .*, 10, …\]"),
        ({"A": 0, "B": 1}, r"must hold the token '<pad>', the CTC blank"),
    ],
)
def test_a_vocabulary_with_gaps_or_no_blank_is_refused(mapping, message):
    with pytest.raises(CheckpointError, match=message):
        Vocabulary.from_mapping(mapping)


def test_a_file_that_is_no_vocabulary_is_refused(tmp_path):
    (tmp_path / "vocab.json").write_text("[1, 2]")
    with pytest.raises(CheckpointError, match=r"vocab.json must be a vocabulary, a JSON object of id by token"):
        Vocabulary.from_file(tmp_path / "vocab.json")
    with pytest.raises(CheckpointError, match="must be a vocabulary"):
        Vocabulary.from_file(tmp_path / "none.json")
    for content in ("", "{", '{"a": "b", "c": 1}', '{"a": null, "b": 1}', "[" * 100_000, "\x00"):
        (tmp_path / "vocab.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"vocab.json must be a vocabulary, a JSON object of id by token"):
            Vocabulary.from_file(tmp_path / "vocab.json")


def test_a_vocabulary_comes_back_from_its_file(tmp_path):
    vocabulary = Vocabulary(("é", "|", "<unk>", "<pad>", "ß"), blank_id=3)
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary.to_mapping(), ensure_ascii=False), encoding="utf-8")
    assert Vocabulary.from_file(tmp_path / "vocab.json") == vocabulary


@pytest.mark.parametrize(
    ("tokens", "blank_id", "message"),
    [
        (("<pad>", "a", "a"), 0, "must hold each token once; it holds one twice"),
        (("<pad>", "a"), 2, "The CTC blank must be one of 2 tokens, not number 2"),
        (("<pad>", "a"), -1, "The CTC blank must be one of 2 tokens, not number -1"),
        ((), 0, "The CTC blank must be one of 0 tokens, not number 0"),
    ],
)
def test_an_impossible_vocabulary_is_refused(tokens, blank_id, message):
    with pytest.raises(CheckpointError, match=message):
        Vocabulary(tokens, blank_id)


def test_a_blank_at_the_end_and_special_tokens_add_no_text():
    vocabulary = Vocabulary(("a", "b", "|", "<unk>", "<s>", "<", "<pad>"), blank_id=6)
    assert vocabulary.decode_greedy([6, 0, 0, 6, 0, 2, 2, 1, 3, 4, 5, 6]) == "aa b<"
    assert vocabulary.encode("ab c") == [0, 1, 2, 3]
    assert Vocabulary(("<pad>", "a")).encode("ab") == [1, 0]


def test_a_vocabulary_that_cannot_spell_the_transcripts_is_refused():
    VOCABULARY.require_letters("ABC' ", "x")
    small = Vocabulary.from_mapping({token.lower(): index for index, token in enumerate(VOCABULARY.tokens)})
    with pytest.raises(CheckpointError, match=r"The vocabulary of small must spell .* no tokens of it: A B;"):
        small.require_letters("AB' ", "small")
    with pytest.raises(CheckpointError, match="or train in a run of w2v2 whose configuration sets checkpoint.new_head"):
        small.require_letters("A", "the SavedModel")
    with pytest.raises(CheckpointError, match=r"no tokens of it: \|;"):
        Vocabulary(("<pad>", "A")).require_letters("A ", "x")
