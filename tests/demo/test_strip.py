"""The picture: words stand where they were heard, none over another, and what they say cannot break the page."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from demo.envelope import Envelope
from demo.strip import strip_html
from model.word import Word
from tests.strict_fragment import HOSTILE, strict_fragment


def envelope(seconds, level=0.5):
    return Envelope(np.full(round(50 * seconds), level, np.float32), seconds)


def placed(fragment):
    """Where each word stands: percent from the left, row, text."""
    found = re.findall(r'<span class="w2v2-word" style="left:([\d.]+)%;--row:(\d)"[^>]*>([^<]*)</span>', fragment)
    return [(float(left), int(row), text) for left, row, text in found]


def test_words_stand_at_their_share_of_the_recording():
    words = (Word("ONE", 1.0, 1.5, 0.9), Word("TWO", 5.0, 5.2, 0.9), Word("THREE", 5.1, 5.4, 0.9))
    fragment = strip_html(envelope(10.0), words)
    assert placed(fragment) == [(10.0, 0, "ONE"), (50.0, 0, "TWO"), (51.0, 1, "THREE")]
    assert "min-width:960px;--rows:2" in fragment
    assert 'title="5.10 s to 5.40 s"' in fragment
    assert re.findall(r'left:([\d.]+)%;width:([\d.]+)%"></i>', fragment)[0] == ("10.000", "5.000")
    assert "The waveform, 10 s, with 3 words under it" in fragment


def test_the_waveform_is_drawn_by_its_loudness():
    quiet, loud = envelope(1.0, 0.01), envelope(1.0, 0.6)
    assert set(re.findall(r"M\d+ \d+v(\d+)", strip_html(loud))) == {"96"}
    assert set(re.findall(r"M\d+ \d+v(\d+)", strip_html(quiet))) == {"10"}, "as quiet as it is"
    assert len(re.findall(r"M\d+ \d+v", strip_html(loud))) == 50


def test_an_hour_is_drawn_in_pieces_and_keeps_its_peaks():
    peaks = np.full(180_000, 0.01, np.float32)
    peaks[90_001] = 1.0
    fragment = strip_html(Envelope(peaks, 3_600.0))
    assert len(fragment) < 1_000_000
    assert 100 <= fragment.count("<svg") <= 130
    assert fragment.count("v96") == 1, "the one loud moment is seen"
    assert sum(map(int, re.findall(r"flex-grow:(\d+)", fragment))) == 60_000
    assert ">59:59<" in fragment
    assert ">1:00:00<" in fragment


def test_what_a_model_writes_cannot_break_the_page():
    page = strict_fragment(strip_html(envelope(2.0), [Word(HOSTILE, 0.1, 0.2, 0.5)]))
    assert HOSTILE in page.text
    assert "script" not in page.tags


@given(
    st.lists(st.tuples(st.floats(0.02, 0.5), st.text("ABCDEFG你", min_size=1, max_size=9)), max_size=30),
    st.floats(0.1, 40.0),
)
def test_no_word_runs_into_another_while_there_is_a_free_row(steps, rest):
    words, start = [], 0.0
    for step, text in steps:
        words.append(Word(text, round(start, 3), round(start + 0.02, 3), 0.5))
        start += step
    seconds = start + rest
    found = placed(strip_html(envelope(seconds), words))
    assert [text for _, _, text in found] == [word.text for word in words]
    pixels = max(96 * seconds, 300)
    ends = {}
    for left, row, text in found:
        x = left / 100 * pixels
        # Four rows: where even they are full, the emptiest is taken.
        assert ends.get(row, 0.0) <= x + 1 or min(ends.get(other, 0.0) for other in range(4)) > x - 1
        ends[row] = x + 7.5 * sum(2 if letter == "你" else 1 for letter in text)


def test_nothing_at_all_is_no_error():
    strict_fragment(strip_html(Envelope(np.empty(0, np.float32), 0.0)))
