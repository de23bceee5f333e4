"""Which alphabet is made of transcripts: scripts, signs, cases, digits, and languages without spaces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.alphabet import Alphabet
from model.errors import DataError
from pipeline.own_data.letters import find_letters, script_of

GREEK = ["Καλημέρα κόσμε, τι κάνεις;", "Το ψωμί είναι ζεστό σήμερα.", "Πάμε μαζί στη θάλασσα!"] * 20


def test_greek_is_made_of_its_own_letters():
    found = find_letters([*GREEK, "Δωμάτιο 7 με wifi"])
    assert found.alphabet == Alphabet("".join(sorted(set("καλημέρα κόσμε τι κάνεις το ψωμί είναι ζεστό σήμερα πάμε μαζί"
                                                         " στη θάλασσα δωμάτιο με") - {" "})))  # fmt: skip
    assert found.refused == {"i": 2, "7": 1, "f": 1, "w": 1}
    assert found.dropped == {",": 20, "!": 20, ".": 20, ";": 20}
    assert (found.language, found.language_known) == ("el", True)
    assert next(iter(found.scripts)) == "GREEK"
    assert {"δ", "ω"} & set(found.rare) == {"δ"}
    assert found.counts["ω"] == 21


def test_what_is_refused_is_what_ingest_calls_lost():
    texts = [*GREEK, "Δωμάτιο 7 με wifi", "5 € & 3%"]
    found = find_letters(texts)
    assert found.alphabet is not None
    assert set(found.refused) == {character for text in texts for character in found.alphabet.lost(text)}


@pytest.mark.parametrize(
    ("texts", "choices", "letters", "case", "language"),
    [
        (["IŞIK İyi", "ılık su"], {}, "iklsuyış", "lower_turkic", "und"),
        (["IRAK", "iyi"], {"language": "tr"}, "aikryı", "lower_turkic", "tr"),
        (["IRAK", "iyi"], {"language": "hu"}, "aikry", "lower", "hu"),
        (["Straße", "ÄÖÜ"], {"case": "upper"}, "AERSTÄÖÜ", "upper", "und"),
        (["Straße", "ÄÖÜ"], {"case": "keep"}, "SaertÄÖÜß", "keep", "und"),
        (["l'eau d'ici", "aujourd’hui"], {"language": "fr"}, "'acdehijloru", "lower", "fr"),
        (["пʼять", "об'їзд", "п’ять"] * 2, {}, "ʼбдзоптьїя", "lower", "und"),
        (["col·legi", "il·lusió"], {"language": "ca"}, "cegilosu·ó", "lower", "ca"),
        (["Ena 7", "dio 7"], {"keep_digits": True, "language": "xx"}, "7adeino", "lower", "xx"),
        (["aaa bbb", "ab c"], {"least_count": 2, "language": "xx"}, "ab", "lower", "xx"),
        (["می\u200cخواهم", "بروم"], {"language": "fa"}, "ابخرمهوی\u200c", "lower", "fa"),
        (["नमस्ते दुनिया।"], {}, "तदनमयस\u093e\u093f\u0941\u0947\u094d", "lower", "und"),
    ],
)
def test_the_letters_suit_the_language(texts, choices, letters, case, language):
    found = find_letters(texts, **choices)
    assert found.alphabet is not None
    assert sorted(found.alphabet.letters) == sorted(letters)
    assert (found.alphabet.case, found.language) == (case, language)


@pytest.mark.parametrize(
    ("texts", "case", "words"),
    [
        (
            ["IN İZMİR"] + ["Is this his city? It is."] * 20,
            "lower",
            "There are ı or İ in 2 places, too few for Turkish",
        ),
        (["ı"] + ["i"] * 20, "lower", "There are ı or İ in 1 place, too few"),
        (["ı"] + ["iI"] * 9 + ["i"], "lower_turkic", "Of the letters i, 5 % are ı or İ, so I becomes ı, as in Turkish"),
        (["I\u0307i"], "lower_turkic", "Of the letters i, 50 % are ı or İ"),
    ],
)
def test_a_name_makes_no_corpus_turkic(texts, case, words):
    found = find_letters(texts)
    assert found.alphabet is not None
    assert found.alphabet.case == case
    (warning,) = found.warnings
    assert warning.startswith(words)
    assert find_letters([*texts, "ı"], "de").warnings == ()


@pytest.mark.parametrize("language", ["en", "eng"])
def test_english_keeps_digits_and_leaves_rare_letters_out_where_that_is_asked_for(language):
    texts = ["Room 7 is it", "it is room 7 q"]
    found = find_letters(texts, language, keep_digits=True)
    assert found.alphabet == Alphabet("7imoqrst")
    assert (found.refused, found.language) == ({}, language)
    found = find_letters(texts, language, least_count=2)
    assert found.alphabet == Alphabet("imorst")
    assert found.refused == {"7": 2, "q": 1}
    assert find_letters(["it is"], keep_digits=True).notes == ()


def test_the_ideographic_zero_is_a_letter_of_chinese_and_japanese_alone():
    for texts, language in ((["二〇二六年"], "zh"), (["二〇二六年です"], "ja")):
        found = find_letters(texts)
        assert found.alphabet is not None
        assert "〇" in found.alphabet.letters
        assert (found.refused, found.language) == ({}, language)
    assert find_letters(["Дом 〇 Ⅳ"]).refused == {"〇": 1, "Ⅳ".lower(): 1}


@pytest.mark.parametrize(
    ("texts", "language", "parts_letters"),
    [
        (["今天天气很好，我们去公园。", "你好世界"], "zh", True),
        (["今天 天气 很 好", "我们 去 公园"], "zh", False),
        (["今日はいい天気です", "ラーメンを食べます"], "ja", True),
        (["สวัสดีครับวันนี้อากาศดี", "ไปเที่ยวทะเลกัน"], "th", True),
        (["สวัสดี ครับ วัน นี้", "ไป เที่ยว ทะเล กัน"], "th", False),
        (["오늘 날씨가 좋아요"], "ko", False),
        (["გამარჯობა მსოფლიო"], "ka", False),
    ],
)
def test_without_spaces_letters_are_counted(texts, language, parts_letters):
    found = find_letters(texts)
    assert (found.language, found.parts_letters) == (language, parts_letters)
    assert not found.refused
    assert any("errors are counted in characters" in note for note in found.notes) == parts_letters


def test_english_stays_as_librispeech_has_it():
    found = find_letters(["Hello there, it's me."])
    assert (found.alphabet, found.language) == (None, "en")
    assert "--language names another language" in found.notes[0]
    assert find_letters(["Habari ya asubuhi"], "sw").alphabet == Alphabet("abhirsuy")
    names = ["It is a café in Zürich."] + ["Hello there, it is me and nobody else."] * 50
    assert find_letters(names, "en").refused == {"é": 1, "ü": 1}
    (note,) = find_letters(names).notes
    assert "But for é ü, in 2 places, the letters are those of English; --language en leaves out" in note


def test_optional_marks_are_said():
    (note,) = find_letters(["مُحَمَّد يكتب", "كتب الولد"], "ar").notes
    assert note.startswith("4 optional marks (vowel points) are kept as letters; remove them from the texts")


@pytest.mark.parametrize("texts", [["... !", "7 8"], ["😀"], ["€"]])
def test_without_letters_there_is_no_alphabet(texts):
    with pytest.raises(DataError, match=rf"Transcripts must hold letters, and none of {len(texts)} does"):
        find_letters(texts)


def test_letters_that_are_all_too_rare_make_no_alphabet():
    with pytest.raises(DataError, match="none occurs 9 times; choose a lower --least-letter-count"):
        find_letters(["άβγ"], least_count=9)


def test_scripts():
    assert [script_of(character) for character in "aя字अ\u0301٣"] == ["LATIN", "CYRILLIC", "CJK", "DEVANAGARI", "", ""]


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.text(), min_size=1, max_size=5))
def test_of_any_texts_an_alphabet_is_made_that_refuses_what_is_said(texts):
    try:
        found = find_letters(texts)
    except DataError:
        return
    if found.alphabet is None:
        return
    lost = {character for text in texts for character in found.alphabet.lost(text)}
    assert lost == set(found.refused)
