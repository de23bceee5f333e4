"""What an evaluator judged, and what people decided about it, found by what the metadata store says of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from components.decisions import DecisionRecord, decisions_place, read_decisions

# The second is what runs have whose code did not run on Vertex AI.
EVALUATION_TYPES = ("components.Evaluation", "Evaluation")
BLESSING_TYPE = "ModelBlessing"


@dataclasses.dataclass(frozen=True)
class StoredArtifact:
    """An artifact as the metadata store has it.

    Attributes:
      key: The output of the node that made it.
      type_name: Its type.
      uri: Where it lies.
      properties: Its custom properties.
    """

    key: str
    type_name: str
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Judged:
    """What an evaluator judged.

    Attributes:
      evaluation: The artifact of the evaluation.
      blessing: The evaluator's blessing; None where it cannot be found.
      pipeline_root: TFX's root of the pipeline, beneath which decisions lie: a directory or a gs:// address.
    """

    evaluation: StoredArtifact
    blessing: StoredArtifact | None
    pipeline_root: str

    @property
    def release_digest(self) -> str:
        """Of the release; empty where the evaluation does not say."""
        return str(self.evaluation.properties.get("release_digest", ""))

    @property
    def model_digest(self) -> str:
        """Of its model; empty where the evaluation does not say."""
        return str(self.evaluation.properties.get("model_digest", ""))

    @property
    def decisions_place(self) -> str:
        """Where the decisions about the pipeline's releases lie."""
        return decisions_place(self.pipeline_root)

    def is_same_release(self, other: Judged) -> bool:
        """Tells whether decisions about one are decisions about the other."""
        return (self.decisions_place, self.release_digest) == (other.decisions_place, other.release_digest)

    def read_decisions(self) -> tuple[DecisionRecord, ...]:
        """Returns what people decided about the release, the oldest first.

        Raises:
          DataError: a record cannot be read, or is about something else.
        """
        if not self.release_digest:
            return ()
        return read_decisions(self.decisions_place, self.release_digest, self.model_digest)


def find_judged(outputs_by_node: Iterable[Iterable[StoredArtifact]], pipeline_root: str) -> Judged | None:
    """Returns what was judged in a run; None where nothing was.

    Args:
      outputs_by_node: The outputs of its nodes. A resolver's are among them, so that not every blessing is the run's.
      pipeline_root: TFX's root of its pipeline.
    """
    for outputs in outputs_by_node:
        made = {artifact.type_name: artifact for artifact in outputs}
        for name in EVALUATION_TYPES:
            if name in made:
                return Judged(made[name], made.get(BLESSING_TYPE), pipeline_root)
    return None
