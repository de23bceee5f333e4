"""A person's blessing in the metadata store, as TFX finds it."""

import pytest
from ml_metadata.proto import metadata_store_pb2 as proto
from tfx.components.evaluator import constants
from tfx.orchestration import metadata
from tfx.orchestration.portable.input_resolution import channel_resolver
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_artifacts

from components.decisions import DecisionRecord
from components.latest_standing_model import LatestStandingModelStrategy
from model.errors import DataError
from pipeline import blessings as module
from pipeline.blessings import EXECUTION_TYPE, publish_blessing
from pipeline.runs import read_run

RUN, LATER = "20260101T000000Z-aaaa", "20260102T000000Z-bbbb"
PIPELINE = "smoke-synthetic"


@pytest.fixture
def decide(workspace):
    """Publishes the blessing of a decision about a run; returns where its record would lie."""
    numbers = []

    def decide(run, word):
        numbers.append(word)
        record = DecisionRecord(
            word, "<b>why</b>", "jane@host", "2026-01-01T00:00:00+00:00", run.run_id, "NEEDS_REVIEW", "7" * 64,
            run.release_digest, "9" * 64,
        )  # fmt: skip
        place = str(workspace.pipeline_root(PIPELINE) / "decisions" / run.release_digest / f"{len(numbers):04d}.json")
        judged = read_run(workspace, run.run_id).judged
        assert judged is not None
        publish_blessing(workspace.metadata_file, PIPELINE, judged, record, place)
        return place

    return decide


def baseline(workspace):
    """The release that TFX's resolver node finds with our strategy: its input resolution is TFX's own."""
    found = {}
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(workspace.metadata_file))) as handle:
        for key, name in (("model", "Model"), ("model_blessing", "ModelBlessing")):
            channel = pipeline_pb2.InputSpec.Channel()
            query = channel.context_queries.add()
            query.type.name = "pipeline"
            query.name.field_value.string_value = PIPELINE
            channel.artifact_query.type.name = name
            found[key] = channel_resolver.resolve_single_channel(handle, channel)
        resolved = LatestStandingModelStrategy().resolve_artifacts(handle.store, found)
    assert resolved is not None
    return [model.uri for model in resolved["model"]]


def test_the_baseline_is_what_was_approved_last_and_not_rejected_since(workspace, judge, decide):
    first = judge(RUN, "ACCEPT")
    second = judge(LATER, "NEEDS_REVIEW", content="other")
    assert baseline(workspace) == [str(first.release)]
    decide(second, "approve")
    assert baseline(workspace) == [str(second.release)]
    decide(second, "reject")
    assert baseline(workspace) == [str(first.release)]
    decide(first, "reject")
    assert baseline(workspace) == []
    decide(first, "approve")
    assert baseline(workspace) == [str(first.release)]


def test_a_blessing_is_published_once_by_an_execution_of_its_own(workspace, judge, decide, blessings, open_store):
    run = judge(RUN, "NEEDS_REVIEW")
    place = decide(run, "approve")
    judged = read_run(workspace, RUN).judged
    assert judged is not None
    record = DecisionRecord("approve", "", "", "", RUN, "", "7" * 64, run.release_digest, "")
    publish_blessing(workspace.metadata_file, PIPELINE, judged, record, place)
    assert len(blessings()) == 2
    store = open_store()
    (execution,) = store.get_executions_by_type(EXECUTION_TYPE)
    assert execution.last_known_state == proto.Execution.COMPLETE
    assert execution.custom_properties["reason"].string_value == "<b>why</b>"
    assert [context.name for context in store.get_contexts_by_execution(execution.id)] == [PIPELINE]
    kinds = {proto.Event.INPUT: "in", proto.Event.OUTPUT: "out"}
    events = store.get_events_by_execution_ids([execution.id])
    told = sorted((kinds[event.type], event.path.steps[0].key) for event in events)
    assert told == [("in", "evaluation"), ("in", "model"), ("out", "blessing")]
    assert read_run(workspace, RUN).judged == judged, "the run's own blessing is still the evaluator's"


def test_the_names_are_those_of_tfx():
    assert module._BLESSED_PROPERTY == constants.ARTIFACT_PROPERTY_BLESSED_KEY
    assert module._MODEL_ID_PROPERTY == constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
    assert module._FILE_BY_BLESSED == {
        constants.BLESSED_VALUE: constants.BLESSED_FILE_NAME,
        constants.NOT_BLESSED_VALUE: constants.NOT_BLESSED_FILE_NAME,
    }
    assert module.BLESSING_TYPE == standard_artifacts.ModelBlessing.TYPE_NAME


def test_a_pipeline_that_the_store_does_not_know_is_said(workspace, judge):
    judge(RUN, "NEEDS_REVIEW")
    judged = read_run(workspace, RUN).judged
    assert judged is not None
    record = DecisionRecord("reject", "", "", "", RUN, "", "7" * 64, judged.release_digest, "")
    place = str(workspace.root / "decisions" / "0001.json")
    with pytest.raises(DataError, match="must know the pipeline other and the model that was judged, and does"):
        publish_blessing(workspace.metadata_file, "other", judged, record, place)


def test_what_a_blessing_points_to_may_lie_in_cloud_storage(workspace, judge, bucket, blessings, open_store):
    judge(RUN, "ACCEPT")
    judged = read_run(workspace, RUN).judged
    assert judged is not None
    record = DecisionRecord("reject", "", "", "", RUN, "", "7" * 64, judged.release_digest, "")
    publish_blessing(workspace.metadata_file, PIPELINE, judged, record, "gs://speech/place/decisions/6/0001.json")
    assert [blob.name for blob in bucket.list_blobs()] == ["place/decisions/6/0001/NOT_BLESSED"]
    assert blessings()[-1]["decision_record"] == "gs://speech/place/decisions/6/0001.json"
    assert open_store().get_artifacts_by_uri("gs://speech/place/decisions/6/0001")[0].type == "ModelBlessing"
