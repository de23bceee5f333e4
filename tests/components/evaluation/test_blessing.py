"""What an evaluator reads of ExampleValidator, and the form of a blessing."""

import hashlib
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, standard_artifacts

from beam_jobs import places
from components.artifacts import Evaluation
from components.decisions import DecisionRecord, create_decision
from components.evaluation.blessing import GATE_SHA256, Inputs, bless, conclude, read_anomalies, write_evaluation
from components.evaluation.gate import Check, decision_of
from components.staging import staged

METRICS = {"model_digest": "5" * 64, "release_digest": "6" * 64}


@pytest.fixture
def anomalies(tmp_path):
    made = standard_artifacts.ExampleAnomalies()
    made.uri = str(tmp_path)
    made.split_names = artifact_utils.encode_split_names(["train", "test-a"])
    for split in ("train", "test-a"):
        (tmp_path / f"Split-{split}").mkdir(parents=True)
        (tmp_path / f"Split-{split}" / "SchemaDiff.pb").write_bytes(anomalies_pb2.Anomalies().SerializeToString())
    return made


def test_anomalies_are_read_by_split_or_not_at_all(anomalies):
    assert read_anomalies([anomalies]) == {"train": [], "test-a": []}
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["gender"].short_description = "Unexpected string values"
    path = Path(anomalies.uri) / "Split-train" / "SchemaDiff.pb"
    path.write_bytes(found.SerializeToString())
    assert read_anomalies([anomalies]) == {"train": ["gender: Unexpected string values"], "test-a": []}
    path.unlink()
    assert read_anomalies([anomalies]) is None
    assert read_anomalies([]) is None


@pytest.mark.parametrize(("verdict", "blessed", "file"), [("PASS", 1, "BLESSED"), ("REVIEW", 0, "NOT_BLESSED")])
def test_only_what_is_accepted_is_blessed(tmp_path, verdict, blessed, file):
    blessing, release = standard_artifacts.ModelBlessing(), standard_artifacts.Model()
    blessing.uri, release.uri, release.id = str(tmp_path), "a/release", 7
    checks = [Check("loss", "PASS", "It is low."), Check("other", verdict, "A person said so.")]
    with staged() as stage:
        bless(stage, blessing, decision_of(checks, ("loss",)), METRICS, release, None, "smoke-synthetic")
    assert blessing.get_int_custom_property("blessed") == blessed
    assert blessing.get_string_custom_property("current_model") == "a/release"
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_string_custom_property("release_digest") == "6" * 64
    assert blessing.get_string_custom_property("w2v2_pipeline") == "smoke-synthetic"
    assert [path.name for path in Path(tmp_path).iterdir()] == [file]


@pytest.mark.parametrize(
    ("words", "blessed"), [((), 1), (("reject",), 0), (("reject", "approve"), 1), (("approve", "reject"), 0)]
)
def test_what_a_person_rejected_last_is_not_blessed_when_it_is_judged_again(tmp_path, words, blessed):
    made = {"evaluation": Evaluation(), "blessing": standard_artifacts.ModelBlessing()}
    for name, artifact in made.items():
        artifact.uri = str(tmp_path / name)
    release = standard_artifacts.Model()
    release.uri = str(tmp_path / "release")
    decisions = str(tmp_path / "decisions")
    for number, word in enumerate(words, start=1):
        record = DecisionRecord(
            decision=word, reason="I heard it.", who="jane@host", when="2026-11-28T00:00:00Z", run_id="run",
            verdict="ACCEPT", gate_sha256="7" * 64, model_digest="5" * 64, release_digest="6" * 64,
        )  # fmt: skip
        create_decision(decisions, number, record)
    outputs = {name: [artifact] for name, artifact in made.items()}
    accepted = decision_of([Check("loss", "PASS", "It is low.")], ("loss",))
    with staged() as stage:
        inputs = Inputs.of({"model": [release], "examples": [release]}, stage)
        conclude(stage, outputs, inputs, accepted, dict(METRICS), [], "", {}, {}, "smoke-synthetic", decisions)
    assert made["evaluation"].get_string_custom_property("verdict") == "ACCEPT"
    assert made["blessing"].get_int_custom_property("blessed") == blessed


def test_what_is_wrong_with_a_baseline_names_its_address(bucket):
    """Its copy is gone when somebody reads that."""
    release, baseline = standard_artifacts.Model(), standard_artifacts.Model()
    release.uri, baseline.uri = "gs://speech/release", "gs://speech/baseline"
    places.write_bytes("gs://speech/release/training.json", b'{"steps": 2}')
    with staged() as stage:
        inputs = Inputs.of({"model": [release], "baseline_model": [baseline], "examples": [release]}, stage)
        told = {"same": False, "error": f"{inputs.baseline_dir}/saved_model must hold saved_model.pb."}
        metrics = inputs.add_to({**METRICS, "baseline": told}, stage)
        assert stage.uri_of(inputs.release_dir) == "gs://speech/release"
    assert metrics == {
        **METRICS, "anomalies": None, "training": {"steps": 2},
        "baseline": {"same": False, "error": "gs://speech/baseline/saved_model must hold saved_model.pb."},
    }  # fmt: skip
    assert inputs.add_to({"baseline": None}, stage)["baseline"] is None


def test_where_no_check_passes_there_is_no_model():
    assert decision_of([], ()).verdict == "REJECT"
    assert decision_of([Check("baseline", "NOT APPLICABLE", "There is none.")], ()).verdict == "REJECT"


def test_the_reasons_are_those_of_the_checks_that_decided():
    checks = [Check("a/x", "PASS", "Good."), Check("b", "PASS", "Also good."), Check("c", "REVIEW", "Look.")]
    assert decision_of(checks, ("a/",)).reasons == ("Look.",)
    assert decision_of(checks[:2], ("a/",)).reasons == ("Good.",)
    assert decision_of([*checks, Check("d", "FAIL", "Bad.")], ("a/",)).reasons == ("Bad.",)


def test_an_evaluation_says_what_its_gate_was(tmp_path):
    evaluation = Evaluation()
    evaluation.uri = str(tmp_path)
    with staged() as stage:
        decision = decision_of([Check("a", "PASS", "Good.")], ("a",))
        write_evaluation(stage, evaluation, decision, METRICS, [], "<html>", {})
    written = hashlib.sha256((tmp_path / "gate.json").read_bytes()).hexdigest()
    assert evaluation.get_string_custom_property(GATE_SHA256) == written
    assert evaluation.get_string_custom_property("verdict") == "ACCEPT"
    assert evaluation.get_string_custom_property("release_digest") == "6" * 64
