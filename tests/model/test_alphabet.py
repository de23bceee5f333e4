"""Alphabets: what becomes of a text in any script, what is told to be lost, and the vocabulary."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.alphabet import Alphabet, is_part_of_letter, is_spoken
from model.errors import ConfigurationError
from model.settings import from_json, to_json

GREEK = Alphabet("αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋΐΰ'")
TURKISH = Alphabet("abcçdefgğhıijklmnoöprsştuüvyz'", case="lower_turkic")
HINDI = Alphabet("कखगघचछजतदनपबभमयरलवशसह" + "\u093e\u093f\u0940\u0941\u0942\u0947\u0948\u094b\u094c\u094d\u0902")
CHINESE = Alphabet("你好世界谢", word_spaces=False)
PERSIAN = Alphabet("ابپتخدرسشمنهوی\u200c")
UKRAINIAN = Alphabet("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя\N{MODIFIER LETTER APOSTROPHE}")
ALL = [GREEK, TURKISH, HINDI, CHINESE, PERSIAN, UKRAINIAN, Alphabet("ABCÄÖÜẞ'-", "upper"), Alphabet("aAbB·", "keep"),
       Alphabet("aeu\u0304ū", form="NFKC", word_spaces=False)]  # fmt: skip


@pytest.mark.parametrize(
    ("alphabet", "text", "normal"),
    [
        (GREEK, "Ο ΟΔΟΣ, «Καλημέρα»! τ’ όνομα — τ’όνομα", "ο οδος καλημέρα τ όνομα τ'όνομα"),
        (GREEK, unicodedata.normalize("NFD", "Καλημέρα ΐδια"), "καλημέρα ΐδια"),
        (GREEK, "\ufeffκαλη\u00adμέ\u200bρα\u202c", "καλημέρα"),
        (TURKISH, "IŞIK İstanbul’da", "ışık istanbul'da"),
        (TURKISH, unicodedata.normalize("NFD", "İĞNE ILIK"), "iğne ılık"),
        (HINDI, "नमस्ते, दुनिया।", "नमस्ते दुनिया"),
        (HINDI, "क्\u200dय", "क्य"),
        (CHINESE, "你好, 世界!\n谢 谢", "你好世界谢谢"),
        (PERSIAN, "می\u200cرسد، مــن", "می\u200cرسد من"),
        (UKRAINIAN, "Об'їзд, п’ять 'мʼята'", "обʼїзд пʼять мʼята"),
        (Alphabet("aio-"), "a--i a-o -i o‐a a\N{NON-BREAKING HYPHEN}o", "a i a-o i o-a a-o"),
        (Alphabet("ABSß".replace("ß", ""), "upper"), "ßab", "SSAB"),
        (Alphabet("aA", "keep"), "Aa aA", "Aa aA"),
        (Alphabet("fia", form="NFKC"), "ﬁ ａ", "fi a"),
        (GREEK, "", ""),
        (GREEK, "… 7 !", ""),
    ],
)
def test_a_text_is_brought_to_its_letters(alphabet, text, normal):
    assert alphabet(text) == normal


@pytest.mark.parametrize(
    ("alphabet", "text", "lost"),
    [
        (GREEK, "δωμάτιο 7, 5 € & wifi ЖΩ", ["&", "5", "7", "f", "i", "w", "ж", "€"]),
        (GREEK, "«όλα» — καλά… 😀\ufe0f\u200d", []),
        (Alphabet("aei"), "a\u0323e", ["ạ"]),
        (Alphabet("aeik"), "k\u0323e", ["ḳ"]),
        (Alphabet("aeim"), "m\u0301e", ["ḿ"]),
        (Alphabet("aeiq"), "q\u0301e", ["\u0301"]),
        (Alphabet("aib"), "İb", ["\u0307"]),
        (Alphabet("ab"), "a\ue000b\U000e01fe", ["\ue000", "\U000e01fe"]),
        (HINDI, "ज़", ["\u093c"]),
        (CHINESE, "你號", ["號"]),
        (Alphabet("abc7"), "A 7", []),
    ],
)
def test_what_is_spoken_and_has_no_letter_is_told(alphabet, text, lost):
    assert alphabet.lost(text) == lost


@pytest.mark.parametrize("alphabet", ALL)
@given(text=st.text())
def test_any_text_becomes_letters_and_stays_so(alphabet, text):
    normal = alphabet(text)
    assert set(normal) <= set(alphabet.spelt)
    assert alphabet(normal) == normal
    assert normal == normal.strip()
    assert "  " not in normal


@given(text=st.text("aäbßΣς'’-. 7ж\u0301\u200d\u00ad", max_size=12))
def test_what_is_not_told_to_be_lost_is_there_in_its_order(text):
    alphabet = Alphabet("aäbßσς'")
    lost = alphabet.lost(text)
    heard = [one for one in unicodedata.normalize("NFC", text.replace("\u200d", "").replace("\u00ad", "")).lower()
             if is_spoken(one) or is_part_of_letter(one)]  # fmt: skip
    kept = [one for one in heard if one not in lost]
    assert kept == [one for one in alphabet(text) if one not in " '"]
    assert set(lost) == set(heard) - set(alphabet.letters)


def test_the_vocabulary_has_the_special_tokens_the_space_and_the_letters():
    vocabulary = TURKISH.vocabulary()
    assert vocabulary.tokens == ("<pad>", "<s>", "</s>", "<unk>", "|", *"abcçdefgğhıijklmnoöprsştuüvyz'")
    assert vocabulary.blank_id == 0
    ids = vocabulary.encode("ışık iki")
    assert 3 not in ids
    assert vocabulary.decode_labels(ids) == "ışık iki"
    vocabulary.require_letters(TURKISH.spelt, "it")
    assert GREEK.spelt == GREEK.letters + " "
    assert CHINESE.spelt == CHINESE.letters


def test_an_alphabet_travels_as_json():
    for alphabet in ALL:
        assert from_json(Alphabet, to_json(alphabet)) == alphabet


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"letters": ""}, "alphabet.letters must hold every letter of the transcripts; it is empty"),
        ({"letters": "abca"}, "must hold each letter once, not a twice"),
        ({"letters": "a b"}, "without spaces and '|', which stands for the space, not ' '"),
        ({"letters": "a|b"}, r"not '\|'"),
        ({"letters": "a\nb"}, r"not '\\n'"),
        ({"letters": "abC"}, "alphabet.case 'lower' and alphabet.form 'NFC' give, and 'C' would be 'c'; write that"),
        ({"letters": "abI", "case": "lower_turkic"}, "'I' would be 'ı'"),
        ({"letters": "ß", "case": "upper"}, "'ß' would be 'SS'"),
        ({"letters": "ﬁ", "form": "NFKC"}, "'ﬁ' would be 'fi'"),
        ({"letters": "\u0958"}, "would be 'क\u093c'"),
        ({"letters": "a", "case": "title"}, "alphabet.case must be one of 'lower', 'upper', 'keep', 'lower_turkic'"),
        ({"letters": "a", "form": "NFD"}, "alphabet.form must be 'NFC' or 'NFKC', not 'NFD'"),
    ],
)  # fmt: skip
def test_what_is_no_alphabet_is_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Alphabet(**fields)
