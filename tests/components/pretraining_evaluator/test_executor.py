"""PretrainingEvaluator on real exports of tiny models: values, parity, baseline, and what it does when one is off."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, standard_artifacts

from beam_jobs import places
from components.artifacts import Evaluation
from components.pretraining_evaluator.contrast import contrast
from components.pretraining_evaluator.executor import Executor
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from model.errors import DataError, ReleaseError
from model.examples import encode
from model.export.destinations.directory import directory_destination
from model.export.publish import Blessing, publish
from model.export.release import read_release
from model.settings import to_json
from model.storage import write_json

SETTINGS = PretrainingEvaluationSettings(
    num_negatives=10, num_probes=2, parity_utterances=3, bootstrap_resamples=100
)  # fmt: skip


@pytest.fixture
def examples(speech, tmp_path):
    return write_examples(tmp_path / "examples", speech)


@pytest.fixture
def anomalies(tmp_path):
    return write_anomalies(tmp_path / "anomalies")


@pytest.fixture(scope="module")
def judged(pretrained, speech, tmp_path_factory):
    """What the executor says of the candidate where nothing is off."""
    place = tmp_path_factory.mktemp("judged")
    examples, anomalies = write_examples(place / "examples", speech), write_anomalies(place / "anomalies")
    return evaluate(place, examples, anomalies, pretrained["candidate"])


def write_examples(root, speech):
    for split in ("train", "validation"):
        (root / f"Split-{split}").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(root / "Split-validation" / "data_tfrecord-00000-of-00001")) as writer:
        for utterance in speech:
            writer.write(encode(utterance))
    samples = sum(len(utterance.samples) for utterance in speech)
    splits = {"validation": {"utterances": len(speech), "samples": samples, "words": 0}}
    write_json(root / "dataset_info.json", {"corpus": {"root_name": "c", "fingerprint": "f"}, "splits": splits})
    return artifact(standard_artifacts.Examples, root, splits=["train", "validation"])


def write_anomalies(root):
    for split in ("train", "validation"):
        (root / f"Split-{split}").mkdir(parents=True)
        (root / f"Split-{split}" / "SchemaDiff.pb").write_bytes(anomalies_pb2.Anomalies().SerializeToString())
    return artifact(standard_artifacts.ExampleAnomalies, root, splits=["train", "validation"])


def artifact(kind, uri, splits=None, number=1):
    made = kind()
    made.uri = str(uri)
    made.id = number
    if splits:
        made.split_names = artifact_utils.encode_split_names(splits)
    return made


def evaluate(root, examples, anomalies, release, baseline=None, gate=None):
    evaluation = artifact(Evaluation, f"{root}/evaluation")
    blessing = artifact(standard_artifacts.ModelBlessing, f"{root}/blessing")
    inputs = {
        "examples": [examples],
        "model": [artifact(standard_artifacts.Model, release, number=7)],
        "baseline_model": [artifact(standard_artifacts.Model, baseline, number=5)] if baseline else [],
        "example_anomalies": [anomalies],
    }
    chosen = gate or PretrainingGateSettings(max_contrastive_loss=9.0, non_inferiority_margin=9.0)
    properties = {"evaluation_settings": to_json(SETTINGS), "gate_settings": to_json(chosen)}
    properties |= {"pipeline_name": "pretrain_smoke-synthetic", "decisions": f"{root}/decisions"}
    Executor().Do(inputs, {"evaluation": [evaluation], "blessing": [blessing]}, properties)
    return evaluation, blessing


def read(evaluation, name):
    return places.read_json(places.join(evaluation.uri, name))


def test_what_is_measured_is_what_the_model_says(judged, pretrained, speech):
    evaluation, blessing = judged
    expected = contrast(pretrained["model"], speech, SETTINGS, "test")
    metrics = read(evaluation, "metrics.json")
    measured = metrics["splits"]["validation"]
    assert measured["contrastive_loss"] == pytest.approx(expected.loss, rel=1e-6)
    assert measured["accuracy"] == expected.accuracy
    assert measured["code_perplexity"] == pytest.approx(sum(expected.perplexities))
    assert (measured["utterances"], measured["masked_frames"]) == (6, expected.masked.sum())
    assert measured["interval"]["unit"] == "utterance"
    assert measured["interval"]["low"] <= measured["contrastive_loss"] <= measured["interval"]["high"]
    assert measured["chance_loss"] == pytest.approx(np.log(11))
    for export in ("saved_model", "onnx"):
        assert metrics["exports"][export]["utterances"] == 3
        assert metrics["exports"][export]["largest_difference"] < 1e-4
    rows = [json.loads(line) for line in (Path(evaluation.uri) / "utterances.jsonl").read_text().splitlines()]
    assert [row["utterance_id"] for row in rows] == [utterance.utterance_id for utterance in speech]
    assert [row["masked_frames"] for row in rows] == expected.masked.tolist()
    release = read_release(pretrained["candidate"])
    for one in (evaluation, blessing):
        assert one.get_string_custom_property("release_digest") == release.release_digest
        assert one.get_string_custom_property("model_digest") == release.model_digest
    told = json.loads(evaluation.get_string_custom_property("measures"))["validation"]
    assert told == {name: measured[name] for name in ("contrastive_loss", "accuracy", "code_perplexity")}
    assert blessing.get_int_custom_property("blessed") == 1
    assert "Accepted" in (Path(evaluation.uri) / "report.html").read_text()


@pytest.mark.parametrize("format_", ["saved_model", "onnx", "checkpoint"])
def test_what_was_judged_is_published(judged, pretrained, tmp_path, format_):
    evaluation, blessing = judged
    digests = [blessing.get_string_custom_property(f"{kind}_digest") for kind in ("release", "model")]
    release, blessed = pretrained["candidate"], Blessing(True, *digests)
    destination = directory_destination(str(tmp_path / "out"), "backbone", format_)
    publication = publish(format_, release, evaluation.uri, blessed, [destination], "backbone")
    assert (publication.pushed, publication.copies[0].version) == (True, "1")
    card = (tmp_path / "out" / "backbone" / format_ / "1" / "README.md").read_text()
    assert "| validation | " in card
    assert "pipeline_tag: feature-extraction" in card


def test_a_model_above_the_ceiling_is_rejected_and_the_node_does_not_fail(tmp_path, pretrained, examples, anomalies):
    gate = PretrainingGateSettings(max_contrastive_loss=0.01)
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, pretrained["candidate"], gate=gate)
    assert read(evaluation, "gate.json")["verdict"] == "REJECT"
    assert blessing.get_int_custom_property("blessed") == 0
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["NOT_BLESSED"]


@pytest.fixture(scope="module")
def compared(pretrained, speech, tmp_path_factory):
    """An evaluation beside a baseline: the directory of all of it, evaluation and blessing."""
    root = tmp_path_factory.mktemp("compared")
    examples, anomalies = write_examples(root / "examples", speech), write_anomalies(root / "anomalies")
    return root, *evaluate(root, examples, anomalies, pretrained["candidate"], pretrained["other"])


def test_the_baseline_is_run_again_on_the_same_masks(pretrained, compared):
    _, evaluation, blessing = compared
    metrics = read(evaluation, "metrics.json")
    theirs = metrics["baseline"]["splits"]["validation"]
    ours = metrics["splits"]["validation"]["contrastive_loss"]
    assert metrics["baseline"]["model_digest"] == read_release(pretrained["other"]).model_digest
    assert theirs["difference"]["value"] == pytest.approx(ours - theirs["contrastive_loss"])
    assert blessing.get_int_custom_property("baseline_model_id") == 5
    assert "non_inferiority/validation" in [check["name"] for check in read(evaluation, "gate.json")["checks"]]


def test_at_addresses_it_is_the_same(pretrained, compared, bucket):
    run, (root, local, _) = "gs://speech/run", compared
    for name in ("examples", "anomalies"):
        places.copy_tree(str(root / name), f"{run}/{name}")
    for name, release in (("release", "candidate"), ("baseline", "other")):
        places.copy_tree(str(pretrained[release]), f"{run}/{name}")
    there = artifact(standard_artifacts.Examples, f"{run}/examples", splits=["train", "validation"])
    anomalies_there = artifact(standard_artifacts.ExampleAnomalies, f"{run}/anomalies", splits=["train", "validation"])
    evaluation, blessing = evaluate(run, there, anomalies_there, f"{run}/release", f"{run}/baseline")
    written = {path.name: path.read_bytes() for path in Path(local.uri).iterdir()}
    assert {
        name: places.read_bytes(f"{run}/evaluation/{name}") for name in places.list_names(evaluation.uri)
    } == written
    assert places.list_names(blessing.uri) == ["BLESSED"]
    assert blessing.get_string_custom_property("baseline_model") == f"{run}/baseline"
    for name in ("verdict", "measures", "gate_sha256", "release_digest"):
        assert evaluation.get_string_custom_property(name) == local.get_string_custom_property(name) != ""

    shard = f"{run}/examples/Split-validation/data_tfrecord-00000-of-00001"
    places.write_bytes(shard, places.read_bytes(shard)[:-20])
    with pytest.raises(DataError, match=f"^{shard} must be a whole file of records"):
        evaluate(run, there, anomalies_there, f"{run}/release")
    assert places.list_tree(evaluation.uri) == places.list_tree(blessing.uri) == []


def test_the_same_model_as_baseline_is_nothing_to_compare(tmp_path, pretrained, examples, anomalies):
    evaluation, _ = evaluate(tmp_path, examples, anomalies, pretrained["candidate"], pretrained["candidate"])
    assert read(evaluation, "metrics.json")["baseline"]["same"] is True


def test_a_baseline_that_cannot_be_read_rejects(tmp_path, pretrained, examples, anomalies):
    shutil.copytree(pretrained["other"], tmp_path / "broken")
    (tmp_path / "broken" / "checkpoint" / "model.safetensors").unlink()
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, pretrained["candidate"], tmp_path / "broken")
    assert blessing.get_int_custom_property("blessed") == 0
    (reason,) = read(evaluation, "gate.json")["reasons"]
    assert reason.startswith("The latest blessed model could not be measured:")


def test_a_candidate_that_was_changed_after_export_is_an_error(tmp_path, pretrained, examples, anomalies):
    shutil.copytree(pretrained["candidate"], tmp_path / "changed")
    path = tmp_path / "changed" / "checkpoint" / "config.json"
    path.write_text(path.read_text().replace("0.1", "0.2", 1))
    with pytest.raises(ReleaseError, match=r"config.json must be as it was exported, and its sha256 has changed"):
        evaluate(tmp_path, examples, anomalies, tmp_path / "changed")


def test_a_recogniser_is_not_judged_here(tmp_path, pretrained, examples, anomalies):
    shutil.copytree(pretrained["candidate"], tmp_path / "ctc")
    path = tmp_path / "ctc" / "RELEASE.json"
    path.write_text(path.read_text().replace('"head": "pretraining"', '"head": "ctc"'))
    with pytest.raises(ReleaseError, match="must have the heads of pre-training, and the release candidate .* 'ctc'"):
        evaluate(tmp_path, examples, anomalies, tmp_path / "ctc")


def test_an_empty_split_rejects(tmp_path, pretrained, examples, anomalies):
    shard = Path(examples.uri) / "Split-validation" / "data_tfrecord-00000-of-00001"
    shard.write_bytes(b"")
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, pretrained["candidate"])
    assert blessing.get_int_custom_property("blessed") == 0
    assert "validation must be measured, and was not." in read(evaluation, "gate.json")["reasons"]
    assert (Path(evaluation.uri) / "report.html").is_file()


def test_a_lost_utterance_rejects(tmp_path, pretrained, examples, anomalies):
    info = Path(examples.uri) / "dataset_info.json"
    info.write_text(info.read_text().replace('"utterances": 6', '"utterances": 7'))
    evaluation, _ = evaluate(tmp_path, examples, anomalies, pretrained["candidate"])
    (reason,) = read(evaluation, "gate.json")["reasons"]
    assert reason.startswith("validation must have 7 utterances and ")
