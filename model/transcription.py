"""What was said, and when."""

from __future__ import annotations

import dataclasses

from model.word import Word


@dataclasses.dataclass(frozen=True)
class Transcription:
    """What was said in a recording.

    Attributes:
      text: The words, parted by one space.
      duration_seconds: Of the sound.
      seconds: That it took to read and to transcribe it.
      words: With their times, in their order; joined by one space they are the text.
    """

    text: str
    duration_seconds: float
    seconds: float
    words: tuple[Word, ...] = ()
