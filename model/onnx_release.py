"""A published ONNX version: found, checked and opened, without TensorFlow."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from model.audio import SAMPLE_RATE_HZ, normalise
from model.config import Wav2Vec2Config
from model.errors import ReleaseError, UsageError
from model.export.release import ONNX, RELEASE_FILE, Release, check_files, read_release
from model.runtimes import open_fastest
from model.runtimes.choice import MODEL_FILE

_FILES = ("config.json", "preprocessor_config.json", MODEL_FILE)
_LATEST_FILE = "latest"


class OnnxRelease:
    """A model that takes a waveform and gives a vector for each frame.

    Args:
      model_dir: A published ONNX version; the folder of versions, or of formats with versions, of which the latest is
        taken; or a release, of which the ONNX folder is taken.
      output: The name of what it gives: `logits`, or `last_hidden_state` of a backbone.
      files: Which files must be there, besides those that every version has.
      check_hashes: Whether every file is hashed and compared with RELEASE.json; sizes are compared in any case.
      num_threads: None lets the runtime choose.
      runtime: What runs it: one of `model.runtimes.RUNTIMES`. By default, as the evaluation does, onnxruntime.
      precision: One of `model.runtimes.PRECISIONS`. By default the file that the evaluation measures.

    Attributes:
      directory: Of the version.
      config: Of the architecture.
      choice: Which runtime and precision that came to.
      do_normalise: Whether waveforms are brought to mean 0 and variance 1.
      min_samples: The shortest waveform that gives a frame.
      width: The size of a frame's vector.

    Raises:
      UsageError: there is no such directory, or not the runtime or precision that is asked for.
      ReleaseError: the directory is not whole, or is no published ONNX version of a model with that output.
    """

    def __init__(
        self,
        model_dir: str | os.PathLike[str],
        output: str,
        files: tuple[str, ...] = (),
        check_hashes: bool = False,
        num_threads: int | None = None,
        runtime: str = "onnxruntime",
        precision: str = "float32",
    ) -> None:
        self.directory = _version_directory(Path(model_dir).expanduser())
        _check_is_whole(self.directory, (*_FILES, *files), check_hashes)
        preprocessor = _read_json(self.directory / "preprocessor_config.json")
        rate_hz = preprocessor.get("sampling_rate", SAMPLE_RATE_HZ)
        if rate_hz != SAMPLE_RATE_HZ:
            raise ReleaseError(
                f"The model in {self.directory} must take sound at {SAMPLE_RATE_HZ} Hz, not at {rate_hz!r}."
            )
        self.do_normalise = bool(preprocessor.get("do_normalize", True))
        self.config = Wav2Vec2Config.from_file(self.directory / "config.json")
        self.min_samples = self.config.min_samples
        self.choice, self._model = open_fastest(self.directory, output, num_threads, runtime, precision)
        self.width = self._model.width

    def run(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns the vectors of one waveform.

        Args:
          waveform: float32 `[samples]` at 16 kHz, not normalised, at least `min_samples`.

        Returns:
          float32 `[frames, width]`.
        """
        values = normalise(waveform) if self.do_normalise else waveform
        return self.score(values[np.newaxis].astype(np.float32))[0]

    def score(self, input_values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns the vectors of several waveforms of equal length.

        Args:
          input_values: float32 `[batch, samples]` at 16 kHz, normalised where `do_normalise` says so.

        Returns:
          float32 `[batch, frames, width]`.
        """
        return self._model.run(input_values)


def _version_directory(directory: Path) -> Path:
    if not directory.is_dir():
        raise UsageError(
            f"--model must be the directory of a published ONNX version, and {directory} is"
            f" {'no directory' if directory.exists() else 'not there'}; `w2v2 run` publishes one."
        )
    if (directory / MODEL_FILE).exists():
        return directory
    for folder in (directory, directory / ONNX):
        pointer = folder / _LATEST_FILE
        if pointer.is_file():
            version = pointer.read_text(encoding="utf-8").strip()
            if not version.isdecimal() or not (folder / version).is_dir():
                raise ReleaseError(
                    f"{pointer} must name a version that lies beside it, not {version!r}; copy {folder} again."
                )
            return folder / version
    is_release = (directory / RELEASE_FILE).is_file() and (directory / ONNX).is_dir()
    return directory / ONNX if is_release and read_release(directory).format is None else directory


def _check_is_whole(directory: Path, files: tuple[str, ...], check_hashes: bool) -> None:
    release = description_of(directory)
    if release is not None:
        if release.format not in (None, ONNX):
            raise ReleaseError(
                f"--model must be a published ONNX version, and {directory} holds a {release.format}; take its"
                " neighbour in the folder onnx."
            )
        check_files(directory, release, ONNX, hashes=check_hashes)
    elif not (directory / MODEL_FILE).exists():
        raise UsageError(
            f"--model must be the directory of a published ONNX version, and {directory} holds no {MODEL_FILE}; copy it"
            " again, or make one of a model with w2v2 export."
        )
    for name in files:
        if not (directory / name).is_file():
            raise ReleaseError(
                f"The directory of a published ONNX version must hold {name}, and {directory} does not; copy it again."
            )


def description_of(directory: Path) -> Release | None:
    """Returns what says which files a version has, or the release whose ONNX folder it is; None where nothing does.

    Raises:
      ReleaseError: what is there is no whole description.
    """
    if (directory / RELEASE_FILE).exists() and (release := read_release(directory)).format is not None:
        return release
    whole = directory.parent
    return read_release(whole) if directory.name == ONNX and (whole / RELEASE_FILE).exists() else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReleaseError(f"{path} must be a JSON object: {error}; copy it again.") from error
    if not isinstance(value, dict):
        raise ReleaseError(f"{path} must hold a JSON object, not {type(value).__name__}; copy it again.")
    return value
