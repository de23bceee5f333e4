"""How the resolver finds what to compare with: the latest blessed model that no person has rejected since."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.types import standard_artifacts

from components.decisions import DECISION_PROPERTY

_DIGEST_PROPERTY = "release_digest"


class LatestStandingModelStrategy(resolver.ResolverStrategy):
    """Finds the latest blessed model as TFX does, without the blessings of releases whose last word is `reject`.

    TFX takes a model for blessed that has any blessing of 1, whatever came later. A decision is a blessing with the
    custom property `decision`; of several about one release digest the last counts, and it counts more than what an
    evaluator says later about the same digest.

    Vertex AI executes no strategy but TFX's own, and `LatestBlessedModelStrategy` becomes a filter there that takes any
    blessing of 1, of any pipeline. The pipeline that is compiled for Vertex has TFX's strategy in this one's place, and
    its filter is kept to blessings that name this pipeline (`pipeline.vertex.spec`). So a rejection sets `blessed` to 0
    there on every blessing of its release digest that is of this pipeline, and an approval sets it to 1
    (`pipeline.vertex.blessings`).
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Returns the model and its blessing, each under its key; empty lists where no model stands.

        Args:
          store: The metadata store, which is not asked.
          input_dict: All models and all blessings of the pipeline, each under a key of its own.
        """
        rejected = _rejected(artifact for artifacts in input_dict.values() for artifact in artifacts)
        standing = {
            key: [one for one in artifacts if not (_is_blessing(one) and _digest(one) in rejected)]
            for key, artifacts in input_dict.items()
        }
        return latest_blessed_model_strategy.LatestBlessedModelStrategy().resolve_artifacts(store, standing)


def _rejected(artifacts: Any) -> set[str]:
    """Returns the release digests whose last decision is to reject."""
    decided = [one for one in artifacts if _is_blessing(one) and one.has_custom_property(DECISION_PROPERTY)]
    last = {_digest(one): one for one in sorted(decided, key=lambda one: one.id)}
    return {
        digest
        for digest, one in last.items()
        if digest
        and one.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == constants.NOT_BLESSED_VALUE
    }


def _is_blessing(artifact: types.Artifact) -> bool:
    return isinstance(artifact, standard_artifacts.ModelBlessing)


def _digest(blessing: types.Artifact) -> str:
    return blessing.get_string_custom_property(_DIGEST_PROPERTY)
