"""The saved states of a training, from which a killed run goes on.

<directory>/
  identity.json            what the training is: settings, data, start; a state of another one is never used
  step-00001200.safetensors   a state: weights, both moments of AdamW, and in its metadata all else, as JSON
  best-00000900.safetensors   weights that were among the best
  tensorboard/             the events of TensorBoard

The directory is local, or of any file system that TensorFlow knows, such as `gs://`. A file appears whole or not at
all: a local one is renamed, and Cloud Storage shows no object before it is complete. A state holds no audio and no
random state: what comes next is a function of the seed and of the step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from model.errors import CheckpointError
from model.storage import disk_full_is_said, json_text, read_json, replacing

IDENTITY_FILE = "identity.json"
TENSORBOARD = "tensorboard"

_LOG = logging.getLogger(__name__)
_STATE = "state"
_STEP = re.compile(r"step-(\d{8})\.safetensors")
_BEST = re.compile(r"best-(\d{8})\.safetensors")

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class SavedState:
    """A state that was read.

    Attributes:
      step: Updates done.
      arrays: By their names.
      state: Plain JSON values.
    """

    step: int
    arrays: dict[str, np.ndarray[Any, Any]]
    state: dict[str, Any]


class CheckpointStore:
    """Writes and reads the states of one training.

    Args:
      directory: Its own directory.
      identity: Plain JSON values that say what the training is.
      keep: How many states are kept, the newest.

    Raises:
      CheckpointError: the directory belongs to another training.
      DiskFullError: there is no room left.
    """

    def __init__(self, directory: str | os.PathLike[str], identity: Mapping[str, Any], keep: int = 3) -> None:
        self.directory = os.fspath(directory)
        self._keep = keep
        wanted = json.loads(json_text(identity))
        if IDENTITY_FILE in self._names():
            with self._fetched(IDENTITY_FILE) as path:
                found = read_json(path)
            _require_same(f"{self.directory}/{IDENTITY_FILE}", found, wanted)
        else:
            with self._put(IDENTITY_FILE) as temporary:
                temporary.write_text(json_text(wanted), encoding="utf-8")

    def sweep(self, anew: bool = False) -> None:
        """Removes what a killed process left half-written, and with `anew` all states.

        Only one process may do so, before it saves.
        """
        for name in self._names():
            is_state = _STEP.fullmatch(name) or _BEST.fullmatch(name)
            if name.startswith((".tmp", ".step-", ".best-", ".identity")) or (anew and is_state):
                self._remove(name)

    def save(self, step: int, arrays: Arrays, state: Mapping[str, Any]) -> None:
        """Saves a state, and removes the oldest where there are too many.

        Raises:
          DiskFullError: there is no room left; the states that were saved before stay.
        """
        self._write(f"step-{step:08d}.safetensors", arrays, state)
        for old, name in self._found(_STEP)[self._keep :]:
            if old != step:
                self._remove(name)

    def latest(self) -> SavedState | None:
        """Returns the newest state that can be read; one that is damaged is told of in the log, and passed over."""
        for step, name in self._found(_STEP):
            try:
                return self._read(step, name)
            except CheckpointError as error:
                _LOG.warning("%s The state before it is used.", error)
        return None

    def save_weights(self, step: int, arrays: Arrays) -> None:
        """Saves weights that are among the best."""
        self._write(f"best-{step:08d}.safetensors", arrays, {})

    def weights(self, step: int) -> dict[str, np.ndarray[Any, Any]]:
        """Returns weights that `save_weights` saved.

        Raises:
          CheckpointError: they are gone or damaged.
        """
        return self._read(step, f"best-{step:08d}.safetensors").arrays

    def keep_weights(self, steps: Iterable[int]) -> None:
        """Removes the best weights of all other steps."""
        kept = set(steps)
        for step, name in self._found(_BEST):
            if step not in kept:
                self._remove(name)

    def clear(self) -> None:
        """Removes what only a training that goes on needs; the newest state stays, so that it is not done again."""
        for _, name in [*self._found(_STEP)[1:], *self._found(_BEST)]:
            self._remove(name)

    def _found(self, pattern: re.Pattern[str]) -> list[tuple[int, str]]:
        """Returns steps and names of files, the newest first."""
        found = [(match, name) for name in self._names() if (match := pattern.fullmatch(name))]
        return sorted(((int(match[1]), name) for match, name in found), reverse=True)

    def _write(self, name: str, arrays: Arrays, state: Mapping[str, Any]) -> None:
        contiguous = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        with self._put(name) as temporary:
            try:
                safetensors.numpy.save_file(contiguous, temporary, metadata={_STATE: json.dumps(state)})
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
            except safetensors.SafetensorError as error:
                if os.strerror(errno.ENOSPC).lower() in str(error).lower():
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name) from error
                raise

    def _read(self, step: int, name: str) -> SavedState:
        try:
            with self._fetched(name) as path, safetensors.safe_open(path, framework="numpy") as file:
                state = json.loads((file.metadata() or {}).get(_STATE, ""))
                # Copied out of the mapped file, which may be removed.
                arrays = {key: np.array(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118 — no mapping
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise CheckpointError(
                f"{self.directory}/{name} must be a whole state of a training, and is damaged: {error}."
            ) from error
        return SavedState(step, arrays, state)

    # === Files, here or elsewhere ===

    @property
    def _is_remote(self) -> bool:
        return "://" in self.directory

    def _names(self) -> list[str]:
        if not self._is_remote:
            root = Path(self.directory)
            return [path.name for path in root.iterdir()] if root.is_dir() else []
        files = _remote_files()
        return files.listdir(self.directory) if files.isdir(self.directory) else []

    @contextlib.contextmanager
    def _put(self, name: str) -> Iterator[Path]:
        """Gives a local path to write to; what is there when the block ends appears under the name."""
        if not self._is_remote:
            with replacing(Path(self.directory) / name) as temporary:
                yield temporary
            return
        with tempfile.TemporaryDirectory() as local, disk_full_is_said(local):
            temporary = Path(local) / name
            yield temporary
            files = _remote_files()
            files.makedirs(self.directory)
            files.copy(str(temporary), f"{self.directory}/{name}", overwrite=True)

    @contextlib.contextmanager
    def _fetched(self, name: str) -> Iterator[Path]:
        """Gives a local path to read from."""
        if not self._is_remote:
            yield Path(self.directory) / name
            return
        with tempfile.TemporaryDirectory() as local, disk_full_is_said(local):
            path = Path(local) / name
            if name in self._names():
                _remote_files().copy(f"{self.directory}/{name}", str(path))
            yield path

    def _remove(self, name: str) -> None:
        if self._is_remote:
            import tensorflow as tf

            with contextlib.suppress(tf.errors.NotFoundError):
                _remote_files().remove(f"{self.directory}/{name}")
        else:
            (Path(self.directory) / name).unlink(missing_ok=True)


def _remote_files() -> Any:
    import tensorflow as tf

    return tf.io.gfile


def _require_same(path: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise CheckpointError(
                f"The states beside {path} must be those of this training, and are of another one: its"
                f" {_difference(name, found.get(name), wanted.get(name))}; remove that directory, or name another."
            )


def _difference(name: str, found: Any, wanted: Any) -> str:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*found, *wanted}):
            if found.get(key) != wanted.get(key):
                return _difference(f"{name}.{key}", found.get(key), wanted.get(key))
    return f"{name} is {found!r}, not {wanted!r}"
