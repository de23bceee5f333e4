"""Artifacts as they come back from Vertex AI, by TFX's own functions: what components read of each other is there."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.types import artifact_utils, standard_artifacts

from beam_jobs import places
from components.artifacts import Evaluation
from components.decisions import DecisionRecord, create_decision
from components.evaluation.blessing import bless, read_anomalies, write_evaluation
from components.evaluation.gate import Check, decision_of
from components.publish_judged import blessing_of
from components.staging import staged
from model.version import __version__

METRICS = {"model_digest": "5" * 64, "release_digest": "6" * 64}
NAMES = {7: "projects/1/artifacts/release", 5: "projects/1/artifacts/baseline"}


def made(kind, uri, number=None):
    artifact = kind()
    artifact.uri = uri
    if number:
        artifact.id = number
    return artifact


def through_vertex(artifact, name="projects/1/artifacts/x"):
    """Returns the artifact as the next task gets it: written by the entry point, kept as JSON, and parsed again."""
    written = entrypoint.to_runtime_artifact(artifact, {})
    kept = json.loads(json_format.MessageToJson(written))
    schema = compiler_utils.get_artifact_schema(type(artifact))
    schema = schema.decode() if isinstance(schema, bytes) else schema
    kept |= {"name": name, "type": {"instanceSchema": schema}}
    message: Any = pipeline_spec_pb2.ArtifactList()
    json_format.ParseDict({"artifacts": [kept]}, message)
    (parsed,) = entrypoint.parse_raw_artifact_dict({"key": message}, {})["key"]
    assert type(parsed) is type(artifact)
    assert parsed.uri == artifact.uri
    return parsed


@pytest.fixture
def judged(bucket):
    """Gives the artifacts of an evaluator, as the pushers and the next run's resolver get them."""

    def judged(verdict):
        decision = decision_of([Check("loss", "PASS", "It is low."), Check("other", verdict, "So it is.")], ("loss",))
        evaluation, blessing = (
            made(Evaluation, "gs://speech/e"),
            made(standard_artifacts.ModelBlessing, "gs://speech/b"),
        )
        release = made(standard_artifacts.Model, "gs://speech/release", 7)
        baseline = made(standard_artifacts.Model, "gs://speech/baseline", 5)
        with staged() as stage:
            write_evaluation(stage, evaluation, decision, METRICS, [], "<html>", {})
            bless(stage, blessing, decision, METRICS, release, baseline, "smoke-synthetic")
        # The entry point does this with what an evaluator has written.
        entrypoint.refactor_model_blessing(blessing, NAMES)
        return through_vertex(evaluation), through_vertex(blessing)

    return judged


@pytest.mark.parametrize(
    ("verdict", "blessed", "file"), [("PASS", 1, "BLESSED"), ("REVIEW", 0, "NOT_BLESSED"), ("FAIL", 0, "NOT_BLESSED")]
)
def test_what_was_judged_comes_back(judged, verdict, blessed, file):
    evaluation, blessing = judged(verdict)
    assert blessing.get_int_custom_property("blessed") == blessed
    assert blessing.get_string_custom_property("current_model") == "gs://speech/release"
    assert blessing.get_string_custom_property("current_model_id") == NAMES[7]
    assert blessing.get_string_custom_property("baseline_model") == "gs://speech/baseline"
    assert blessing.get_string_custom_property("baseline_model_id") == NAMES[5]
    assert blessing.get_string_custom_property("w2v2_pipeline") == "smoke-synthetic"
    for one in (evaluation, blessing):
        for name, digest in METRICS.items():
            assert one.get_string_custom_property(name) == digest
    told = {"PASS": "ACCEPT", "REVIEW": "NEEDS_REVIEW", "FAIL": "REJECT"}[verdict]
    assert evaluation.get_string_custom_property("verdict") == told
    assert evaluation.get_string_custom_property("gate_sha256") == places.sha256_of("gs://speech/e/gate.json")
    assert [(entry.path, entry.size_bytes) for entry in places.list_tree("gs://speech/b")] == [(file, 0)]


def test_a_pusher_goes_by_what_was_judged_and_decided(judged):
    decisions = "gs://speech/decisions"

    def may_publish(verdict):
        evaluation, blessing = judged(verdict)
        found = blessing_of(
            blessing.get_int_custom_property("blessed") == 1,
            evaluation.get_string_custom_property("verdict"),
            {name: blessing.get_string_custom_property(name) for name in METRICS},
            decisions,
        )
        assert {name: getattr(found, name) for name in METRICS} == METRICS
        return found.blessed

    assert [may_publish(verdict) for verdict in ("PASS", "REVIEW", "FAIL")] == [True, False, False]
    record = DecisionRecord(
        decision="approve", reason="It is fine.", who="jane@host", when="2026-01-01T00:00:00+00:00", run_id="r",
        verdict="NEEDS_REVIEW", gate_sha256="9" * 64, release_digest=METRICS["release_digest"],
        model_digest=METRICS["model_digest"],
    )  # fmt: skip
    create_decision(decisions, 1, record)
    assert [may_publish(verdict) for verdict in ("PASS", "REVIEW", "FAIL")] == [True, True, False]


def test_splits_and_counts_come_back(bucket):
    examples = made(standard_artifacts.Examples, "gs://speech/examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "test-a"])
    examples.set_int_custom_property("utterances", 12)
    examples.set_string_custom_property("corpus_fingerprint", "f")
    found = through_vertex(examples)
    assert artifact_utils.decode_split_names(found.split_names) == ["train", "test-a"]
    assert artifact_utils.get_split_uri([found], "test-a") == "gs://speech/examples/Split-test-a"
    assert found.get_int_custom_property("utterances") == 12
    assert found.get_string_custom_property("corpus_fingerprint") == "f"


def test_anomalies_are_read_at_an_address(bucket):
    anomalies = made(standard_artifacts.ExampleAnomalies, "gs://speech/anomalies")
    anomalies.split_names = artifact_utils.encode_split_names(["train", "test-a"])
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["gender"].short_description = "Unexpected string values"
    places.write_bytes("gs://speech/anomalies/Split-train/SchemaDiff.pb", found.SerializeToString())
    assert read_anomalies([through_vertex(anomalies)]) is None
    # Of a split without an anomaly it is empty.
    places.write_bytes("gs://speech/anomalies/Split-test-a/SchemaDiff.pb", b"")
    assert read_anomalies([through_vertex(anomalies)]) == {
        "train": ["gender: Unexpected string values"], "test-a": [],
    }  # fmt: skip


def test_what_a_converter_says_comes_back():
    model = made(standard_artifacts.Model, "gs://speech/model")
    report = {"source": {"name": "tiny", "revision": None}, "tensors": [{"shape": [1, 2], "max": 0.5}]}
    values = {"head": "ctc", "source_revision": "", "conversion_report": json.dumps(report), "code": __version__}
    for name, value in values.items():
        model.set_string_custom_property(name, value)
    found = through_vertex(model)
    assert {name: found.get_string_custom_property(name) for name in values} == values
