"""Where transcriptions go, and how they come about one after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from model.errors import UsageError, W2v2Error
from model.recording import Recording
from model.storage import replacing
from model.transcript_formats import FORMATS, SUFFIX_BY_FORMAT, TranscriptFormat, content_of
from model.transcription import Transcription
from pipeline.printable import printable_text
from pipeline.sound_files import STANDARD_INPUT, Found, NoSound, SoundFile, output_files
from pipeline.transcribe_progress import TranscribeProgress

if TYPE_CHECKING:
    from model.transcriber import Transcriber


@dataclasses.dataclass(frozen=True)
class Transcripts:
    """Where transcriptions go.

    Attributes:
      format_: How they are written.
      is_named: Whether a printed text needs the name of its recording.
      files: The file of each recording; None where they are printed.
    """

    format_: TranscriptFormat
    is_named: bool
    files: Mapping[SoundFile, Path] | None

    @classmethod
    def planned(cls, found: Found, format_: str, output_dir: Path | None) -> Transcripts:
        """Returns where they go, before anything is heard.

        Args:
          found: What is transcribed.
          format_: One of `model.transcript_formats.FORMATS`.
          output_dir: Where files are written; None to print.

        Raises:
          UsageError: there is no such format, several subtitles would be printed, or two recordings would be written to
            one file.
        """
        if format_ not in FORMATS:
            raise UsageError(f"--format must be one of {', '.join(FORMATS)}, not {format_!r}.")
        chosen = cast("TranscriptFormat", format_)
        if chosen in ("srt", "vtt") and output_dir is None and len(found.entries) > 1:
            raise UsageError(
                f"--format {format_} prints the subtitles of one recording, and {len(found.entries)} are named; add"
                " --output DIR for a file for each."
            )
        files = None if output_dir is None else output_files(found.sounds, output_dir, SUFFIX_BY_FORMAT[chosen])
        return cls(chosen, len(found.entries) > 1 or bool(found.folders), files)

    def write(self, entry: SoundFile | NoSound, transcription: Transcription, about: Mapping[str, Any]) -> Path | None:
        """Writes the file of a recording, all of it or nothing; returns where, or None where it is printed.

        Args:
          entry: The recording.
          transcription: What was said in it.
          about: What JSON says of how it was heard.
        """
        if self.files is None or not isinstance(entry, SoundFile):
            return None
        content = content_of(transcription, self.format_, {**about, "audio": entry.name})
        with replacing(self.files[entry]) as temporary:
            temporary.write_text(content, encoding="utf-8")
        return self.files[entry]

    def printed(self, entry: SoundFile | NoSound, transcription: Transcription) -> str:
        """Returns what is printed of a recording: its text, its subtitles, or where its file is."""
        if self.files is None and self.format_ != "text":
            return content_of(transcription, self.format_)
        file = self.files[entry] if self.files is not None and isinstance(entry, SoundFile) else None
        shown = transcription.text if file is None else printable_text(str(file))
        return f"{entry.name}\t{shown}\n" if self.is_named else f"{shown}\n"


def outcomes(
    transcriber: Transcriber, found: Found, is_quiet: bool
) -> Iterator[tuple[SoundFile | NoSound, Transcription | W2v2Error]]:
    """Transcribes recordings, and shows on standard error how far it is.

    Args:
      transcriber: What hears them.
      found: The recordings.
      is_quiet: Whether to show nothing.

    Yields:
      Each entry, in their order, with what was said, or why that is not known.
    """
    sounds = found.sounds
    progress = None if is_quiet else TranscribeProgress(len(sounds))

    recordings = (
        Recording(sound.path, name="Standard input" if sound.name == STANDARD_INPUT else sound.name) for sound in sounds
    )
    heard = transcriber.transcribe_each(recordings, None if progress is None else progress.hear)
    try:
        for entry in found.entries:
            outcome = entry.error if isinstance(entry, NoSound) else next(heard)
            if progress is not None and isinstance(entry, SoundFile):
                progress.ended(outcome.duration_seconds if isinstance(outcome, Transcription) else 0.0)
            yield entry, outcome
    finally:
        if progress is not None:
            progress.clear()
