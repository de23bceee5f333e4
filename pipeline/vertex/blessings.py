"""The blessings of a release in Vertex ML Metadata, where the compiled resolver looks for the baseline.

It takes the latest blessing with `blessed` 1 that names its pipeline, and knows nothing of decisions. So a decision
changes `blessed` of the evaluator's own blessings: rejected, none of them stands; approved, that of the run does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from model.errors import DataError, W2v2Error
from pipeline.vertex.cloud_workspace import PipelineRecord
from pipeline.vertex.metadata import VertexMetadata

# The type as the compiled resolver names it.
SCHEMA_TITLE = "tfx.ModelBlessing"

_SHA256 = re.compile(r"[0-9a-f]{64}")
# As TFX's evaluator and `components.evaluation.blessing` have them; both take seconds to import.
_BLESSED, _DIGEST, _PIPELINE = "blessed", "release_digest", "w2v2_pipeline"


class Blessings:
    """The blessings of one release within one pipeline.

    Decisions are about releases of a pipeline. Blessings of the same bytes that name another pipeline, whose gate may
    have judged otherwise, are left alone: this one's resolver never takes them.

    Args:
      metadata: The store of the pipeline's project and region.
      pipeline: Its name.
      release_digest: Of the release.

    Raises:
      DataError: the digest is none, and would find the blessings of other releases.
    """

    def __init__(self, metadata: VertexMetadata, pipeline: str, release_digest: str) -> None:
        if _SHA256.fullmatch(release_digest) is None:
            raise DataError(
                f"A decision must be about a release with a digest, 64 hexadecimal digits, and the evaluation names"
                f" {release_digest!r}; run again with vertex.enable_cache=False."
            )
        self._metadata = metadata
        self._pipeline = pipeline
        self._digest = release_digest

    @classmethod
    def of(cls, record: PipelineRecord, release_digest: str) -> Blessings:
        """Returns those of a release, in the store of its pipeline's project and region."""
        return cls(VertexMetadata(record.project, record.region), record.pipeline, release_digest)

    def require(self, uri: str) -> None:
        """Looks whether the store knows the blessing of a run.

        Args:
          uri: Of the blessing.

        Raises:
          DataError: it does not, or this account must not see it.
          UsageError, TryAgainError: as `VertexMetadata`.
        """
        self._named(uri)

    def standing(self) -> list[str]:
        """Returns the names of those that the resolver may take."""
        return [str(one["name"]) for one in self._found() if _of(one).get(_BLESSED) == 1]

    def take_away(self) -> None:
        """Sets `blessed` to 0 on all of them; done again, it does what is left.

        Raises:
          UsageError, DataError, TryAgainError: as `VertexMetadata`; the message says what is left.
        """
        done: set[str] = set()
        # Those that an evaluator has written meanwhile are found by asking once more.
        while left := [name for one in self._found() if (name := str(one["name"])) not in done]:
            for number, name in enumerate(left):
                try:
                    self._set(name, 0)
                except W2v2Error as error:
                    raise type(error)(
                        f"{error} The rejection is recorded, and is not done: {len(left) - number} of"
                        f" {len(done) + len(left) - number} blessings of the release may still be taken for a baseline"
                        f" ({', '.join(left[number:])}); the same command goes on with them."
                    ) from error
                done.add(name)

    def give(self, uri: str) -> None:
        """Sets `blessed` to 1 on the blessing of a run; done again, it changes nothing.

        Args:
          uri: Of the blessing.

        Raises:
          UsageError, DataError, TryAgainError: as `VertexMetadata`; the message says what is left.
        """
        try:
            self._set(self._named(uri), 1)
        except W2v2Error as error:
            raise type(error)(
                f"{error} The approval is recorded, and is not done: later models are not compared with this one yet,"
                " and it is not published; the same command goes on."
            ) from error

    def _set(self, name: str, blessed: int) -> None:
        """Sets `blessed`, and reads it back."""
        found = self._metadata.change(name, {_BLESSED: blessed})
        if _of(found).get(_BLESSED) != blessed:
            raise DataError(
                f"Vertex ML Metadata must keep what was written, {_BLESSED} {blessed} of {name}, and has"
                f" {_of(found).get(_BLESSED)!r}; look at the artifact in the console."
            )

    def _named(self, uri: str) -> str:
        for one in self._found():
            if one.get("uri") == uri:
                return str(one["name"])
        raise DataError(
            f"A decision must follow an evaluator's blessing, and Vertex ML Metadata has none of the release"
            f" {self._digest} at {uri or 'any place'}; run the pipeline again."
        )

    def _found(self) -> list[dict[str, Any]]:
        listed = self._metadata.artifacts(SCHEMA_TITLE, {_DIGEST: self._digest})
        return [one for one in listed if _of(one).get(_PIPELINE, self._pipeline) == self._pipeline]


def _of(artifact: Mapping[str, Any]) -> Mapping[str, Any]:
    return artifact.get("metadata", {})
