"""What the page says while it hears, and when it has heard."""

from demo.status import done_html, hearing_html, refusal_html
from model.transcription import Transcription
from model.word import Word
from tests.strict_fragment import HOSTILE, strict_fragment


def test_progress_says_how_much_how_fast_and_how_long():
    page = strict_fragment(hearing_html("talk.mp3", 600.0, 2_400.0, 60.0))
    assert page.text.strip() == "Hearing talk.mp3: 10 min 00 s of 40 min 00 s · 10 × real time · 3 min 00 s left"
    assert 'value="0.250"' in hearing_html("talk.mp3", 600.0, 2_400.0, 60.0)


def test_before_anything_is_heard_it_promises_nothing():
    html = hearing_html("a.wav", 0.0, 60.0, 0.0)
    assert "0.0 s of 1 min 00 s" in html
    assert "left" not in html
    assert 'value="0.000"' in hearing_html("a.wav", 0.0, 0.0, 0.0)


def test_what_is_done_says_speed_time_sound_and_words():
    words = (Word("A", 0.0, 0.1, 1.0),) * 1_200
    page = strict_fragment(done_html(Transcription("A", 5.0, 0.8, words)))
    assert page.text == "Speed6.2 × real timeTime0.80 sSound5.0 sWords1,200"
    assert "100 × real time" in done_html(Transcription("A", 6_000.0, 60.0, words))
    assert "1 min 00 s" in done_html(Transcription("A", 6_000.0, 60.0, words))


def test_a_name_is_text_and_nothing_else():
    assert HOSTILE in strict_fragment(refusal_html(HOSTILE)).text
    assert "<script" not in hearing_html(HOSTILE, 1.0, 2.0, 1.0)
