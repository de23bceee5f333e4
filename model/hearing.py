"""A recording that is being heard: what of it is read, what is heard, and what was said in it."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, normalise
from model.containers import AudioError
from model.errors import DataError
from model.frame_joiner import FrameJoiner
from model.loudness import Loudness
from model.onnx_release import OnnxRelease
from model.recording import Recording
from model.text import Vocabulary
from model.transcription import Transcription
from model.windows import Window, Windows
from model.word_times import best_tokens, words_of


@dataclasses.dataclass(eq=False)
class Part:
    """A window on its way through the model.

    Attributes:
      hearing: Of what.
      first_frame: Where its first frame lies in the recording.
      input_values: float32 `[samples]`, as the model takes them.
      heard: The best token of each frame, and its probability; None while it is not heard.
    """

    hearing: Hearing
    first_frame: int
    input_values: np.ndarray[Any, Any]
    heard: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None


class Hearing:
    """Reads one recording, hands out its windows, takes what the model says of them, and ends in a transcription.

    The mean and the variance by which it is normalised are those of the whole recording, as they are where it is heard
    in one pass: for that it is read twice. A gain for each window would make a sigh in a pause as loud as speech. What
    holds one number only, digital silence, is not heard: nothing is said there.

    Args:
      recording: What is heard.
      release: The model.
      vocabulary: What it can write.
      windows: How it is cut.

    Attributes:
      name: Of the recording.
      heard_seconds: How much of it is done.
      total_seconds: How long it is; None while that is not known.
    """

    def __init__(self, recording: Recording, release: OnnxRelease, vocabulary: Vocabulary, windows: Windows) -> None:
        self._recording, self._release, self._vocabulary, self._windows = recording, release, vocabulary, windows
        self.name = recording.name
        self._joiner = FrameJoiner(vocabulary)
        self._parts: collections.deque[Part] = collections.deque()
        self._is_read = False
        self._seconds = self.heard_seconds = 0.0
        self.total_seconds: float | None = None

    @property
    def is_ended(self) -> bool:
        """Whether all of it is heard."""
        return self._is_read and not self._parts

    def parts(self) -> Iterator[Part]:
        """Reads it, and yields what the model has to hear.

        Raises:
          DataError: it is no sound, or too short.
        """
        resumed = time.perf_counter()
        loudness, blocks = self._first_reading()
        for window in self._windows.cut(self._counted(blocks, loudness)):
            part = Part(self, window.first_frame, np.empty(0, np.float32))
            self._parts.append(part)
            if window.samples.min() == window.samples.max():
                self._take_silence(part, len(window.samples))
                continue
            part.input_values = self._input_values(window, loudness)
            self._seconds += time.perf_counter() - resumed
            yield part
            resumed = time.perf_counter()
        self._is_read = True
        self._seconds += time.perf_counter() - resumed

    def take(self, part: Part, logits: np.ndarray[Any, Any], seconds: float) -> None:
        """Takes what the model says of a part.

        Args:
          part: One that `parts` has yielded.
          logits: float32 `[frames, vocab]`.
          seconds: That it took.
        """
        part.heard = best_tokens(logits)
        self._seconds += seconds
        self._join()

    def outcome(self) -> Transcription:
        """Returns what was said in what is heard so far; in all of it, when `is_ended`."""
        start = time.perf_counter()
        tokens, probabilities = self._joiner.joined()
        duration_seconds = self.total_seconds or self.heard_seconds
        seconds_per_frame = self._windows.samples_per_frame / SAMPLE_RATE_HZ
        words = words_of(tokens, probabilities, self._vocabulary, seconds_per_frame, duration_seconds)
        text = " ".join(word.text for word in words)
        return Transcription(text, duration_seconds, self._seconds + time.perf_counter() - start, words)

    def _first_reading(self) -> tuple[Loudness | None, Iterable[np.ndarray[Any, Any]]]:
        """Reads all of it where that is needed; returns its loudness, and the blocks to hear.

        A recording that is not cut is kept, and read once. It is normalised by itself, and has no loudness here.
        """
        loudness = Loudness()
        held: list[np.ndarray[Any, Any]] = []
        for block in self._recording.blocks():
            loudness.add(block)
            if loudness.samples < self._windows.shortest_cut_samples:
                held.append(block)
            elif not self._release.do_normalise:
                return None, self._recording.blocks()
            else:
                held.clear()
        self.total_seconds = loudness.samples / SAMPLE_RATE_HZ
        if loudness.samples >= self._windows.shortest_cut_samples:
            return loudness, self._recording.blocks()
        if loudness.samples < self._windows.min_samples:
            raise DataError(
                f"{self.name} must hold at least {self._windows.min_samples} samples at {SAMPLE_RATE_HZ} Hz"
                f" ({1000 * self._windows.min_samples / SAMPLE_RATE_HZ:g} ms), and holds {loudness.samples}; is it cut"
                " off?"
            )
        return None, held

    def _counted(
        self, blocks: Iterable[np.ndarray[Any, Any]], loudness: Loudness | None
    ) -> Iterator[np.ndarray[Any, Any]]:
        samples = 0
        for block in blocks:
            samples += len(block)
            yield block
        if loudness is not None and samples != loudness.samples:
            raise AudioError(f"{self.name} was changed while it was read; transcribe it again.")
        self.total_seconds = samples / SAMPLE_RATE_HZ

    def _input_values(self, window: Window, loudness: Loudness | None) -> np.ndarray[Any, Any]:
        if not self._release.do_normalise:
            return np.ascontiguousarray(window.samples, np.float32)
        return normalise(window.samples) if loudness is None else loudness.normalise(window.samples)

    def _take_silence(self, part: Part, samples: int) -> None:
        frames = int(self._release.config.num_output_frames(samples))
        part.heard = np.full(frames, self._vocabulary.blank_id), np.ones(frames, np.float32)
        self._join()

    def _join(self) -> None:
        """Joins what is heard, in the order of the recording."""
        while self._parts and self._parts[0].heard is not None:
            part = self._parts.popleft()
            assert part.heard is not None
            self._joiner.add(part.first_frame, *part.heard)
            end_frame = part.first_frame + len(part.heard[0])
            self.heard_seconds = end_frame * self._windows.samples_per_frame / SAMPLE_RATE_HZ
