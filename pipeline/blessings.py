"""Puts what a person decided into the metadata store, as a blessing that resolvers see beside the evaluator's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beam_jobs import places
from components.decisions import DECISION_PROPERTY, DecisionRecord
from model.errors import DataError
from pipeline.judged import BLESSING_TYPE, Judged
from pipeline.metadata_store import open_store, said_if_unusable

EXECUTION_TYPE = "w2v2.Decision"

_RECORD_PROPERTY = "decision_record"
_OUTPUT_KEY = "blessing"
# As TFX's evaluator has them; its own constants take seconds to import.
_BLESSED_PROPERTY = "blessed"
_MODEL_ID_PROPERTY = "current_model_id"
_FILE_BY_BLESSED = {1: "BLESSED", 0: "NOT_BLESSED"}


def publish_blessing(metadata_file: Path, pipeline: str, judged: Judged, record: DecisionRecord, place: str) -> None:
    """Publishes the blessing of a decision, unless it is there already.

    It has the evaluator's custom properties, with `blessed` as the person decided, and `decision` and
    `decision_record`. It is an output of an execution of its own type in the pipeline's context, but in no run.

    Args:
      metadata_file: The SQLite file of the metadata store.
      pipeline: Its name, which is that of its context.
      judged: What the evaluator judged.
      record: The decision.
      place: Where its record lies.

    Raises:
      DataError: the store cannot be read, or does not know the model.
      TryAgainError: another process has locked it.
    """
    from ml_metadata.proto import metadata_store_pb2 as proto

    if judged.blessing is None:
        raise DataError("A decision must follow an evaluator's blessing, and this run has none; run it again.")
    blessed = int(record.decision == "approve")
    directory = place.removesuffix(".json")
    places.write_bytes(places.join(directory, _FILE_BY_BLESSED[blessed]), b"")
    with said_if_unusable(metadata_file):
        store = open_store(metadata_file, is_writing=True)
        known = store.get_artifacts_by_type(BLESSING_TYPE)
        if any(one.custom_properties[_RECORD_PROPERTY].string_value == place for one in known):
            return
        context = store.get_context_by_type_and_name("pipeline", pipeline)
        models = store.get_artifacts_by_id([int(judged.blessing.properties.get(_MODEL_ID_PROPERTY, 0))])
        if context is None or not models:
            raise DataError(
                f"The metadata store {metadata_file} must know the pipeline {pipeline} and the model that was judged,"
                " and does not; run the pipeline again."
            )
        blessing = proto.Artifact(
            type_id=store.get_artifact_type(BLESSING_TYPE).id, uri=directory, state=proto.Artifact.LIVE
        )
        _set(blessing, {**judged.blessing.properties, _BLESSED_PROPERTY: blessed})
        _set(blessing, {DECISION_PROPERTY: record.decision, _RECORD_PROPERTY: place})
        execution = proto.Execution(
            type_id=store.put_execution_type(proto.ExecutionType(name=EXECUTION_TYPE)),
            last_known_state=proto.Execution.COMPLETE,
        )
        _set(execution, record.to_json())
        evaluations = [
            one for one in store.get_artifacts_by_uri(judged.evaluation.uri) if one.type == judged.evaluation.type_name
        ]
        inputs = [("model", models[0]), *(("evaluation", one) for one in evaluations[:1])]
        pairs = [(artifact, _event(proto, proto.Event.INPUT, key)) for key, artifact in inputs]
        pairs.append((blessing, _event(proto, proto.Event.OUTPUT, _OUTPUT_KEY)))
        # All of it in one transaction.
        store.put_execution(execution, pairs, contexts=[context])


def _set(entity: Any, properties: dict[str, Any]) -> None:
    for name, value in properties.items():
        if isinstance(value, int):
            entity.custom_properties[name].int_value = value
        else:
            entity.custom_properties[name].string_value = str(value)


def _event(proto: Any, kind: int, key: str) -> Any:
    """Returns an event as TFX writes it: the artifact is the first under a key."""
    event = proto.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event
