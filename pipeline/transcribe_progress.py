"""How far a transcription is, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from model.durations import format_seconds

# What is done sooner shows nothing.
_FIRST_SECONDS = 1.0
_EVERY_SECONDS = 0.2
# Where a line cannot move, one is added now and then.
_PLAIN_EVERY_SECONDS = 30.0


class TranscribeProgress:
    """Shows which recording is heard, and how much of it.

    On a terminal one line moves, and is gone when it is ended. Elsewhere a line is added every 30 s.

    Args:
      recordings: How many there are.
      stream: Where to show it; standard error by default.
    """

    def __init__(self, recordings: int, stream: TextIO | None = None) -> None:
        self._recordings = recordings
        self._stream = stream or sys.stderr
        self._moves = self._stream.isatty()
        self._done = 0
        self._ended_seconds = 0.0
        self._began = self._said = time.monotonic()
        self._is_shown = False

    def ended(self, seconds: float) -> None:
        """Counts a recording that is ended, whatever came of it, and makes room for what is printed next.

        Args:
          seconds: Of its sound that were heard.
        """
        self._done += 1
        self._ended_seconds += seconds
        self.clear()

    def hear(self, name: str, heard_seconds: float, total_seconds: float | None) -> None:
        """Takes how much of a recording is heard."""
        now = time.monotonic()
        wait = _PLAIN_EVERY_SECONDS if not self._moves else _EVERY_SECONDS if self._is_shown else _FIRST_SECONDS
        if now - self._said < wait:
            return
        self._said = now
        text = self._words(now - self._began, name, heard_seconds, total_seconds)
        self._stream.write(f"\r{text}\x1b[K" if self._moves else f"{text}\n")
        self._stream.flush()
        self._is_shown = self._moves

    def clear(self) -> None:
        """Takes the line away."""
        if self._is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._is_shown = False

    def _words(self, elapsed_seconds: float, name: str, heard_seconds: float, total_seconds: float | None) -> str:
        """Returns `3 of 12 · talk.mp3 · 12 min 30 s of 1 h 00 min · 35 × real time · 1 min 20 s left`.

        What is left counts recordings that are not read yet as being as long as those that are.
        """
        parts = [name, format_seconds(heard_seconds)]
        if self._recordings > 1:
            parts.insert(0, f"{min(self._done + 1, self._recordings)} of {self._recordings}")
        if total_seconds is not None:
            parts[-1] += f" of {format_seconds(total_seconds)}"
        speed = (self._ended_seconds + heard_seconds) / max(elapsed_seconds, 1e-3)
        parts.append(f"{speed:,.0f} × real time" if speed >= 10 else f"{speed:.1f} × real time")
        if total_seconds:
            share = (self._done + min(heard_seconds / total_seconds, 1.0)) / max(self._recordings, 1)
            parts.append(f"{format_seconds(elapsed_seconds * (1 / max(share, 1e-6) - 1))} left")
        return " · ".join(parts)
