"""Speech to text from a published ONNX version, by NumPy and an ONNX runtime; without TensorFlow it starts at once."""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ
from model.errors import ReleaseError, W2v2Error
from model.hearing import Hearing, Part
from model.onnx_release import OnnxRelease
from model.recording import Recording
from model.text import Vocabulary
from model.transcription import Transcription
from model.windows import Windows

__all__ = ["Transcriber", "Transcription"]

# Where nothing else is asked for, so many of equal length run together, while together they are not longer than this:
# several short ones are faster in one run, long ones are not, and take more memory.
_DEFAULT_BATCH_SIZE = 8
_DEFAULT_BATCH_SECONDS = 10.0

Source = str | os.PathLike[str] | np.ndarray[Any, Any] | Recording
Progress = Callable[[str, float, float | None], None]


class Transcriber:
    """Transcribes recordings of any length.

    A recording longer than a window (30 s) is heard in overlapping windows; memory does not grow with its length. By
    default it is heard as the evaluation hears it; `runtime="auto", precision="auto"` takes the fastest that is
    installed.

    Examples:
      >>> from model import Transcriber
      >>> transcriber = Transcriber("workspace/releases/wav2vec2/onnx", runtime="auto", precision="auto")
      >>> transcription = transcriber.transcribe("some.flac")
      >>> transcription.text, transcription.words[0].start_seconds

    Args:
      model_dir: A published ONNX version; the folder of versions, or of formats with versions, of which the latest is
        taken; or a release, of which the ONNX folder is taken.
      check_hashes: Whether every file is hashed and compared with RELEASE.json; sizes are compared in any case.
      num_threads: None lets the runtime choose.
      runtime: `auto`, `onnxruntime` or `openvino`.
      precision: `auto`, `float32`, `int8` or `bfloat16`.
      batch_size: How many windows or short recordings of equal length run together; by default up to 8, while they are
        not longer than 10 s together.
      windows: How long recordings are cut; None for the default of the model.

    Attributes:
      directory: Of the version.
      choice: Which runtime and precision that came to.
      min_samples: The shortest waveform that gives a frame.
      vocabulary: What the model can write.

    Raises:
      UsageError: there is no such directory, or not the runtime or precision that is asked for.
      ReleaseError: the directory is not whole, or is no published ONNX version.
    """

    def __init__(
        self,
        model_dir: str | os.PathLike[str],
        check_hashes: bool = False,
        num_threads: int | None = None,
        runtime: str = "onnxruntime",
        precision: str = "float32",
        batch_size: int | None = None,
        windows: Windows | None = None,
    ) -> None:
        release = OnnxRelease(model_dir, "logits", ("vocab.json",), check_hashes, num_threads, runtime, precision)
        self._release = release
        self.directory, self.min_samples, self.choice = release.directory, release.min_samples, release.choice
        self.vocabulary = Vocabulary.from_file(self.directory / "vocab.json")
        if release.width != len(self.vocabulary.tokens):
            raise ReleaseError(
                f"The model in {self.directory} must score the {len(self.vocabulary.tokens)} tokens of its vocab.json,"
                f" and scores {release.width}; copy it again."
            )
        self._windows = windows or Windows.of(release.config)
        self._batch_size = batch_size

    def transcribe(self, source: Source, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Transcription:
        """Transcribes one recording.

        Args:
          source: A file, WAV, FLAC, OGG, MP3 and others, of any length, rate and number of channels; or a waveform
            `[samples]`, float32 with full scale 1, or int16.
          sample_rate_hz: Of a waveform; a file has its own.

        Raises:
          DataError: it is no sound, or too short.
        """
        recording = Recording(source, sample_rate_hz) if isinstance(source, np.ndarray) else source
        (outcome,) = self.transcribe_each([recording])
        if isinstance(outcome, W2v2Error):
            raise outcome
        return outcome

    def transcribe_each(
        self, sources: Iterable[Source], progress: Progress | None = None
    ) -> Iterator[Transcription | W2v2Error]:
        """Transcribes recordings one after another; neighbours of equal length run together.

        Args:
          sources: As `transcribe` takes them, waveforms at 16 kHz.
          progress: Is told the name of a recording, how many of its seconds are heard, and how many it has, if that is
            known.

        Yields:
          For each source, in their order, its transcription, or why there is none: one that cannot be read does not
          keep the others back.
        """
        hearings: collections.deque[Hearing | W2v2Error] = collections.deque()
        batch: list[Part] = []
        for source in sources:
            hearing: Hearing | None = None
            try:
                recording = source if isinstance(source, Recording) else Recording(source)
                hearing = Hearing(recording, self._release, self.vocabulary, self._windows)
                hearings.append(hearing)
                for part in hearing.parts():
                    if batch and len(batch[0].input_values) != len(part.input_values):
                        self._hear(batch, progress)
                    batch.append(part)
                    if len(batch) >= self._limit(len(part.input_values)):
                        self._hear(batch, progress)
            except W2v2Error as error:
                batch = [part for part in batch if part.hearing is not hearing]
                if hearing is not None:
                    hearings.pop()
                hearings.append(error)
            yield from _ended(hearings)
        if batch:
            self._hear(batch, progress)
        yield from _ended(hearings)

    def follow(self, source: Source) -> Iterator[tuple[float, Transcription]]:
        """Transcribes one recording, and shows how it goes: for who wants to read while it is heard.

        Args:
          source: As `transcribe` takes it, a waveform at 16 kHz.

        Yields:
          After each window, how many seconds are heard, and what was said in them; the last words may change with the
          next window. At the end, once more, the whole: what `transcribe` returns.

        Raises:
          DataError: it is no sound, or too short.
        """
        recording = source if isinstance(source, Recording) else Recording(source)
        hearing = Hearing(recording, self._release, self.vocabulary, self._windows)
        for part in hearing.parts():
            self._hear([part], None)
            yield hearing.heard_seconds, hearing.outcome()
        outcome = hearing.outcome()
        yield outcome.duration_seconds, outcome

    def logits(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Scores every token for every frame of one waveform, in one pass.

        Args:
          waveform: float32 `[samples]` at 16 kHz, not normalised, at least `min_samples`.

        Returns:
          float32 `[frames, vocab]`.
        """
        return self._release.run(waveform)

    def decode(self, logits: np.ndarray[Any, Any]) -> str:
        """Returns the text of the best token of each frame, of logits `[frames, vocab]`."""
        return self.vocabulary.decode_greedy(logits.argmax(axis=-1))

    def _limit(self, samples: int) -> int:
        """Returns how many of a length run together."""
        if self._batch_size is not None:
            return self._batch_size
        return max(1, min(_DEFAULT_BATCH_SIZE, int(_DEFAULT_BATCH_SECONDS * SAMPLE_RATE_HZ) // samples))

    def _hear(self, batch: list[Part], progress: Progress | None) -> None:
        """Lets the model hear parts of equal length, and empties the list."""
        start = time.perf_counter()
        scored = self._release.score(np.stack([part.input_values for part in batch]))
        seconds = (time.perf_counter() - start) / len(batch)
        for part, logits in zip(batch, scored, strict=True):
            part.hearing.take(part, logits, seconds)
        if progress is not None:
            latest = batch[-1].hearing
            progress(latest.name, latest.heard_seconds, latest.total_seconds)
        batch.clear()


def _ended(hearings: collections.deque[Hearing | W2v2Error]) -> Iterator[Transcription | W2v2Error]:
    """Takes those that are ended from the front, and yields what came of them."""
    while hearings:
        first = hearings[0]
        if isinstance(first, Hearing) and not first.is_ended:
            return
        hearings.popleft()
        yield first.outcome() if isinstance(first, Hearing) else first
