"""The picture: the waveform, and under it the words where they were heard.

A strip of even scale, which fills the width of the page, and is scrolled by itself where the recording is longer.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from demo.envelope import Envelope
from model.durations import format_seconds
from model.word import Word

# With so many pixels to a second, most words of quick speech stand beside each other.
_PIXELS_PER_SECOND = 96
# The narrowest strip, on a phone: what is shorter is stretched to it, and there is more room for its words.
_MIN_PIXELS = 300
# Of the monospaced letters below the waveform, at the size that page.css gives them, and the space between two words.
_LETTER_PIXELS, _GAP_PIXELS = 7.5, 6.0
_MAX_ROWS = 4
_HEIGHT = 100
# A path for each so many seconds: browsers draw what is seen, and an hour in one path would be seen at all times.
_PIECE_SECONDS = 30
# In a recording of an hour, so many lines show as much as the eye sees.
_MAX_PEAKS = 60_000
# The quietest of recordings is drawn to a tenth of the height, and not as if it were loud.
_MIN_LOUDNESS = 0.1


def strip_html(envelope: Envelope, words: Sequence[Word] = ()) -> str:
    """Returns the picture as HTML, which needs the classes of page.css.

    Args:
      envelope: Of the recording.
      words: In the order of their times; none, while they are not known.
    """
    duration_seconds = envelope.duration_seconds
    pixels_per_second = max(_PIXELS_PER_SECOND, _MIN_PIXELS / max(duration_seconds, 1e-3))
    rows = _rows(words, pixels_per_second)
    placed = [
        f'<span class="w2v2-word" style="left:{_share(word.start_seconds, duration_seconds)};--row:{row}"'
        f' title="{word.start_seconds:.2f} s to {word.end_seconds:.2f} s">{html.escape(word.text)}</span>'
        for word, row in zip(words, rows, strict=True)
    ]
    marks = [
        f'<i class="w2v2-heard" style="left:{_share(word.start_seconds, duration_seconds)};'
        f'width:{_share(word.end_seconds - word.start_seconds, duration_seconds)}"></i>'
        for word in words
    ]
    ticks = [
        f'<span class="w2v2-tick" style="left:{_share(second, duration_seconds)}">{_clock(second)}</span>'
        for second in range(int(duration_seconds) + 1)
    ]
    label = f"The waveform, {format_seconds(duration_seconds)}, with {len(words)} words under it"
    return (
        f'<div class="w2v2-scroll" role="figure" aria-label="{label}" tabindex="0">'
        f'<div class="w2v2-strip" style="min-width:{round(duration_seconds * _PIXELS_PER_SECOND)}px;'
        f'--rows:{max(rows, default=0) + 1}">'
        f'<div class="w2v2-wave">{"".join(marks)}{_waves(envelope)}</div>'
        f'<div class="w2v2-words">{"".join(placed)}</div><div class="w2v2-ticks">{"".join(ticks)}</div></div></div>'
    )


def _rows(words: Sequence[Word], pixels_per_second: float) -> list[int]:
    """Returns a row for each word: the uppermost in which it does not run into the one before, or the emptiest."""
    ends = [0.0] * _MAX_ROWS
    rows: list[int] = []
    for word in words:
        start = word.start_seconds * pixels_per_second
        free = [row for row in range(_MAX_ROWS) if ends[row] <= start]
        row = free[0] if free else int(np.argmin(ends))
        ends[row] = start + _width(word.text) + _GAP_PIXELS
        rows.append(row)
    return rows


def _width(text: str) -> float:
    """Returns how many pixels a word takes; a letter of Chinese, Japanese or Korean is as wide as two of others."""
    return _LETTER_PIXELS * sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _waves(envelope: Envelope) -> str:
    if not len(envelope.peaks):
        return ""
    loudest = max(float(envelope.peaks.max()), _MIN_LOUDNESS)
    together = -(-len(envelope.peaks) // _MAX_PEAKS)
    peaks = _grouped(envelope.peaks, together) / loudest
    each = max(1, round(_PIECE_SECONDS / (envelope.duration_seconds / len(peaks))))
    return "".join(_wave(peaks[start : start + each]) for start in range(0, len(peaks), each))


def _grouped(peaks: np.ndarray[Any, Any], together: int) -> np.ndarray[Any, Any]:
    padded = np.pad(peaks, (0, -len(peaks) % together))
    return padded.reshape(-1, together).max(axis=1)


def _wave(peaks: np.ndarray[Any, Any]) -> str:
    """Returns a piece of the waveform; its width among the others is the number of its peaks."""
    halves = np.maximum(1, np.rint(peaks * (_HEIGHT / 2 - 2))).astype(int)
    path = "".join(f"M{place} {_HEIGHT // 2 - half}v{2 * half}" for place, half in enumerate(halves.tolist()))
    return (
        f'<svg viewBox="-0.5 0 {len(peaks)} {_HEIGHT}" preserveAspectRatio="none" style="flex-grow:{len(peaks)}"'
        f' aria-hidden="true"><path d="{path}"/></svg>'
    )


def _share(seconds: float, duration_seconds: float) -> str:
    return f"{100 * seconds / duration_seconds:.3f}%" if duration_seconds else "0%"


def _clock(second: int) -> str:
    """Returns a time as players show it: 0:07, 1:02:03."""
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
