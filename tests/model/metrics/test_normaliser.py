"""What is done to texts before they are compared, and that its hash tells of every change."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import UsageError
from model.metrics import NORMALISERS, TextNormaliser, get_normaliser


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("none", "  Don’t\tSTOP \n now. ", "Don’t STOP now."),
        ("none", "Cafe\u0301", "Cafe\u0301"),
        ("librispeech", "  Don’t\tSTOP  now.", "don't stop now."),
        ("librispeech", "CAFE\u0301", "café"),
        ("librispeech", "STRASSE straße", "strasse strasse"),
        ("librispeech", "ŘEKA Šumí", "řeka šumí"),
        ("librispeech", "ΌΔΟΣ όδος", "όδοσ όδοσ"),
        ("librispeech", "МОСКВА", "москва"),
        ("librispeech", "東京 です", "東京 です"),
        ("unpunctuated", "«Don't», he said -- 'stop'!", "don't he said stop"),
        ("unpunctuated", "Rock'n'roll, ’tis", "rock'n'roll tis"),
        ("unpunctuated", "twenty-one €5 3.5", "twenty one 5 3 5"),
        ("unpunctuated", "Ｈｅｌｌｏ ﬁn", "hello fin"),
        ("unpunctuated", "¿Qué? ¡Sí!", "qué sí"),
        ("unpunctuated", "हिन्दी में", "हिन्दी में"),
        ("unpunctuated", "...", ""),
        ("librispeech", "", ""),
    ],
)
def test_by_hand(name, text, expected):
    assert get_normaliser(name)(text) == expected


@pytest.mark.parametrize("name", NORMALISERS)
@settings(deadline=None)
@given(st.text())
def test_what_is_normalised_stays_as_it_is(name, text):
    normalise = get_normaliser(name)
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


def test_the_hash_is_of_the_definition_and_not_of_the_name():
    hashes = {one.sha256 for one in NORMALISERS.values()}
    assert len(hashes) == len(NORMALISERS) == 4
    ours = NORMALISERS["librispeech"]
    assert ours.sha256 == "7e07443a355fc436b0a983616640f3294a1526653a2b3f993e921d1970578cd7"
    assert dataclasses.replace(ours, name="mine").sha256 == ours.sha256
    for change in (
        {"unicode_form": "NFKC"},
        {"folds_case": False},
        {"replacements": ()},
        {"drops_punctuation": True},
        {"kept": "-"},
    ):
        assert dataclasses.replace(ours, **change).sha256 != ours.sha256, change


def test_a_report_shows_name_hash_and_definition():
    assert TextNormaliser("mine", folds_case=True).to_mapping() == {
        "name": "mine",
        "sha256": TextNormaliser("other", folds_case=True).sha256,
        "definition": {
            "version": 1,
            "unicode_form": "",
            "folds_case": True,
            "replacements": [],
            "drops_punctuation": False,
            "kept": "",
        },
    }


def test_a_name_that_is_none():
    with pytest.raises(
        UsageError,
        match=r"A normaliser must be one of none, librispeech, unpunctuated, characters, not 'x'; name one\.",
    ):
        get_normaliser("x")


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("今天，天气 很好。", "今 天 天 气 很 好"),
        ("नमस्ते", "न म स् ते"),
        ("ก็ดี", "ก็ ดี"),
        ("Ａｂ c", "a b c"),
        ("", ""),
    ],
)
def test_each_letter_with_its_marks_is_a_word(text, letters):
    assert get_normaliser("characters")(text) == letters


def test_the_hashes_of_before_are_what_they_were():
    """Scores with the same hash compare, also with those of earlier versions."""
    assert {name: one.sha256[:12] for name, one in NORMALISERS.items() if name != "characters"} == {
        "none": "29e10180c72b",
        "librispeech": "7e07443a355f",
        "unpunctuated": "8b9a82d77276",
    }
