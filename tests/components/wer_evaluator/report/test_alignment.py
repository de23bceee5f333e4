"""Words under words."""

from components.wer_evaluator.report.alignment import Column, alignment, columns_of
from tests.strict_page import StrictPage


def test_one_system():
    assert columns_of("a cat sat", "a bat sat down") == [
        Column("a", "a"), Column("cat", "bat"), Column("sat", "sat"), Column("", "down"),
    ]  # fmt: skip


def test_two_systems_meet_at_the_words_that_were_said():
    assert columns_of("a cat sat", "oh a cat", "well then a bat sat") == [
        Column("", "oh", "well"),
        Column("", "", "then"),
        Column("a", "a", "a"),
        Column("cat", "cat", "bat"),
        Column("sat", "", "sat"),
    ]


def test_nothing_heard_and_nothing_said():
    assert columns_of("a b", "", "a b") == [Column("a", "", "a"), Column("b", "", "b")]
    assert columns_of("", "a") == [Column("", "a")]
    assert columns_of("", "") == []


def test_only_what_is_wrong_has_lines_below():
    shown = alignment("a cat sat", "a bat sat", "a cat")
    assert shown == (
        '<p class="words" dir="auto"><span>a</span>'
        ' <span class="wrong" title="said: cat; heard: bat; latest blessed model: cat">'
        '<b>cat</b><i class="bad">bat</i><i class="good">cat</i></span>'
        ' <span class="wrong" title="said: sat; heard: sat; latest blessed model: nothing">'
        '<b>sat</b><i class="good">sat</i><i class="bad">–</i></span></p>'
    )


def test_an_endless_utterance_is_cut_and_it_is_said():
    shown = alignment("word " * 1_234, "word " * 1_234)
    assert shown.count("<span>word</span>") == 300
    assert "and 934 words more" in shown
    assert StrictPage(f"<!doctype html>\n{shown}").tags[0][0] == "p"
