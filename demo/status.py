"""The line of the page that says what goes on, what came of it, or why nothing did. All of it is HTML."""

from __future__ import annotations

import html

from model.durations import format_seconds
from model.transcription import Transcription


def refusal_html(sentence: str) -> str:
    """Returns why there is no text."""
    return f'<p class="w2v2-refusal" role="alert">{html.escape(sentence)}</p>'


def hearing_html(name: str, heard_seconds: float, total_seconds: float, elapsed_seconds: float) -> str:
    """Returns how far it is, and when it will be done.

    Args:
      name: Of the recording.
      heard_seconds: How much of it is heard.
      total_seconds: How long it is.
      elapsed_seconds: Since the hearing began.
    """
    share = min(heard_seconds / total_seconds, 1.0) if total_seconds else 0.0
    parts = [f"{format_seconds(heard_seconds)} of {format_seconds(total_seconds)}"]
    if share:
        parts += [_speed(heard_seconds, elapsed_seconds), f"{format_seconds(elapsed_seconds * (1 / share - 1))} left"]
    text = html.escape(f"Hearing {name}: {' · '.join(parts)}")
    bar = f'<progress max="1" value="{share:.3f}"></progress>'
    return f'<p class="w2v2-hearing" role="status">{bar}<span>{text}</span></p>'


def done_html(transcription: Transcription) -> str:
    """Returns how long it took, and what that means."""
    words = len(transcription.words)
    facts = (
        ("Speed", _speed(transcription.duration_seconds, transcription.seconds)),
        (
            "Time",
            f"{transcription.seconds:.2f} s" if transcription.seconds < 10 else format_seconds(transcription.seconds),
        ),
        ("Sound", format_seconds(transcription.duration_seconds)),
        ("Words", f"{words:,}"),
    )
    items = "".join(f"<div><dt>{term}</dt><dd>{html.escape(value)}</dd></div>" for term, value in facts)
    return f'<dl class="w2v2-done" role="status">{items}</dl>'


def _speed(sound_seconds: float, seconds: float) -> str:
    speed = sound_seconds / max(seconds, 1e-3)
    return f"{speed:,.0f} × real time" if speed >= 10 else f"{speed:.1f} × real time"
