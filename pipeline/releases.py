"""Finds released models: `<releases>/<name>/<format>/<version>/`, with `latest` naming the newest version."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import ReleaseError, UsageError
from model.export.release import FORMATS, RELEASE_FILE, Format, read_release
from model.export.settings import ReleaseSettings
from model.newest_release import newest_recogniser
from pipeline.workspace import Workspace


def newest_onnx_release(workspace: Workspace) -> Path:
    """Returns the folder of versions of the recogniser that was released last, as ONNX; a backbone is none.

    Raises:
      UsageError: none was released yet.
    """
    newest = newest_recogniser(workspace.releases_dir)
    if newest is None:
        raise UsageError(
            f"No model has been released in {workspace.root} yet; run w2v2 run until its verdict is ACCEPT, or name a"
            " released ONNX folder with --model."
        )
    return newest


def formats_of_release(releases_dir: Path, name: str, release_digest: str) -> dict[str, Path]:
    """Returns the published versions that hold a release, by format; their files are not looked at.

    Args:
      releases_dir: Where the pushers publish.
      name: Of the model.
      release_digest: Of the release.
    """
    found: dict[str, Path] = {}
    for path in sorted((releases_dir / name).glob(f"*/*/{RELEASE_FILE}")):
        with contextlib.suppress(ReleaseError):  # what is there in its place is for the pushers to tell of
            if read_release(path.parent).release_digest == release_digest:
                found[path.parent.parent.name] = path.parent
    return found


def formats_of(named: Sequence[str] | None) -> tuple[Format, ...]:
    """Returns the formats that `--format` names, each once and in the order of a release; all where it names none.

    Args:
      named: Names, or several with commas between them.

    Raises:
      UsageError: there is no such format.
    """
    names = [name.strip() for text in named or () for name in text.split(",")]
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"--format must be one of {', '.join(FORMATS)}, or several with commas, not {name!r}.")
    return tuple(format_ for format_ in FORMATS if not names or format_ in names)


def settings_of(source: str, **changes: Any) -> ReleaseSettings:
    """Returns the settings for the export of a model: what is given, and the rest as in the release that it comes from.

    Args:
      source: What is exported; a release's name, licence and language are taken over.
      **changes: Fields of `ReleaseSettings`; None where nothing was given.

    Raises:
      ConfigurationError: a value is none that a release can have.
    """
    settings = ReleaseSettings()
    directory = Path(source).expanduser()
    if (directory / RELEASE_FILE).is_file():
        release = read_release(directory)
        settings = ReleaseSettings(name=release.name, license=release.license, language=release.language)
    return dataclasses.replace(settings, **{key: value for key, value in changes.items() if value is not None})
