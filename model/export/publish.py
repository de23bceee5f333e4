"""Publishing: one format of a blessed release becomes a version wherever it is to be.

What is staged are the bytes that RELEASE.json names; a fresh process compares what they compute with what the evaluator
measured; the model card is made of the evaluation. Only then does a version appear, in each destination whole or not at
all: `model.export.destinations` has the places.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import ReleaseError
from model.export.destinations.destination import CARD_FILE, Copy, Destination
from model.export.distribute import distribute
from model.export.hub_page import page_of_version
from model.export.model_card import model_card, read_evaluation
from model.export.release import SAVED_MODEL, Format, Release, read_release
from model.export.verify import verify_in_fresh_process

PROBES_FILE = "probes.npz"
PUBLICATION_FILE = "publication.json"


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
      copies: Where the release is published now, in the order of the destinations; none where it is not.
      release_digest: Of the release; empty where it was not looked at.
      reason: Sentences, for people.
    """

    copies: tuple[Copy, ...]
    release_digest: str
    reason: str

    @property
    def pushed(self) -> bool:
        """Whether anything was published now."""
        return any(copy.is_new for copy in self.copies)

    def to_mapping(self) -> dict[str, Any]:
        """Returns the properties of a PushedModel artifact: an int, `pushed`, and strings, empty where unknown.

        Destination and version are those of the first copy; `hubs` has the addresses of the others, between blanks.
        """
        first, *others = self.copies or [Copy("", "")]
        return {
            "pushed": int(self.pushed),
            "pushed_destination": first.address,
            "pushed_version": first.version,
            "hubs": " ".join(copy.address for copy in others),
            "release_digest": self.release_digest,
            "reason": self.reason,
        }


def publish(
    format_: Format,
    release_directory: str | os.PathLike[str],
    evaluation_directory: str | os.PathLike[str],
    blessing: Blessing,
    destinations: Sequence[Destination],
    name: str,
) -> Publication:
    """Publishes one format of a release, if it is blessed, wherever it is not yet published.

    Args:
      format_: `saved_model`, `onnx` or `checkpoint`.
      release_directory: What `model.export.build` wrote.
      evaluation_directory: The evaluator's: `metrics.json`, `gate.json` and `probes.npz`.
      blessing: The evaluator's judgement, and that of people.
      destinations: Where to; the first is the one that records name.
      name: Of the model, for its card.

    Raises:
      UsageError: a destination cannot be used: nothing is published then.
      ReleaseError: the release is not what was judged or measured, or a version was changed after it was published.
      TryAgainError: a service does not answer, or there is no room left. What is published by then is found again.
    """
    if not blessing.blessed:
        return Publication((), "", blessing.reason)
    release = read_release(release_directory)
    _check_blessing(blessing, release)

    def prepare(content: Path) -> Release:
        evaluation = Path(evaluation_directory)
        verify_in_fresh_process(format_, content, evaluation / PROBES_FILE)
        summary = read_evaluation(evaluation, release)
        (content / CARD_FILE).write_text(model_card(release, format_, name, summary), encoding="utf-8")
        return dataclasses.replace(release, evaluation=summary.sha256_by_file)

    def page(number: int, archive_address: str) -> str:
        summary = read_evaluation(Path(evaluation_directory), release)
        addresses = [destination.address for destination in destinations]
        return page_of_version(release, number, name, summary, addresses, archive_address)

    source = Path(release_directory) / format_
    pages = page if format_ == SAVED_MODEL else None
    copies = distribute(release, source, format_, destinations, prepare, pages)
    return Publication(tuple(copies), release.release_digest, " ".join(copy.sentence for copy in copies))


def _check_blessing(blessing: Blessing, release: Release) -> None:
    for kind in ("release_digest", "model_digest"):
        blessed, released = getattr(blessing, kind), getattr(release, kind)
        if blessed != released:
            raise ReleaseError(
                f"A blessing must be that of the release: its {kind} must be {released}, and is {blessed or 'missing'};"
                " run the evaluator again."
            )
