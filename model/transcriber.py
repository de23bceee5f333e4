"""Speech to text from a published ONNX version, by NumPy and onnxruntime; without TensorFlow it starts at once."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, read_waveform
from model.errors import DataError, ReleaseError
from model.onnx_release import OnnxRelease
from model.text import Vocabulary


@dataclasses.dataclass(frozen=True)
class Transcription:
    """What was said.

    Attributes:
      text: The words, parted by one space.
      duration_seconds: Of the sound.
      seconds: That it took to read and to transcribe it.
    """

    text: str
    duration_seconds: float
    seconds: float


class Transcriber:
    """Transcribes files of sound.

    Example:
      >>> transcriber = Transcriber("workspace/releases/wav2vec2/onnx")
      >>> transcriber.transcribe("some.flac").text

    Args:
      model_dir: A published ONNX version, or the folder of versions, of which the latest is taken.
      check_hashes: Whether every file is hashed and compared with RELEASE.json; sizes are compared in any case.
      num_threads: For onnxruntime; None lets it choose.

    Raises:
      UsageError: there is no such directory.
      ReleaseError: the directory is not whole, or is no published ONNX version.
    """

    def __init__(
        self, model_dir: str | os.PathLike[str], check_hashes: bool = False, num_threads: int | None = None
    ) -> None:
        self._release = OnnxRelease(model_dir, "logits", ("vocab.json",), check_hashes, num_threads)
        self.directory, self.min_samples = self._release.directory, self._release.min_samples
        self.vocabulary = Vocabulary.from_file(self.directory / "vocab.json")
        scored = self._release.width
        if scored != len(self.vocabulary.tokens):
            raise ReleaseError(
                f"The model in {self.directory} must score the {len(self.vocabulary.tokens)} tokens of its vocab.json,"
                f" and scores {scored}; copy it again."
            )

    def transcribe(self, path: str | os.PathLike[str]) -> Transcription:
        """Transcribes a file.

        Args:
          path: WAV, FLAC, OGG, MP3 and others, of any rate and number of channels.

        Raises:
          DataError: it is no sound, or too short.
        """
        start = time.perf_counter()
        waveform = read_waveform(path)
        if len(waveform) < self.min_samples:
            raise DataError(
                f"{path} must hold at least {self.min_samples} samples at {SAMPLE_RATE_HZ} Hz"
                f" ({1000 * self.min_samples / SAMPLE_RATE_HZ:g} ms), and holds {len(waveform)}; is it cut off?"
            )
        text = self.decode(self.logits(waveform))
        return Transcription(text, len(waveform) / SAMPLE_RATE_HZ, time.perf_counter() - start)

    def logits(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Scores every token for every frame of one waveform.

        Args:
          waveform: float32 `[samples]` at 16 kHz, not normalised, at least `min_samples`.

        Returns:
          float32 `[frames, vocab]`.
        """
        return self._release.run(waveform)

    def decode(self, logits: np.ndarray[Any, Any]) -> str:
        """Returns the text of the best token of each frame, of logits `[frames, vocab]`."""
        return self.vocabulary.decode_greedy(logits.argmax(axis=-1))
