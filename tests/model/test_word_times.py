"""Words with their times: the text is the decoder's, and the times are those of the letters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import Vocabulary, librispeech_vocabulary
from model.word import Word
from model.word_times import best_tokens, words_of

VOCABULARY = librispeech_vocabulary()


def tokens_of(text):
    return np.array([VOCABULARY.blank_id if letter == "-" else VOCABULARY.tokens.index(letter) for letter in text])


def test_words_have_the_frames_of_their_first_and_last_letter():
    tokens = tokens_of("--CC-A-TT-|--A--")
    probabilities = np.linspace(0.5, 0.99, len(tokens)).astype(np.float32)
    surest = (probabilities[3] * probabilities[5] * probabilities[8]) ** (1 / 3)
    assert words_of(tokens, probabilities, VOCABULARY, 0.02) == (
        Word("CAT", 0.04, 0.18, round(float(surest), 4)),
        Word("A", 0.26, 0.28, round(float(probabilities[13]), 4)),
    )


def test_no_word_ends_behind_the_recording():
    (word,) = words_of(tokens_of("A--B"), np.ones(4), VOCABULARY, 0.02, duration_seconds=0.075)
    assert (word.start_seconds, word.end_seconds) == (0.0, 0.075)


def test_a_token_may_hold_several_letters_and_spaces():
    vocabulary = Vocabulary(("<pad>", "ab", " c", "<s>"))
    tokens = np.array([1, 0, 2, 3, 0, 1])
    assert [word.text for word in words_of(tokens, np.ones(6), vocabulary, 0.02)] == ["ab", "cab"]
    assert vocabulary.decode_greedy(tokens) == "ab cab"


@given(st.lists(st.integers(0, len(VOCABULARY.tokens) - 1), max_size=60))
def test_the_words_are_those_of_the_decoder(ids):
    words = words_of(np.array(ids, np.int64), np.full(len(ids), 0.9), VOCABULARY, 0.02)
    assert " ".join(word.text for word in words) == VOCABULARY.decode_greedy(ids)
    times = [time for word in words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)
    assert all(word.confidence == pytest.approx(0.9, abs=1e-4) for word in words)


@given(st.integers(0, 99))
def test_the_best_token_has_its_probability(seed):
    logits = (10 * np.random.default_rng(seed).standard_normal((7, 32))).astype(np.float32)
    tokens, probabilities = best_tokens(logits)
    np.testing.assert_array_equal(tokens, logits.argmax(-1))
    exponentials = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(probabilities, (exponentials / exponentials.sum(-1, keepdims=True)).max(-1), rtol=1e-5)
