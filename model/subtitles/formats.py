"""Subtitles as files.

SubRip has no standard; what is written is what every reader takes: numbers from 1, a comma before the milliseconds.
WebVTT is https://www.w3.org/TR/webvtt1.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.subtitles.cue import Cue


def subrip(cues: Iterable[Cue]) -> str:
    """Returns the content of an .srt file; it is empty where there are no cues."""
    return "\n".join(
        f"{number}\n{_time(cue.start_milliseconds, ',')} --> {_time(cue.end_milliseconds, ',')}\n{_joined(cue)}"
        for number, cue in enumerate(cues, start=1)
    )


def webvtt(cues: Iterable[Cue]) -> str:
    """Returns the content of a .vtt file."""
    return "WEBVTT\n" + "".join(
        f"\n{_time(cue.start_milliseconds, '.')} --> {_time(cue.end_milliseconds, '.')}\n{_escaped(_joined(cue))}"
        for cue in cues
    )


def _joined(cue: Cue) -> str:
    return "".join(f"{line}\n" for line in cue.lines)


def _escaped(text: str) -> str:
    """Returns a text as WebVTT's cues hold it, §3.3: these three would begin a tag or a character reference."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"
