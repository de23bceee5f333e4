"""Joining what overlapping windows heard: no word is broken, doubled or lost."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.frame_joiner import FrameJoiner
from model.text import Vocabulary, librispeech_vocabulary

VOCABULARY = librispeech_vocabulary()


def tokens_of(text, vocabulary=VOCABULARY):
    """A letter for each frame, `-` for the blank."""
    return np.array([vocabulary.blank_id if letter == "-" else vocabulary.tokens.index(letter) for letter in text])


def joined(*windows, vocabulary=VOCABULARY):
    joiner = FrameJoiner(vocabulary)
    for first_frame, text in windows:
        joiner.add(first_frame, tokens_of(text, vocabulary), np.arange(len(text)) + first_frame)
    tokens, places = joiner.joined()
    np.testing.assert_array_equal(places, np.arange(len(tokens)), "each frame once, in its place")
    return vocabulary.decode_greedy(tokens)


def test_nothing_and_one_window_stay_as_they_are():
    assert joined() == ""
    assert joined((0, "CC-AA-T")) == "CAT"


def test_words_at_the_edges_are_taken_from_the_window_that_has_them_whole():
    # The first window breaks off within DOG, the second begins within CAT.
    assert joined((0, "--C-A-T--|--D-O"), (4, "X-T--|--D-O-G--")) == "CAT DOG"


def test_the_joint_lies_far_from_the_words_that_both_have_heard():
    # The second hears CAT two frames later: in the middle of the gap neither doubles nor loses it.
    assert joined((0, "C-A-T------|----"), (0, "--C-A-T----|----")) == "CAT"


def test_a_space_that_each_heard_on_the_other_side_is_kept():
    before, after = "ONE-----|-TWO-", "ONE-|------TWO"
    assert joined((0, before), (0, after)) == "ONE TWO"


def test_within_a_word_of_seconds_it_joins_where_both_say_the_same():
    assert joined((0, "A-B-C-D-E-F-G-H-"), (4, "C-D-E-F-G-H-I-J-")) == "ABCDEFGHIJ"


def test_without_any_agreement_it_joins_in_the_middle():
    assert joined((0, "AAAAAAAA"), (0, "BBBBBBBB")) == "AB"


def test_a_vocabulary_without_a_space():
    vocabulary = Vocabulary(("<pad>", "A", "B"))
    assert joined((0, "A-B-A-B-"), (2, "B-A-B-A-"), vocabulary=vocabulary) == "ABABA"


def test_a_word_that_began_before_the_overlap_is_not_cut():
    # The letters of LONG before the overlap tell that its blanks are within it.
    assert joined((0, "L--O--N--G--|---A-|"), (6, "N--G--|---A-|-B")) == "LONG A B"


words = st.text("ABC", min_size=1, max_size=5)


@given(st.lists(words, min_size=1, max_size=40), st.integers(20, 40), st.data())
def test_windows_of_one_sound_give_its_text(spoken, length, data):
    """Words of a few frames, parted by gaps; the windows hear the middle alike and their edges as nothing."""
    frames = ""
    for word in spoken:
        frames += "-" * data.draw(st.integers(1, 4)) + "-".join(word) + "-|-"
    hop = length // 2
    windows = []
    for first in range(0, max(len(frames) - length, 0) + hop, hop):
        part = frames[first : first + length]
        windows.append((first, part))
        if first + length >= len(frames):
            break
    assert joined(*windows) == " ".join(spoken)
