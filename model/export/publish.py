"""Publishing: one format of a blessed release becomes a numbered version in a directory.

<destination>/<name>/saved_model/
  1/                    saved_model.pb, variables/, assets/ at its root, as TF Hub and TF Serving want them,
                        README.md (the model card) and RELEASE.json
  1.tar.gz              the SavedModel alone, saved_model.pb at its root: the file that hubs serve
  latest                the number of the newest version; written last
<destination>/<name>/onnx/
  1/                    onnx/model.onnx, config.json, vocab.json, …, README.md and RELEASE.json
  latest
<destination>/<name>/checkpoint/
  1/                    model.safetensors, config.json, …, README.md and RELEASE.json
  latest

A version appears by one rename, after its bytes have been compared with RELEASE.json and a fresh process has compared
what they compute with what the evaluator measured. Two publishers cannot take the same number, because a directory
cannot be renamed onto another that is not empty.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gzip
import logging
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from model.errors import ReleaseError, UsageError
from model.export.model_card import model_card, read_evaluation
from model.export.release import RELEASE_FILE, SAVED_MODEL, Format, Release, check_files, read_release
from model.export.verify import verify_in_fresh_process
from model.storage import disk_full_is_said, replacing

CARD_FILE = "README.md"
LATEST_FILE = "latest"
PROBES_FILE = "probes.npz"
PUBLICATION_FILE = "publication.json"

_LOG = logging.getLogger(__name__)
_STAGING_PREFIX = ".staging-"
# A killed publisher leaves its staging directory; no publisher takes a day.
_ABANDONED_AFTER_SECONDS = 24 * 3600
# What rename says where another publisher was faster.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@dataclasses.dataclass(frozen=True)
class Blessing:
    """What the evaluator said, and who decides.

    Attributes:
      blessed: Whether it may be released.
      release_digest: What was judged; empty where the blessing does not say.
      model_digest: Of the model that was exported; empty where the blessing does not say.
      reason: Why it may not be released, a sentence; not used where it may.
    """

    blessed: bool
    release_digest: str
    model_digest: str
    reason: str = "The evaluator did not bless this release, so nothing was published."


@dataclasses.dataclass(frozen=True)
class Publication:
    """What came of it.

    Attributes:
      pushed: Whether a version was added now.
      version: The version that holds the release; None where it is not published.
      directory: Of that version.
      release_digest: Of the release; empty where it was not looked at.
      reason: One sentence, for people.
    """

    pushed: bool
    version: int | None
    directory: Path | None
    release_digest: str
    reason: str

    def to_mapping(self) -> dict[str, Any]:
        """Returns the properties of a PushedModel artifact: an int, `pushed`, and strings, empty where unknown."""
        return {
            "pushed": int(self.pushed),
            "pushed_destination": "" if self.directory is None else str(self.directory),
            "pushed_version": "" if self.version is None else str(self.version),
            "release_digest": self.release_digest,
            "reason": self.reason,
        }


def publish(
    format_: Format,
    release_directory: str | os.PathLike[str],
    evaluation_directory: str | os.PathLike[str],
    blessing: Blessing,
    destination: str,
    name: str,
) -> Publication:
    """Publishes one format of a release, if it is blessed and not yet published.

    Args:
      format_: `saved_model`, `onnx` or `checkpoint`.
      release_directory: What `model.export.build` wrote.
      evaluation_directory: The evaluator's: `metrics.json`, `gate.json` and `probes.npz`.
      blessing: The evaluator's judgement, and that of people.
      destination: A directory on this machine.
      name: The directory below it, for this model.

    Raises:
      UsageError: the destination is not on this machine.
      ReleaseError: the release is not what was judged or measured, or its version was changed after it was published.
      DiskFullError: there is no room left. In all these cases nothing new is published.
    """
    if not blessing.blessed:
        return Publication(False, None, None, "", blessing.reason)
    root = _root(destination, name, format_)
    release = read_release(release_directory)
    _check_blessing(blessing, release)
    with disk_full_is_said(root):
        root.mkdir(parents=True, exist_ok=True)
        version = _published_version(root, release, format_)
        if version is not None:
            return _already(root, version, release)
        with _staging(root) as staging:
            content = staging / "content"
            _stage(Path(release_directory) / format_, content, release, format_)
            evaluation = Path(evaluation_directory)
            verify_in_fresh_process(format_, content, evaluation / PROBES_FILE)
            card = model_card(release, format_, name, read_evaluation(evaluation, release))
            (content / CARD_FILE).write_text(card, encoding="utf-8")
            archive = staging / "model.tar.gz"
            if format_ == SAVED_MODEL:
                write_archive(content, release.files_of(format_), archive)
            version = _claim(content, root, release, format_)
            if version is None:
                return _already(root, _published_version(root, release, format_), release)
            if format_ == SAVED_MODEL:
                archive.replace(_archive_path(root, version))
    _update_latest(root)
    directory = root / str(version)
    return Publication(
        True, version, directory, release.release_digest, f"Published as version {version} in {directory}."
    )


def write_archive(directory: Path, names: Iterable[str], path: Path) -> None:
    """Writes files into a `.tar.gz` whose bytes depend on their names and content alone.

    Args:
      directory: Where the files lie.
      names: Their paths below it, which are also their names in the archive.
      path: The archive.
    """
    files = sorted(names)
    folders = sorted({parent.as_posix() for name in files for parent in Path(name).parents} - {"."})
    with (
        open(path, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (directory / name).stat().st_size, 0o644
            with open(directory / name, "rb") as file:
                archive.addfile(entry, file)


def _root(destination: str, name: str, format_: Format) -> Path:
    if not destination or "://" in destination:
        raise UsageError(f"A pusher's destination must be a directory on this machine, not {destination!r}.")
    if not name or Path(name).name != name:
        raise UsageError(f"The name of a published model must be that of a directory, not {name!r}.")
    return Path(destination).expanduser().resolve() / name / format_


def _check_blessing(blessing: Blessing, release: Release) -> None:
    for kind in ("release_digest", "model_digest"):
        blessed, released = getattr(blessing, kind), getattr(release, kind)
        if blessed != released:
            raise ReleaseError(
                f"A blessing must be that of the release: its {kind} must be {released}, and is {blessed or 'missing'};"
                " run the evaluator again."
            )


def _stage(source: Path, content: Path, release: Release, format_: Format) -> None:
    """Copies the files that RELEASE.json names, and compares the copies with it."""
    if not release.files_of(format_):
        raise ReleaseError(
            f"A release must hold the format {format_} to publish it, and this has none; export it again."
        )
    for name in release.files_of(format_):
        target = content / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source / name, target)
        except FileNotFoundError as error:
            raise ReleaseError(f"The release must hold {format_}/{name}, and does not; export it again.") from error
    check_files(content, release, format_, hashes=True)


@contextlib.contextmanager
def _staging(root: Path) -> Iterator[Path]:
    for leftover in root.glob(f"{_STAGING_PREFIX}*"):
        if time.time() - leftover.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=root))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _claim(content: Path, root: Path, release: Release, format_: Format) -> int | None:
    """Renames the staged copy to the next version.

    Returns:
      The version; None where somebody has published the same release meanwhile.
    """
    while _published_version(root, release, format_) is None:
        version = max(_numbers(root), default=0) + 1
        dataclasses.replace(release, format=format_, version=version).write(content)
        try:
            content.rename(root / str(version))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            _LOG.info("Version %d was taken meanwhile.", version)
        else:
            return version
    return None


def _already(root: Path, version: int | None, release: Release) -> Publication:
    """Says that a release is published, after doing what a publisher that was killed at the end has left undone."""
    assert version is not None
    directory = root / str(version)
    if root.name == SAVED_MODEL and not _archive_path(root, version).exists():
        with replacing(_archive_path(root, version)) as temporary:
            write_archive(directory, release.files_of(SAVED_MODEL), temporary)
    if version == max(_versions(root)):
        _update_latest(root)
    return Publication(
        False, version, directory, release.release_digest, f"Already published as version {version} in {directory}."
    )


def _published_version(root: Path, release: Release, format_: Format) -> int | None:
    """The version that holds this release, if there is one.

    Raises:
      ReleaseError: there is one, and it is no longer what was published.
    """
    for version, published in _versions(root).items():
        if published.release_digest == release.release_digest:
            try:
                check_files(root / str(version), release, format_, hashes=True)
            except ReleaseError as error:
                raise ReleaseError(
                    f"Version {version} in {root} must stay as it was published: {error} Or delete that version, and"
                    " push again."
                ) from error
            return version
    return None


def _versions(root: Path) -> dict[int, Release]:
    """What is published, by version; directories that are no published version are left out."""
    versions = {}
    for number in sorted(_numbers(root)):
        directory = root / str(number)
        if not (directory / RELEASE_FILE).is_file():
            _LOG.warning(
                "%s has no %s, so it is no published version; its number is not used again.", directory, RELEASE_FILE
            )
            continue
        versions[number] = read_release(directory)
    return versions


def _numbers(root: Path) -> list[int]:
    return [int(path.name) for path in root.iterdir() if path.name.isascii() and path.name.isdecimal()]


def _update_latest(root: Path) -> None:
    """Lets `latest` name the newest version, also where two publishers do this at once."""
    path = root / LATEST_FILE
    newest = None
    while newest != max(_versions(root)):
        newest = max(_versions(root))
        text = f"{newest}\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")


def _archive_path(root: Path, version: int) -> Path:
    return root / f"{version}.tar.gz"
