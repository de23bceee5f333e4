"""A release of any model, outside the pipeline: exported, verified, and with cards that say that nothing was measured.

<directory>/
  saved_model/, onnx/, checkpoint/   as in any release, each with README.md, its card
  RELEASE.json                       the digests
  probes.npz                         what the Keras model gives of a few sounds, to compare copies with
"""

from __future__ import annotations

import dataclasses
import errno
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model import progress
from model.directory import read_manifest
from model.errors import UsageError
from model.export.build import build_release
from model.export.destinations.destination import CARD_FILE
from model.export.model_card import model_card
from model.export.obtain import model_directory_of
from model.export.probes import make_probes_in_fresh_process
from model.export.publish import PROBES_FILE
from model.export.quantisation import Quantisation
from model.export.release import FORMATS, ONNX, RELEASE_FILE, Format, Release, check_files, read_release
from model.export.settings import ReleaseSettings
from model.export.speech import Speech
from model.export.verify import verify_in_fresh_process
from model.runtimes.choice import QUANTIZED_FILE
from model.storage import disk_full_is_said, require_replaceable


@dataclasses.dataclass(frozen=True)
class Exported:
    """What came of it.

    Attributes:
      directory: Of the release.
      release: As its RELEASE.json describes it.
      formats: That it has.
      probes: On how many sounds each format was compared with the model.
      is_new: Whether it was made now; otherwise it was there already.
      quantisation: What of the ONNX file in int8 is in int8; None where there is no such file.
    """

    directory: Path
    release: Release
    formats: tuple[Format, ...]
    probes: int
    is_new: bool
    quantisation: Quantisation | None

    def to_mapping(self) -> dict[str, Any]:
        """Returns what `w2v2 export --json` prints."""
        return {
            "directory": str(self.directory),
            "formats": list(self.formats),
            "release_digest": self.release.release_digest,
            "model_digest": self.release.model_digest,
            "head": self.release.head,
            "size_bytes": sum(self.release.sizes_bytes.values()),
            "probes": self.probes,
            "is_new": self.is_new,
            "evaluated": False,
            "int8": None if self.quantisation is None else dataclasses.asdict(self.quantisation),
        }


def export_model(
    source: str,
    directory: Path,
    settings: ReleaseSettings,
    formats: Sequence[Format] = FORMATS,
    speech: Speech | None = None,
) -> Exported:
    """Exports a model to a directory, which appears when every format has been compared with the model.

    Args:
      source: A model directory; a release or a published version; or a checkpoint: `tiny`, a directory, a file of
        weights, or `hf://owner/name[@revision]`.
      directory: What is written. A directory that is not empty stays as it is: it must hold this very release.
      settings: Name, licence and so on.
      formats: In which formats.
      speech: On which it is measured what int8 changes; without any, everything is quantised that can be.

    Raises:
      UsageError: the directory holds something else, there is no such model, or there is speech and no int8.
      DataError: the speech cannot be read.
      CheckpointError: the model or the checkpoint is not whole.
      ReleaseError: a format does not compute what the model computes.
      TryAgainError: the Hub does not answer, or the disk is full.
    """
    asked_for = set(formats)
    chosen: tuple[Format, ...] = tuple(format_ for format_ in FORMATS if format_ in asked_for)
    target = directory.expanduser().resolve()
    require_replaceable(target, RELEASE_FILE, source if "://" not in source else "")
    with disk_full_is_said(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
            model = model_directory_of(source, Path(place))
            manifest = read_manifest(model)
            _require_same_model(target, str(manifest["model_digest"]))
            if speech and (ONNX not in chosen or manifest.get("head", "ctc") != "ctc"):
                raise UsageError(
                    f"Speech must be named for the ONNX file in int8, and the export of {source} has none; leave it"
                    " out."
                )
            made = Path(place) / "release"
            release = build_release(model, made, settings, chosen, speech=speech)
            if (target / RELEASE_FILE).is_file():
                return _found(target, release, chosen)
            probes = make_probes_in_fresh_process(model, made / PROBES_FILE)
            for number, format_ in enumerate(chosen):
                progress.report(number, len(chosen), "formats", f"comparing {format_} with the model")
                verify_in_fresh_process(format_, made / format_, made / PROBES_FILE)
                card = model_card(release, format_, settings.name, None)
                (made / format_ / CARD_FILE).write_text(card, encoding="utf-8")
            _appear(made, target)
    return Exported(target, release, chosen, probes, is_new=True, quantisation=_quantisation_of(target))


def _require_same_model(target: Path, model_digest: str) -> None:
    """Refuses a directory that holds the release of another model, before anything is exported."""
    if (target / RELEASE_FILE).is_file() and read_release(target).model_digest != model_digest:
        raise _occupied(target, "another model")


def _found(target: Path, release: Release, formats: tuple[Format, ...]) -> Exported:
    there = read_release(target)
    if there.release_digest != release.release_digest:
        raise _occupied(target, "the same model in other formats, by another version or by other speech")
    if (there.name, there.license, there.language) != (release.name, release.license, release.language):
        raise _occupied(target, "the same files under another name, licence or language")
    for format_ in formats:
        check_files(target / format_, there, format_, hashes=True)
    return Exported(target, there, formats, 0, is_new=False, quantisation=_quantisation_of(target))


def _quantisation_of(release_directory: Path) -> Quantisation | None:
    path = release_directory / ONNX / QUANTIZED_FILE
    return Quantisation.of_file(path) if path.is_file() else None


def _occupied(target: Path, what: str) -> UsageError:
    return UsageError(
        f"The output {target} must be new, empty or this very release, and holds {what}; name a new directory. It stays"
        " as it is."
    )


def _appear(made: Path, target: Path) -> None:
    """Renames the release to its place; a directory that was filled meanwhile stays as it is."""
    # Nobody but the owner may look into a temporary directory.
    shutil.copymode(target.parent, made)
    try:
        made.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        raise _occupied(target, "what somebody has put there meanwhile") from error
