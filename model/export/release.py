"""What a release is: one model in three formats, and RELEASE.json, which names each file with its hash.

saved_model/   what `model.export.saved_model` writes
onnx/          what `model.export.onnx_model` writes
checkpoint/    what `model.export.checkpoint` writes
RELEASE.json   the digests, and name, source and versions; itself outside the release digest
training.json  how the model was trained, where it was trained here; outside the release digest, too

A published version holds the files of one format at its root, with the same RELEASE.json, to which `format` and
`version` are added, and README.md, the model card.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from model.config import Head
from model.errors import ReleaseError
from model.storage import read_json, release_digest, sha256_of_file, write_json

RELEASE_FILE = "RELEASE.json"
# How the model was trained, for the evaluator's report; outside the digest.
TRAINING_FILE = "training.json"
SAVED_MODEL = "saved_model"
ONNX = "onnx"
CHECKPOINT = "checkpoint"
Format = Literal["saved_model", "onnx", "checkpoint"]
FORMATS: tuple[Format, ...] = (SAVED_MODEL, ONNX, CHECKPOINT)


@dataclasses.dataclass(frozen=True)
class Release:
    """The content of a RELEASE.json.

    Attributes:
      name: Under which it is published.
      model_digest: Of the model that was exported.
      release_digest: Over `files`.
      files: sha256 (hex) of each file, by its path, which begins with the format.
      sizes_bytes: Size of each file, by the same path.
      source_checkpoint: Name and sha256 of the checkpoint that training started from; None where that is not known.
      license: Of the weights.
      language: Of the speech.
      sample_rate_hz: Of the waveforms that it takes.
      versions: Of the software that made it, by name.
      head: What stands on the backbone: `ctc` of a recogniser; `pretraining` of a pre-trained model, whose heads are in
        its checkpoint alone, while its other formats hold the backbone.
      format: Of a published version; None for the release itself.
      version: Of a published version; None for the release itself, and on a hub that numbers versions by itself.
      evaluation: Of a published version: sha256 (hex) of the files of its evaluation, by name. None where it was
        published without one, and for the release itself, which is made before it is evaluated.
    """

    name: str
    model_digest: str
    release_digest: str
    files: dict[str, str]
    sizes_bytes: dict[str, int]
    source_checkpoint: dict[str, Any] | None
    license: str
    language: str
    sample_rate_hz: int
    versions: dict[str, str]
    head: Head = "ctc"
    format: Format | None = None
    version: int | None = None
    evaluation: dict[str, str] | None = None

    def files_of(self, format_: Format) -> dict[str, str]:
        """Returns the sha256 of the files of one format, by their path inside its folder."""
        return _below(format_, self.files)

    def sizes_of(self, format_: Format) -> dict[str, int]:
        """Returns the sizes, in bytes, of the files of one format, by their path inside its folder."""
        return _below(format_, self.sizes_bytes)

    def to_mapping(self) -> dict[str, Any]:
        """Returns the content of `RELEASE.json`."""
        value = {"format_version": 1, **dataclasses.asdict(self)}
        if self.format is None:
            del value["format"], value["version"], value["evaluation"]
        return value

    def write(self, directory: str | Path) -> None:
        """Writes `RELEASE.json` into a directory."""
        write_json(Path(directory) / RELEASE_FILE, self.to_mapping())


def read_release(directory: str | os.PathLike[str]) -> Release:
    """Reads the RELEASE.json of a directory; the files that it names are not looked at.

    Raises:
      ReleaseError: it is missing, is no such file, or its digest is not that of its files.
    """
    path = Path(directory) / RELEASE_FILE
    try:
        value = read_json(path)
        fields = {field.name: value[field.name] for field in dataclasses.fields(Release) if field.name in value}
        release = Release(**fields)
        digest = release_digest(release.files)
        listed = set(release.files) == set(release.sizes_bytes)
        _require_own_paths(release.files)
        _require_texts(release)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(f"{path} must be the whole description of a release: {error}; copy it again.") from error
    if digest != release.release_digest or not listed:
        raise ReleaseError(
            f"The release digest in {path} must be that of the files it lists, {digest}, not"
            f" {release.release_digest}; copy it again."
        )
    return release


def read_whole_release(directory: str | os.PathLike[str]) -> Release:
    """Reads the description of a release and checks that its files are those that it names.

    Raises:
      ReleaseError: the description is missing, or a file is not what was exported.
    """
    release = read_release(directory)
    for format_ in FORMATS:
        check_files(Path(directory) / format_, release, format_, hashes=True)
    return release


def check_files(directory: str | Path, release: Release, format_: Format, hashes: bool) -> None:
    """Checks that a folder holds every file of one format.

    Args:
      directory: The folder of that format: below a release, or a published version.
      release: What it must hold.
      format_: Which of the release's formats.
      hashes: Whether the content is read and hashed; sizes are compared in any case.

    Raises:
      ReleaseError: a file is missing, or is not what was exported.
    """
    root = Path(directory)
    sizes = release.sizes_of(format_)
    for name, sha256 in release.files_of(format_).items():
        file = root / name
        if not file.is_file():
            raise ReleaseError(f"{root} must hold {name}, which its {RELEASE_FILE} names, and does not; copy it again.")
        if file.stat().st_size != sizes[name]:
            raise ReleaseError(
                f"{file} must have {sizes[name]} bytes, and has {file.stat().st_size}; copy {root} again."
            )
        if hashes and sha256_of_file(file) != sha256:
            raise ReleaseError(f"{file} must be as it was exported, and its sha256 has changed; copy {root} again.")


def _require_own_paths(paths: Iterable[str]) -> None:
    """Raises ValueError where a path is not below the folder of a format: files are copied to where it says."""
    for path in paths:
        first, *others = path.split("/")
        if first not in FORMATS or not others or any(part in ("", ".", "..") for part in others) or "\\" in path:
            raise ValueError(f"its file {path!r} is not below {', '.join(FORMATS)}")


def _require_texts(release: Release) -> None:
    """Raises ValueError where a field that cards and addresses are made of is no text, or names no format."""
    for name in ("name", "model_digest", "license", "language"):
        if not isinstance(value := getattr(release, name), str):
            raise ValueError(f"its {name} is {value!r}, and no text")  # noqa: TRY004 — said as all else is
    if release.format not in (None, *FORMATS):
        raise ValueError(f"its format is {release.format!r}, and none of {', '.join(FORMATS)}")


def _below(format_: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{format_}/"
    return {path.removeprefix(prefix): value for path, value in values.items() if path.startswith(prefix)}
