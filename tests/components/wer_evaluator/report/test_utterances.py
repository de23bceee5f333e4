"""Utterances with their counts, words and players."""

import numpy as np

from components.wer_evaluator.report.selection import select
from components.wer_evaluator.report.utterances import UtterancePages


def test_an_utterance_has_counts_words_and_a_player(compared, tones):
    metrics, rows = compared
    page = UtterancePages(tones).listed(select(metrics, rows).worst)
    assert "test-a, speaker 1, 2.4\u00a0s, <strong>2 errors in 6 words</strong>, latest blessed model: 2" in page
    assert '<audio controls preload="none" aria-label="Sound of 1-1-0001" src="data:audio/mpeg;base64,' in page
    assert page.count("<li id=") == page.count("<audio") == 3
    assert "the third what the latest blessed model heard" in page


def test_what_was_shown_before_is_a_link_to_it(compared, tones):
    metrics, rows = compared
    pages = UtterancePages(tones)
    chosen = select(metrics, rows)
    first = pages.listed(chosen.worst)
    again = pages.listed(chosen.regressed)
    place = first.index("<h3>2-1-0001</h3>")
    anchor = first[:place].rpartition('<li id="')[2].partition('"')[0]
    assert "<h3>2-1-0001</h3><p>test-a, speaker 2, 2.2\u00a0s, <strong>1 error in 4 words" in again
    assert f'<a href="#{anchor}">' in again
    assert "<audio" not in again


def test_without_sound_there_is_no_player(alone):
    metrics, rows = alone
    page = UtterancePages({"1-1-0001": np.zeros(0, np.int16)}).listed(select(metrics, rows).worst)
    assert "<audio" not in page
    assert "third" not in page
    assert UtterancePages({}).listed([]) == "<p>There is none.</p>"
