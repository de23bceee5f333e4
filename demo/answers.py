"""What the page answers to a recording: first its waveform, then its text as it is heard, at last all of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from demo.envelope import envelope_of
from demo.status import done_html, hearing_html, refusal_html
from demo.strip import strip_html
from demo.word_table import word_table_html
from model.errors import DataError, W2v2Error
from model.recording import Recording
from model.transcriber import Transcriber
from model.transcription import Transcription

NOTHING_GIVEN = "There must be a recording, and there is none yet; speak into the microphone, or choose a file."


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is seen on the page.

    Attributes:
      status: HTML, what goes on.
      text: What was said.
      picture: HTML, the waveform with the words; None where what is there already stays.
      table: HTML, the words with their times.
      transcription: When all is heard and something was said.
    """

    status: str
    text: str = ""
    picture: str | None = ""
    table: str = ""
    transcription: Transcription | None = None


def answers(model: Transcriber | W2v2Error, recording: str | Path | None) -> Iterator[Answer]:
    """Yields what the page shows, from the first glance at a recording to its text; a mistake is a sentence on it.

    Args:
      model: What hears, or why nothing does.
      recording: The path of a file of sound; None where a person has not given one.
    """
    try:
        if isinstance(model, W2v2Error):
            raise model
        if recording is None:
            raise DataError(NOTHING_GIVEN)
        yield from _heard(model, Path(recording))
    except W2v2Error as error:
        yield Answer(refusal_html(str(error)))


def _heard(transcriber: Transcriber, path: Path) -> Iterator[Answer]:
    # A person knows the name of the file, and not where the server keeps it.
    recording = Recording(str(path), name=path.name)
    envelope = envelope_of(recording.blocks())
    duration_seconds = envelope.duration_seconds
    if envelope.is_silent:
        raise DataError(
            f"{path.name} must hold speech, and is silent from beginning to end; look whether the"
            " microphone is switched off."
        )
    yield Answer(hearing_html(path.name, 0.0, duration_seconds, 0.0), picture=strip_html(envelope))
    start = time.perf_counter()
    transcription = None
    for heard_seconds, transcription in transcriber.follow(recording):
        status = hearing_html(path.name, heard_seconds, duration_seconds, time.perf_counter() - start)
        if heard_seconds < duration_seconds:
            yield Answer(status, transcription.text, picture=None)
    assert transcription is not None, "`follow` ends with the whole"
    if not transcription.words:
        raise DataError(
            f"{path.name} must hold speech, and the model heard no word in {duration_seconds:.1f} s of it; speak closer"
            " to the microphone, or try another recording."
        )
    yield Answer(
        done_html(transcription),
        transcription.text,
        strip_html(envelope, transcription.words),
        word_table_html(transcription.words),
        transcription,
    )
