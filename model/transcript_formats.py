"""A transcription as a file or a document."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

from model.storage import json_text
from model.subtitles import cues_of, subrip, webvtt
from model.transcription import Transcription

TranscriptFormat = Literal["text", "json", "srt", "vtt"]
FORMATS: tuple[TranscriptFormat, ...] = get_args(TranscriptFormat)
SUFFIX_BY_FORMAT = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}


def document_of(transcription: Transcription) -> dict[str, Any]:
    """Returns a transcription as JSON has it: text, words with times in seconds, duration, and how long it took."""
    return {
        "text": transcription.text,
        "duration_seconds": round(transcription.duration_seconds, 3),
        "seconds": round(transcription.seconds, 3),
        "words": [dataclasses.asdict(word) for word in transcription.words],
    }


def content_of(transcription: Transcription, format_: TranscriptFormat, about: dict[str, Any] | None = None) -> str:
    """Returns the content of a file.

    Args:
      transcription: What was said.
      format_: How it is written.
      about: What JSON holds beside it.
    """
    if format_ == "json":
        return json_text({**(about or {}), **document_of(transcription)})
    if format_ == "text":
        return f"{transcription.text}\n"
    cues = cues_of(transcription.words)
    return subrip(cues) if format_ == "srt" else webvtt(cues)
