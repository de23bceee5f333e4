"""Cutting words into subtitles: readable, in order, complete."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from model.subtitles import Cue, cues_of
from model.word import Word


def words_of(text, seconds_each=0.3, start=0.0):
    words = []
    for word in text.split():
        words.append(Word(word, round(start, 3), round(start + seconds_each, 3), 0.9))
        start += seconds_each + 0.1
    return words


def test_no_words_are_no_cues():
    assert cues_of([]) == ()


def test_a_short_sentence_is_one_line_while_it_sounds():
    assert cues_of(words_of("THE DOG SEES A CAT")) == (Cue(0, 1_900, ("THE DOG SEES A CAT",)),)


def test_a_longer_one_has_two_lines_of_much_the_same_length():
    (cue,) = cues_of(words_of("THE YOUNG TEACHER ALWAYS CARRIES SEVENTEEN HEAVY BOOKS"))
    assert cue.lines == ("THE YOUNG TEACHER ALWAYS", "CARRIES SEVENTEEN HEAVY BOOKS")


def test_a_pause_ends_a_cue():
    words = [*words_of("ONE TWO THREE"), *words_of("FOUR FIVE SIX", start=1.8)]
    assert cues_of(words) == (Cue(0, 1_100, ("ONE TWO THREE",)), Cue(1_800, 2_900, ("FOUR FIVE SIX",)))


def test_what_is_too_long_is_cut_at_its_longest_pause():
    first, second = "WORD " * 12, "AGAIN " * 5
    words = words_of(first)
    words += words_of(second, start=words[-1].end_seconds + 0.5)
    cues = cues_of(words)
    assert [" ".join(cue.lines) for cue in cues] == [first.strip(), second.strip()]


def test_a_single_word_stays_for_a_second():
    assert cues_of([Word("YES", 5.0, 5.2, 0.9)]) == (Cue(5_000, 6_000, ("YES",)),)


def test_a_word_that_would_flash_is_joined_to_the_next():
    words = [Word("WELL", 0.0, 0.1, 0.9), *words_of("THAT IS ALL", start=0.8)]
    assert cues_of(words) == (Cue(0, 1_900, ("WELL THAT IS ALL",)),)


def test_a_word_of_many_seconds_does_not_stay():
    assert cues_of([Word("AH", 0.0, 30.0, 0.9)]) == (Cue(0, 7_000, ("AH",)),)


def test_a_word_longer_than_a_line_is_cut():
    (cue,) = cues_of([Word("A" * 50, 0.0, 2.0, 0.9)])
    assert cue.lines == ("A" * 42, "A" * 8)


@st.composite
def spoken(draw):
    words, at = [], 0.0
    for _ in range(draw(st.integers(0, 60))):
        at += draw(st.sampled_from([0.0, 0.02, 0.1, 0.5, 0.61, 3.0, 4_000.0]))
        length = draw(st.sampled_from([0.02, 0.1, 0.4, 1.5, 9.0]))
        words.append(Word("W" * draw(st.integers(1, 100)), round(at, 3), round(at + length, 3), 0.5))
        at = round(at + length, 3)
    return words


@given(spoken())
def test_every_cue_can_be_read(words):
    cues = cues_of(words)
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < len(line) <= 42 for line in cue.lines)
        assert 1_000 <= cue.end_milliseconds - cue.start_milliseconds <= 7_000
    for one, other in itertools.pairwise(cues):
        assert one.end_milliseconds <= other.start_milliseconds
    letters = "".join(line for cue in cues for line in cue.lines).replace(" ", "")
    assert letters == "".join(word.text for word in words), "nothing is lost, and nothing is said twice"


@given(spoken())
def test_a_cue_appears_with_its_first_word_or_when_the_one_before_has_had_its_second(words):
    start_by_letter = [word.start_seconds for word in words for _ in word.text if len(word.text) <= 42]
    cues = cues_of([word for word in words if len(word.text) <= 42])
    letters = end = 0
    for cue in cues:
        assert cue.start_milliseconds == max(round(1000 * start_by_letter[letters]), end)
        letters += sum(len(line.replace(" ", "")) for line in cue.lines)
        end = cue.end_milliseconds
