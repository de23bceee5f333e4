"""The saved states of a training, from which a killed run goes on.

<directory>/
  identity.json            what the training is: settings, data, start; a state of another one is never used
  step-00001200.safetensors   a state: weights, both moments of AdamW, and in its metadata all else, as JSON
  best-00000900.safetensors   weights that were among the best
  tensorboard/             the events of TensorBoard

A file appears whole or not at all. A state holds no audio and no random state: what comes next is a function of the
seed and of the step.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
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
      directory: Its own directory, local.
      identity: Plain JSON values that say what the training is.
      keep: How many states are kept, the newest.

    Raises:
      CheckpointError: the directory belongs to another training.
      DiskFullError: there is no room left.
    """

    def __init__(self, directory: str | os.PathLike[str], identity: Mapping[str, Any], keep: int = 3) -> None:
        self.directory = Path(directory)
        self._keep = keep
        wanted = json.loads(json_text(identity))
        path = self.directory / IDENTITY_FILE
        if path.is_file():
            _require_same(path, read_json(path), wanted)
        else:
            with disk_full_is_said(self.directory), replacing(path) as temporary:
                temporary.write_text(json_text(wanted), encoding="utf-8")

    def save(self, step: int, arrays: Arrays, state: Mapping[str, Any]) -> None:
        """Saves a state, and removes the oldest where there are too many.

        Raises:
          DiskFullError: there is no room left; the states that were saved before stay.
        """
        self._write(self.directory / f"step-{step:08d}.safetensors", arrays, state)
        for old, path in self._files(_STEP)[self._keep :]:
            if old != step:
                path.unlink(missing_ok=True)

    def latest(self) -> SavedState | None:
        """Returns the newest state that can be read; one that is damaged is told of in the log, and passed over."""
        for step, path in self._files(_STEP):
            try:
                return self._read(step, path)
            except CheckpointError as error:
                _LOG.warning("%s The state before it is used.", error)
        return None

    def save_weights(self, step: int, arrays: Arrays) -> None:
        """Saves weights that are among the best."""
        self._write(self.directory / f"best-{step:08d}.safetensors", arrays, {})

    def weights(self, step: int) -> dict[str, np.ndarray[Any, Any]]:
        """Returns weights that `save_weights` saved.

        Raises:
          CheckpointError: they are gone or damaged.
        """
        return self._read(step, self.directory / f"best-{step:08d}.safetensors").arrays

    def keep_weights(self, steps: Iterator[int] | list[int]) -> None:
        """Removes the best weights of all other steps."""
        kept = set(steps)
        for step, path in self._files(_BEST):
            if step not in kept:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes what only a training that goes on needs; the newest state stays, so that it is not done again."""
        for _, path in [*self._files(_STEP)[1:], *self._files(_BEST)]:
            path.unlink(missing_ok=True)

    def _files(self, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
        """Returns steps and files, the newest first."""
        found = [(match, path) for path in self.directory.iterdir() if (match := pattern.fullmatch(path.name))]
        return sorted(((int(match[1]), path) for match, path in found), reverse=True)

    @staticmethod
    def _write(path: Path, arrays: Arrays, state: Mapping[str, Any]) -> None:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        with replacing(path) as temporary:
            try:
                safetensors.numpy.save_file(contiguous, temporary, metadata={_STATE: json.dumps(state)})
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
            except safetensors.SafetensorError as error:
                if os.strerror(errno.ENOSPC).lower() in str(error).lower():
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
                raise

    @staticmethod
    def _read(step: int, path: Path) -> SavedState:
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                state = json.loads((file.metadata() or {}).get(_STATE, ""))
                # Copied out of the mapped file, which may be removed.
                arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 — no mapping
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path} must be a whole state of a training, and is damaged: {error}.") from error
        return SavedState(step, arrays, state)


def _require_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise CheckpointError(
                f"The states in {path.parent} must be those of this training, and are of another one: its"
                f" {_difference(name, found.get(name), wanted.get(name))}; remove that directory, or name another."
            )


def _difference(name: str, found: Any, wanted: Any) -> str:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in sorted({*found, *wanted}):
            if found.get(key) != wanted.get(key):
                return _difference(f"{name}.{key}", found.get(key), wanted.get(key))
    return f"{name} is {found!r}, not {wanted!r}"
