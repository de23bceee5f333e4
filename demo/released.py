"""Which model the demo hears with, and which sounds it offers."""

from __future__ import annotations

import os
from pathlib import Path

from model.errors import UsageError
from model.newest_release import newest_recogniser
from model.transcriber import Transcriber

# The same names as those of the command line, which is not part of a Space.
_WORKSPACE_VARIABLE, _DEFAULT_WORKSPACE = "W2V2_WORKSPACE", "workspace"
# What browsers play and libsndfile reads.
_SUFFIXES = (".flac", ".mp3", ".ogg", ".opus", ".wav")


def released_model(model: Path | None, workspace: Path | None) -> Path:
    """Returns the folder of the model: what is named, or else the recogniser that was released last.

    Raises:
      UsageError: nothing was released yet.
    """
    if model is not None:
        return model
    root = workspace or Path(os.environ.get(_WORKSPACE_VARIABLE) or _DEFAULT_WORKSPACE)
    newest = newest_recogniser(root.expanduser() / "releases")
    if newest is None:
        raise UsageError(
            f"The demo needs a released model, and {root} holds none; run `make run` until its verdict is ACCEPT, or"
            " name a release with --model."
        )
    return newest


def open_model(model: Path | None, workspace: Path | None, runtime: str, precision: str) -> Transcriber:
    """Opens the model of `released_model`.

    Raises:
      UsageError: nothing was released yet, there is no such directory, or not the runtime or precision.
      ReleaseError: the release is not whole.
    """
    return Transcriber(released_model(model, workspace), runtime=runtime, precision=precision)


def sounds_in(directory: Path) -> list[Path]:
    """Returns the sounds in a directory, in the order of their names.

    Raises:
      UsageError: it is no directory.
    """
    if not directory.is_dir():
        raise UsageError(f"--examples must be a directory of sounds, and {directory} is none; name another.")
    return sorted(path.resolve() for path in directory.iterdir() if path.suffix.lower() in _SUFFIXES)
