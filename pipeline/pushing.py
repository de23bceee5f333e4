"""A release that lies on this machine, published where a person says: `w2v2 push`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beam_jobs.release_destinations import open_destination
from model.errors import ReleaseError, UsageError
from model.export.destinations.destination import CARD_FILE, Copy, Destination, Page
from model.export.destinations.hugging_face import HuggingFaceDestination
from model.export.destinations.kaggle import KaggleDestination
from model.export.destinations.numbered import NumberedDestination
from model.export.destinations.settings import HuggingFaceSettings, KaggleSettings
from model.export.distribute import distribute
from model.export.evaluation_summary import EvaluationSummary
from model.export.hub_page import HUB_PAGE_FILE, page_of_version
from model.export.model_card import model_card, read_evaluation
from model.export.publish import PROBES_FILE
from model.export.release import FORMATS, RELEASE_FILE, SAVED_MODEL, Format, Release, check_files, read_release
from model.export.verify import verify_in_fresh_process
from model.storage import json_text

_HUGGING_FACE, _KAGGLE = "hf://", "kaggle://"


@dataclasses.dataclass(frozen=True)
class Source:
    """What is published.

    Attributes:
      directory: A release, or a published version of it.
      release: As its RELEASE.json describes it.
      formats: That are there, and are to be published.
      evaluation: Of the release; None where there is none, or where a published version has its card already.
      evaluation_directory: Where that is from.
    """

    directory: Path
    release: Release
    formats: tuple[Format, ...]
    evaluation: EvaluationSummary | None
    evaluation_directory: Path | None

    @property
    def is_evaluated(self) -> bool:
        """Whether its card tells of an evaluation."""
        return self.evaluation is not None or self.release.evaluation is not None

    def files_of(self, format_: Format) -> Path:
        """Returns where the files of a format lie."""
        return self.directory if self.release.format is not None else self.directory / format_

    def card(self, format_: Format, name: str) -> str:
        """Returns the model card of the copies; that of a published version that was evaluated goes with it."""
        if self.evaluation is None and self.release.evaluation is not None:
            try:
                return (self.directory / CARD_FILE).read_text(encoding="utf-8")
            except FileNotFoundError as error:
                raise ReleaseError(
                    f"A published version must have its model card, and {self.directory / CARD_FILE} is not there; copy"
                    " it again."
                ) from error
        return model_card(self.release, format_, name, self.evaluation)

    def page(self, format_: Format, name: str, addresses: Sequence[str]) -> Page | None:
        """Returns what makes a SavedModel's pages; None where its numbers are in a card only, which goes with it."""
        if format_ != SAVED_MODEL or (self.evaluation is None and self.release.evaluation is not None):
            return None
        return lambda version, archive_address: page_of_version(
            self.release, version, name, self.evaluation, addresses, archive_address
        )

    def described(self) -> Release:
        """Returns the release as its copies describe it, but for format and version."""
        told = self.release.evaluation if self.evaluation is None else self.evaluation.sha256_by_file
        return dataclasses.replace(self.release, format=None, version=None, evaluation=told)


def find_source(
    directory: Path, formats: Sequence[Format] | None, evaluation: Path | None, unevaluated: bool
) -> Source:
    """Returns what a person wants to publish.

    Args:
      directory: A release, such as `w2v2 export` or ReleaseExporter writes; a published version; or a folder of
        versions, of which the newest is taken.
      formats: Which of its formats; None for all that it has.
      evaluation: The evaluator's directory, for a release that is none of a published version.
      unevaluated: Whether it may be published without an evaluation.

    Raises:
      UsageError: it is no release, has not the format, or was not evaluated.
      ReleaseError: it is damaged, or the evaluation is of another one.
    """
    root = directory.expanduser().resolve()
    pointer = root / "latest"
    if not (root / RELEASE_FILE).is_file() and pointer.is_file():
        root /= pointer.read_text(encoding="utf-8", errors="replace").strip()
    if not (root / RELEASE_FILE).is_file():
        raise UsageError(
            f"What is pushed must be a release or a published version, with {RELEASE_FILE}, and {directory} is none;"
            " make one with w2v2 export."
        )
    release = read_release(root)
    there: tuple[Format, ...] = tuple(
        format_ for format_ in FORMATS if release.files_of(format_) and release.format in (None, format_)
    )
    missing = [format_ for format_ in formats or () if format_ not in there]
    if missing:
        raise UsageError(f"--format must be one that {root} has, {', '.join(there)}, not {', '.join(missing)}.")
    summary = None if evaluation is None else read_evaluation(evaluation, release)
    source = Source(root, release, there if formats is None else tuple(formats), summary, evaluation)
    if not source.is_evaluated and not unevaluated:
        raise UsageError(
            f"{root} was never evaluated, so nobody knows how good it is; name its evaluation with --evaluation, or"
            " publish it as it is with --unevaluated, and its card will say so."
        )
    for format_ in source.formats:
        check_files(source.files_of(format_), release, format_, hashes=True)
    return source


def find_destinations(
    source: Source, places: Sequence[str], name: str, private: bool
) -> dict[Format, list[Destination]]:
    """Returns where each format goes.

    Args:
      source: What is published.
      places: Directories, `gs://bucket/prefix`, `hf://owner/name`, `kaggle://owner/model/framework/variation`.
      name: Of the model, below a directory or prefix.
      private: Whether a repository that has to be made on the Hugging Face Hub is private.

    Raises:
      UsageError: a place is none, or takes a format that is not published.
    """
    found: dict[Format, list[Destination]] = {format_: [] for format_ in source.formats}
    for place in places:
        if place.startswith(_HUGGING_FACE):
            if len(source.formats) != 1:
                raise UsageError(
                    f"A repository of the Hugging Face Hub takes one format, and there are {', '.join(source.formats)};"
                    f" name the one for {place} with --format."
                )
            format_ = source.formats[0]
            settings = HuggingFaceSettings(place.removeprefix(_HUGGING_FACE), format_, private)
            found[format_].append(HuggingFaceDestination(settings))
        elif place.startswith(_KAGGLE):
            variation = KaggleSettings(place.removeprefix(_KAGGLE))
            if variation.format not in found:
                raise UsageError(
                    f"The framework in {place} takes the format {variation.format}, and what is pushed is"
                    f" {', '.join(source.formats)}; name another framework, or --format {variation.format}."
                )
            found[variation.format].append(KaggleDestination(variation))
        else:
            for format_, destinations in found.items():
                destinations.append(open_destination(place, name, format_))
    return found


def push(source: Source, destinations: dict[Format, list[Destination]], name: str) -> list[tuple[Format, Copy]]:
    """Publishes a release; every destination of every format must be usable before anything is published.

    Returns:
      The copies, by format.

    Raises:
      UsageError: a destination cannot be used.
      ReleaseError: the files are not those of the release, or a published copy is not what was published.
      TryAgainError: a service does not answer, or the disk is full.
    """
    for chosen in destinations.values():
        for destination in chosen:
            destination.require_usable()
    if len(destinations) > 1:
        # A copy of one format that was changed must end it before another format is published.
        for format_, chosen in destinations.items():
            for destination in chosen:
                destination.find(source.release, source.files_of(format_))
    copies: list[tuple[Format, Copy]] = []
    for format_, chosen in destinations.items():

        def prepare(content: Path, format_: Format = format_) -> Release:
            probes = (source.evaluation_directory or source.directory) / PROBES_FILE
            # The bytes of a published version were verified when it was published; their hashes have been compared. A
            # release that nobody evaluated may have no probes; of an evaluation they must be there.
            if source.evaluation_directory is not None or (source.release.format is None and probes.is_file()):
                verify_in_fresh_process(format_, content, probes)
            (content / CARD_FILE).write_text(source.card(format_, name), encoding="utf-8")
            return source.described()

        page = source.page(format_, name, [destination.address for destination in chosen])
        made = distribute(source.release, source.files_of(format_), format_, chosen, prepare, page)
        copies.extend((format_, copy) for copy in made)
    return copies


def plan(source: Source, destinations: dict[Format, list[Destination]], name: str) -> list[dict[str, Any]]:
    """Returns what `push` would upload where, without asking the network.

    Each entry has the format, the destination, the variables that say who publishes, what is missing to use it (None
    where nothing is), the release digest, and the files with their sizes; None where the size is known only there.
    """
    entries = []
    for format_, chosen in destinations.items():
        card_bytes = len(source.card(format_, name).encode())
        described = dataclasses.replace(source.described(), format=format_)
        sizes = source.release.sizes_of(format_)
        for destination in chosen:
            is_numbered = isinstance(destination, NumberedDestination)
            files: dict[str, int | None] = {
                **sizes,
                CARD_FILE: card_bytes,
                RELEASE_FILE: None if is_numbered else len(json_text(described.to_mapping()).encode()),
            }
            if is_numbered and format_ == SAVED_MODEL:
                files["../<version>.tar.gz"] = None
                if source.page(format_, name, []) is not None:
                    files[HUB_PAGE_FILE] = None
            entries.append(
                {
                    "format": format_,
                    "destination": destination.address,
                    "credential": destination.credential or None,
                    "problem": _problem_of(destination),
                    "release_digest": source.release.release_digest,
                    "evaluated": source.is_evaluated,
                    "files": files,
                }
            )
    return entries


def _problem_of(destination: Destination) -> str | None:
    try:
        destination.require_usable()
    except UsageError as error:
        return str(error)
    return None
