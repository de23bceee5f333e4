"""The table of words."""

from demo.word_table import word_table_html
from model.word import Word
from tests.strict_fragment import HOSTILE, strict_fragment


def test_a_row_for_each_word():
    page = strict_fragment(word_table_html([Word("THE", 0.0, 0.08, 0.854), Word(HOSTILE, 1.5, 2.25, 1.0)]))
    assert page.text == f"WordFrom, sTo, sConfidenceTHE0.000.080.85{HOSTILE}1.502.251.00"


def test_no_words_no_table():
    assert word_table_html([]) == ""
