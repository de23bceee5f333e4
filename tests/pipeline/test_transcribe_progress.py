"""The line that tells how far a transcription is."""

import io

import pytest

from pipeline import transcribe_progress
from pipeline.transcribe_progress import TranscribeProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr(transcribe_progress.time, "monotonic", lambda: now[0])
    return now


def test_on_a_terminal_one_line_moves_and_is_taken_away(clock):
    stream = Terminal()
    progress = TranscribeProgress(1, stream)
    clock[0] += 0.5
    progress.hear("talk.mp3", 30.0, 3_600.0)
    assert stream.getvalue() == "", "what is soon done shows nothing"
    clock[0] += 9.5
    progress.hear("talk.mp3", 600.0, 3_600.0)
    line = "talk.mp3 · 10 min 00 s of 1 h 00 min · 60 × real time · 50 s left"
    assert stream.getvalue() == f"\r{line}\x1b[K"
    clock[0] += 0.1
    progress.hear("talk.mp3", 625.0, 3_600.0)
    assert stream.getvalue() == f"\r{line}\x1b[K"
    progress.ended(3_600.0)
    assert stream.getvalue() == f"\r{line}\x1b[K\r\x1b[K"
    progress.clear()
    assert stream.getvalue().count("\r") == 2


def test_elsewhere_a_line_is_added_now_and_then(clock):
    stream = io.StringIO()
    progress = TranscribeProgress(4, stream)
    clock[0] += 20.0
    progress.hear("a.wav", 10.0, 10.0)
    progress.ended(10.0)
    clock[0] += 20.0
    progress.hear("b.wav", 10.0, 10.0)
    progress.ended(10.0)
    assert stream.getvalue() == "2 of 4 · b.wav · 10 s of 10 s · 0.5 × real time · 40 s left\n"


def test_a_length_that_is_not_known(clock):
    stream = io.StringIO()
    progress = TranscribeProgress(1, stream)
    clock[0] += 40.0
    progress.hear("-", 600.0, None)
    assert stream.getvalue() == "- · 10 min 00 s · 15 × real time\n"


def test_recordings_that_run_together_all_count(clock):
    stream = Terminal()
    progress = TranscribeProgress(16, stream)
    clock[0] += 2.0
    progress.hear("8.wav", 5.0, 5.0)
    for _ in range(7):
        progress.ended(5.0)
    progress.ended(0.0)  # one that cannot be read
    clock[0] += 2.0
    progress.hear("9.wav", 5.0, 5.0)
    assert stream.getvalue().endswith("\r9 of 16 · 9.wav · 5.0 s of 5.0 s · 10 × real time · 3.1 s left\x1b[K")
