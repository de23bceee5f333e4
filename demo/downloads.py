"""The files that a person can take from the page: subtitles, and a document with every word."""

from __future__ import annotations

from pathlib import Path

from model.transcript_formats import SUFFIX_BY_FORMAT, TranscriptFormat, content_of
from model.transcription import Transcription

DOWNLOADS: tuple[TranscriptFormat, ...] = ("srt", "vtt", "json")


def write_downloads(transcription: Transcription, recording: str | Path, directory: str | Path) -> list[Path]:
    """Writes a file of each format, named like the recording; returns their paths, in the order of `DOWNLOADS`.

    Args:
      transcription: What was said.
      recording: The file in which.
      directory: Where they go.
    """
    files: list[Path] = []
    for format_ in DOWNLOADS:
        file = Path(directory) / f"{Path(recording).stem}{SUFFIX_BY_FORMAT[format_]}"
        file.write_text(content_of(transcription, format_, {"audio": Path(recording).name}), encoding="utf-8")
        files.append(file)
    return files
