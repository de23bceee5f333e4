"""From whatever a person names as a model to the files that are evaluated: released ones, or those of a new export."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from model.directory import MANIFEST_FILE, read_manifest
from model.errors import UsageError
from model.export.build import Padding, build_release
from model.export.release import CHECKPOINT, RELEASE_FILE, SAVED_MODEL, Format, Release, check_files, read_release
from model.export.settings import ReleaseSettings
from model.pretrained import TINY

_TINY = "tiny"
_LATEST_FILE = "latest"


@dataclasses.dataclass(frozen=True)
class ObtainedRelease:
    """A SavedModel that can be evaluated.

    Attributes:
      directory: Of the release, or of the published version.
      source: What was named.
      kind: What that was.
      model_digest: Of the model.
      release_digest: Of the files, where they are released ones; empty where they were exported for this.
    """

    directory: Path
    source: str
    kind: str
    model_digest: str
    release_digest: str = ""

    @property
    def saved_model_dir(self) -> Path:
        """The SavedModel itself: a folder of a release, or all of a published version."""
        below = self.directory / SAVED_MODEL
        return below if below.is_dir() else self.directory


def obtain_release(
    source: str, place: Path, padding: Padding = "masked", language: str | None = None
) -> ObtainedRelease:
    """Finds the SavedModel of a model, or exports one.

    A released SavedModel is taken as it is. Where padding is to count as sound, as no release has it, the release's
    checkpoint is exported anew; a model directory, and a published checkpoint, which is converted first, are exported
    in any case.

    Args:
      source: A release, a published version of it or a folder of versions; a model directory; or a published
        checkpoint: `tiny`, a directory, a file of weights, or `hf://owner/name[@revision]`.
      place: A directory for this model alone, which gets what has to be made; what was converted there is not
        converted again.
      padding: As in `Wav2Vec2Base`.
      language: Of an MMS checkpoint.

    Raises:
      UsageError: there is no such model, or a release without the format that is needed.
      CheckpointError: the model or the checkpoint is not whole, does not fit, or has no CTC head.
      ReleaseError: a file of the release is not what was exported.
      TryAgainError: the Hub does not answer.
      DiskFullError: there is no room left on the file system.
    """
    directory, release = _named(source)
    if release is not None and release.head != "ctc":
        raise UsageError(
            f"A model to evaluate must write text, and {source} is a backbone without a CTC head; fine-tune it first"
            f" with: w2v2 run --checkpoint {source}"
        )
    if directory is not None and release is not None and padding == "masked" and release.format != CHECKPOINT:
        found = _files_of(source, directory, release, SAVED_MODEL)
        whole = directory if release.format is None else found
        return ObtainedRelease(whole, source, "release", release.model_digest, release.release_digest)
    is_model = directory is not None and (directory / MANIFEST_FILE).is_file()
    kind = "release" if release is not None else "model directory" if is_model else "checkpoint"
    return _exported(model_directory_of(source, place, language), source, kind, place, padding)


def model_directory_of(source: str, place: Path, language: str | None = None) -> Path:
    """Finds the model directory of a model, or converts one to a model directory; its head may be any.

    Args:
      source: What `obtain_release` takes.
      place: A directory for this model alone, which gets what has to be made; what was converted there is not converted
        again.
      language: Of an MMS checkpoint.

    Raises:
      UsageError: there is no such model, or a release without its checkpoint.
      CheckpointError: the model or the checkpoint is not whole, or does not fit.
      ReleaseError: a file of the release is not what was exported.
      TryAgainError: the Hub does not answer.
      DiskFullError: there is no room left on the file system.
    """
    directory, release = _named(source)
    if directory is not None and release is not None:
        return _converted(str(_files_of(source, directory, release, CHECKPOINT)), place, language)
    if directory is not None and (directory / MANIFEST_FILE).is_file():
        return directory
    return _converted(str(TINY) if source == _TINY else source, place, language)


def _named(source: str) -> tuple[Path | None, Release | None]:
    """Returns the directory that is named, of versions the newest, and the release that it holds, if any."""
    if "://" in source:
        return None, None
    directory = _version_of(Path(source).expanduser())
    return directory, read_release(directory) if (directory / RELEASE_FILE).is_file() else None


def _version_of(directory: Path) -> Path:
    """Returns the newest version, where a folder of versions is named, or a folder of formats with versions."""
    for folder in (directory, directory / SAVED_MODEL, directory / CHECKPOINT):
        pointer = folder / _LATEST_FILE
        if pointer.is_file() and not (directory / RELEASE_FILE).is_file():
            version = folder / pointer.read_text(encoding="utf-8", errors="replace").strip()
            if (version / RELEASE_FILE).is_file():
                return version
    return directory


def _files_of(source: str, directory: Path, release: Release, wanted: Format) -> Path:
    """Returns a format of a release, checked: `<release>/<format>`, or published, `<name>/<format>/<version>`."""
    found = directory / wanted
    if release.format is not None:
        version = directory.resolve()
        found = version if release.format == wanted else version.parents[1] / wanted / version.name
    if not found.is_dir():
        raise UsageError(
            f"The release {source} must have its {wanted} at {found}, and has none; name a directory that has, or the"
            " checkpoint that it was made from."
        )
    check_files(found, release, wanted, hashes=True)
    return found


def _converted(checkpoint: str, place: Path, language: str | None) -> Path:
    from model.checkpoint import convert_checkpoint

    directory = place / "model"
    if not (directory / MANIFEST_FILE).is_file():
        convert_checkpoint(checkpoint, directory, language)
    return directory


def _exported(model_directory: Path, source: str, kind: str, place: Path, padding: Padding) -> ObtainedRelease:
    manifest = read_manifest(model_directory)
    if manifest.get("head", "ctc") != "ctc":
        raise UsageError(
            f"A model to evaluate must write text, and {source} has no CTC head; fine-tune it first with: w2v2 run"
            f" --checkpoint {source}"
        )
    directory = place / f"release-{padding}"
    release = build_release(model_directory, directory, ReleaseSettings(), (SAVED_MODEL,), padding)
    return ObtainedRelease(directory, source, kind, release.model_digest)
