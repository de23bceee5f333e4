"""Runs the exported files, the very bytes that are released, over waveforms."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beam_jobs.evaluation.heard import Sound, Way
from model.beam_search import BeamSearch, BeamSearchSettings
from model.errors import ConfigurationError, ReleaseError, TryAgainError
from model.export.release import ONNX, SAVED_MODEL
from model.text import Vocabulary
from model.transcriber import Transcriber

# What a model hears before its time is taken: one second.
_WARM_UP_SAMPLES = 16_000
_SAVED_MODEL_FILE = "saved_model.pb"
_VOCABULARY_IN_SAVED_MODEL = "assets/vocab.json"
_VOCABULARY_IN_ONNX = "vocab.json"

_Waveform = np.ndarray[Any, Any]
# Hears some waveforms, padded to so many samples at least.
_Run = Callable[[Sequence[_Waveform], int], Iterator[Sound]]


def require_possible(way: Way, beam_search: BeamSearchSettings | None) -> None:
    """Checks that a release can be run in a way.

    Raises:
      ConfigurationError: it cannot.
    """
    if way.kind != SAVED_MODEL and not (way.alone and way.pad_to_samples == 0):
        raise ConfigurationError(
            f"An ONNX file takes no lengths, so that padding would count as sound: the way {way.name!r} must have"
            " alone=True and pad_to_samples=0."
        )
    if way.decoder == "beam_search" and beam_search is None:
        raise ConfigurationError(
            f"The way {way.name!r} decodes by beam search, which needs a language model; name one, or decode greedily."
        )


class Listener:
    """The models of a release, each opened when it is first asked for.

    The first call of a model costs what later ones do not: TensorFlow optimises the graph then, and both runtimes take
    their memory. So each model hears a second of silence before its first sound, and `Sound.seconds` is what a call
    takes in a process that serves. Shapes are free in the graph, and a new one traces nothing. Small preparations that
    a new length needs (a convolution's plan, some milliseconds) are in the seconds, since they are in serving, too.

    Several threads may use one.

    Example:
      >>> listener = Listener("release")
      >>> [sound] = listener.hear(ALONE, [waveform])

    Args:
      release_dir: What ReleaseExporter wrote, or a published version of one format.
      beam_search: For ways that decode by beam search.
    """

    def __init__(self, release_dir: str | Path, beam_search: BeamSearchSettings | None = None) -> None:
        self.release_dir = Path(release_dir)
        self._beam_search = beam_search
        self._search: BeamSearch | None = None
        self._models: dict[str, _Run] = {}
        self._lock = threading.Lock()

    def hear(self, way: Way, waveforms: Sequence[_Waveform]) -> list[Sound]:
        """Hears waveforms: each by itself, or all in one batch, as the way says.

        Args:
          way: How.
          waveforms: float32 `[samples]` each, at 16 kHz, not normalised. One that is too short for a frame gives an
            empty text and no logits.

        Returns:
          What was heard, in their order.

        Raises:
          ReleaseError: the release holds no such model, or it cannot be run.
          TryAgainError: there is not enough memory.
          ConfigurationError: the release cannot be run in this way.
          UsageError: the language model cannot be used.
        """
        require_possible(way, self._beam_search)
        run = self._model(way.kind)
        parts = [[waveform] for waveform in waveforms] if way.alone else [waveforms]
        sounds = [sound for part in parts if part for sound in run(part, way.pad_to_samples)]
        return sounds if way.decoder == "greedy" else self.decode(way, sounds)

    def decode(self, way: Way, sounds: Sequence[Sound]) -> list[Sound]:
        """Decodes what was heard once more, by beam search; its seconds are added.

        Args:
          way: One that decodes so.
          sounds: What another way heard that differs from it in the decoder alone.
        """
        require_possible(way, self._beam_search)
        assert self._beam_search is not None
        search = self._open_search(self._beam_search)
        found: list[Sound] = []
        for sound in sounds:
            began = time.perf_counter()
            text = search.decode(sound.logits)
            found.append(Sound(text, sound.logits, sound.seconds + time.perf_counter() - began))
        return found

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model.

        Raises:
          ReleaseError: the release holds none.
        """
        for place in (
            _directory(self.release_dir, SAVED_MODEL) / _VOCABULARY_IN_SAVED_MODEL,
            _directory(self.release_dir, ONNX) / _VOCABULARY_IN_ONNX,
        ):
            if place.is_file():
                return Vocabulary.from_file(place)
        raise ReleaseError(f"{self.release_dir} must be the release of a recogniser, with a vocabulary, and has none.")

    def _open_search(self, settings: BeamSearchSettings) -> BeamSearch:
        with self._lock:
            if self._search is None:
                self._search = BeamSearch(self.vocabulary, settings)
            return self._search

    def _model(self, kind: str) -> _Run:
        with self._lock:
            if kind not in self._models:
                run = self._open(kind)
                for _ in run([np.zeros(_WARM_UP_SAMPLES, np.float32)], 0):
                    pass
                self._models[kind] = run
            return self._models[kind]

    def _open(self, kind: str) -> _Run:
        if kind == SAVED_MODEL:
            return _open_saved_model(_directory(self.release_dir, SAVED_MODEL))
        return _open_onnx(_directory(self.release_dir, ONNX), "int8" if kind == "onnx_int8" else "float32")


def _directory(release_dir: Path, kind: str) -> Path:
    """Returns the files of one format: a folder of a release, or all of a published version."""
    below = release_dir / kind
    published = (release_dir / _SAVED_MODEL_FILE).is_file() if kind == SAVED_MODEL else not (below / "onnx").is_dir()
    return release_dir if published else below


def _open_saved_model(directory: Path) -> _Run:
    import tensorflow as tf

    try:
        loaded: Any = tf.saved_model.load(str(directory))
        transcribe: Any = loaded.signatures["transcribe"]
    except (OSError, KeyError, ValueError, AttributeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())
        raise ReleaseError(f"{directory} must be a SavedModel with the signature 'transcribe': {reason}.") from error
    # The signature's functions live as long as what was loaded.
    return functools.partial(_run_saved_model, loaded, transcribe, directory)


def _run_saved_model(
    loaded: Any, transcribe: Any, directory: Path, waveforms: Sequence[_Waveform], pad_to_samples: int
) -> Iterator[Sound]:
    del loaded
    import tensorflow as tf

    lengths = [len(waveform) for waveform in waveforms]
    rows = np.zeros((len(waveforms), max(pad_to_samples, *lengths)), np.float32)
    for row, waveform in zip(rows, waveforms, strict=True):
        row[: len(waveform)] = waveform
    began = time.perf_counter()
    try:
        outputs = transcribe(waveform=tf.constant(rows), num_samples=tf.constant(lengths, tf.int32))
        texts, logits, frames = (outputs[name].numpy() for name in ("text", "logits", "num_frames"))
    except tf.errors.ResourceExhaustedError as error:
        raise TryAgainError(
            f"The memory must hold what the model makes of {rows.size:,} samples at once, and does not; lower"
            " batch_samples, or close other programs, and run again."
        ) from error
    except tf.errors.OpError as error:
        reason = " ".join(str(error.message).split())
        raise ReleaseError(
            f"The SavedModel {directory} must transcribe {list(rows.shape)} samples: {reason}"
        ) from error
    seconds = time.perf_counter() - began
    total = max(sum(lengths), 1)
    for row, length in enumerate(lengths):
        share = seconds * length / total if len(lengths) > 1 else seconds
        yield Sound(texts[row].decode(), logits[row, : frames[row]].copy(), share)


def _open_onnx(directory: Path, precision: str) -> _Run:
    return functools.partial(_run_onnx, Transcriber(directory, precision=precision))


def _run_onnx(transcriber: Transcriber, waveforms: Sequence[_Waveform], pad_to_samples: int) -> Iterator[Sound]:
    del pad_to_samples
    for waveform in waveforms:
        if len(waveform) < transcriber.min_samples:
            # As the SavedModel has it.
            yield Sound("", np.zeros((0, len(transcriber.vocabulary.tokens)), np.float32), 0.0)
            continue
        began = time.perf_counter()
        logits = transcriber.logits(waveform)
        text = transcriber.decode(logits)
        yield Sound(text, logits, time.perf_counter() - began)
