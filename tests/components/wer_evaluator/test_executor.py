"""WEREvaluator on real exports of tiny models: values, parity, baseline, and what it does when something is off."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.artifacts import Evaluation
from components.wer_evaluator.executor import Executor
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model import load_model
from model.audio import normalise, to_float
from model.checkpoint import convert_checkpoint
from model.errors import ReleaseError
from model.examples import Utterance, encode
from model.export.build import export_release
from model.export.release import read_release
from model.export.settings import ReleaseSettings
from model.metrics import count_word_errors, total
from model.settings import to_json
from model.storage import write_json

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
SPEAKERS = ("1", "2")


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Two releases of different models, and the models themselves."""
    root = tmp_path_factory.mktemp("releases")
    found = {}
    for name, variant in (("candidate", "layer_pre_norm"), ("other", "group_post_norm")):
        convert_checkpoint(GOLDEN / variant, root / f"{name}-model")
        export_release(root / f"{name}-model", root / name, ReleaseSettings(name=name))
        found[name] = root / name
    found["model"] = load_model(root / "candidate-model")
    return found


@pytest.fixture(scope="module")
def utterances():
    random = np.random.default_rng(0)
    return [
        Utterance(
            f"{speaker}-7-{number:04d}", speaker, "7", "MF"[int(speaker) - 1], "test-a", 16_000,
            random.integers(-9_000, 9_000, 4_000 + 900 * number).astype(np.int16), "SOME WORDS HERE",
        )
        for speaker in SPEAKERS
        for number in range(3)
    ]  # fmt: skip


@pytest.fixture
def examples(utterances, tmp_path):
    root = tmp_path / "examples"
    (root / "Split-test-a").mkdir(parents=True)
    (root / "Split-train").mkdir()
    with tf.io.TFRecordWriter(str(root / "Split-test-a" / "data_tfrecord-00000-of-00001")) as writer:
        for utterance in utterances:
            writer.write(encode(utterance))
    write_json(
        root / "dataset_info.json",
        {"corpus": {"root_name": "c", "fingerprint": "f"}, "splits": {"test-a": {"utterances": 6, "words": 18}}},
    )
    return artifact(standard_artifacts.Examples, root, splits=["train", "test-a"])


@pytest.fixture
def anomalies(tmp_path):
    root = tmp_path / "anomalies"
    for split in ("train", "test-a"):
        (root / f"Split-{split}").mkdir(parents=True)
        (root / f"Split-{split}" / "SchemaDiff.pb").write_bytes(anomalies_pb2.Anomalies().SerializeToString())
    return artifact(standard_artifacts.ExampleAnomalies, root, splits=["train", "test-a"])


def artifact(kind, uri, splits=None, number=1):
    made = kind()
    made.uri = str(uri)
    made.id = number
    if splits:
        made.split_names = artifact_utils.encode_split_names(splits)
    return made


def evaluate(tmp_path, examples, anomalies, release, baseline=None, gate=None):
    evaluation = artifact(Evaluation, tmp_path / "evaluation")
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    inputs = {
        "examples": [examples],
        "model": [artifact(standard_artifacts.Model, release, number=7)],
        "baseline_model": [artifact(standard_artifacts.Model, baseline, number=5)] if baseline else [],
        "example_anomalies": [anomalies],
    }
    properties = {
        "evaluation_settings": to_json(EvaluationSettings(num_probes=2, bootstrap_resamples=100)),
        "gate_settings": to_json(gate or GateSettings(max_wer=10.0, max_wer_increase=0.5)),
    }
    Executor().Do(inputs, {"evaluation": [evaluation], "blessing": [blessing]}, properties)
    return evaluation, blessing


def read(evaluation, name):
    return json.loads((Path(evaluation.uri) / name).read_text())


def test_what_is_measured_is_what_the_model_says(tmp_path, releases, examples, anomalies, utterances):
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"])
    model = releases["model"]
    expected = []
    for utterance in utterances:
        logits = model.model(normalise(to_float(utterance.samples))[None])[0][0].numpy()
        expected.append(model.vocabulary.decode_greedy(logits.argmax(-1)))
    rows = [json.loads(line) for line in (Path(evaluation.uri) / "utterances.jsonl").read_text().splitlines()]
    assert [row["utterance_id"] for row in rows] == [utterance.utterance_id for utterance in utterances]
    assert [row["hypothesis"] for row in rows] == expected
    assert [row["hypothesis_onnx"] for row in rows] == expected
    counts = total(count_word_errors("SOME WORDS HERE", text) for text in expected)
    measured = read(evaluation, "metrics.json")["splits"]["test-a"]
    assert measured["wer"] == counts.rate
    assert (measured["words"], measured["utterances"], measured["speakers"]) == (18, 6, 2)
    assert (measured["substitutions"], measured["deletions"], measured["insertions"]) == (
        counts.substitutions, counts.deletions, counts.insertions,
    )  # fmt: skip
    assert set(measured["slices"]) == {"gender=F", "gender=M", "speaker=1", "speaker=2"}
    gate = read(evaluation, "gate.json")
    assert gate["verdict"] == "ACCEPT"
    assert {check["name"]: check["verdict"] for check in gate["checks"]}["onnx_logits"] == "PASS"
    release = read_release(releases["candidate"])
    for one in (evaluation, blessing):
        assert one.get_string_custom_property("release_digest") == release.release_digest
        assert one.get_string_custom_property("model_digest") == release.model_digest == model.digest
    assert json.loads(evaluation.get_string_custom_property("wer")) == {"test-a": counts.rate}
    assert evaluation.get_string_custom_property("verdict") == "ACCEPT"
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("current_model") == str(releases["candidate"])
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["BLESSED"]
    probes = np.load(Path(evaluation.uri) / "probes.npz")
    assert len([name for name in probes if name.startswith("waveform_")]) == 2
    np.testing.assert_allclose(probes["saved_model_logits_0"], probes["onnx_logits_0"], atol=1e-4)
    np.testing.assert_array_equal(probes["waveform_1"], to_float(utterances[5].samples))
    assert "Accepted" in (Path(evaluation.uri) / "report.html").read_text()


def test_a_model_above_the_ceiling_is_rejected_and_the_node_does_not_fail(tmp_path, releases, examples, anomalies):
    gate = GateSettings(max_wer=0.01)
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"], gate=gate)
    assert read(evaluation, "gate.json")["verdict"] == "REJECT"
    assert blessing.get_int_custom_property("blessed") == 0
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["NOT_BLESSED"]


def test_the_baseline_is_run_again_on_these_utterances(tmp_path, releases, examples, anomalies):
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"], releases["other"])
    metrics = read(evaluation, "metrics.json")
    theirs = metrics["baseline"]["splits"]["test-a"]
    assert metrics["baseline"]["model_digest"] == read_release(releases["other"]).model_digest
    assert theirs["difference"]["value"] == pytest.approx(metrics["splits"]["test-a"]["wer"] - theirs["wer"])
    assert blessing.get_int_custom_property("baseline_model_id") == 5
    assert blessing.get_string_custom_property("baseline_model") == str(releases["other"])
    names = [check["name"] for check in read(evaluation, "gate.json")["checks"]]
    assert "baseline/test-a" in names


def test_the_same_model_as_baseline_is_nothing_to_compare(tmp_path, releases, examples, anomalies):
    evaluation, _ = evaluate(tmp_path, examples, anomalies, releases["candidate"], releases["candidate"])
    assert read(evaluation, "metrics.json")["baseline"]["same"] is True
    checks = {check["name"]: check for check in read(evaluation, "gate.json")["checks"]}
    assert checks["baseline"]["verdict"] == "NOT APPLICABLE"


def test_a_baseline_that_cannot_be_read_rejects(tmp_path, releases, examples, anomalies):
    shutil.copytree(releases["other"], tmp_path / "broken")
    (tmp_path / "broken" / "saved_model" / "saved_model.pb").unlink()
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"], tmp_path / "broken")
    assert blessing.get_int_custom_property("blessed") == 0
    (reason,) = read(evaluation, "gate.json")["reasons"]
    assert reason.startswith("The latest blessed model could not be measured:")
    assert "must hold saved_model.pb" in reason


def test_a_candidate_that_was_changed_after_export_is_an_error(tmp_path, releases, examples, anomalies):
    shutil.copytree(releases["candidate"], tmp_path / "changed")
    path = tmp_path / "changed" / "onnx" / "vocab.json"
    path.write_text(path.read_text().replace('"E"', '"Q"', 1))
    with pytest.raises(ReleaseError, match=r"vocab.json must be as it was exported, and its sha256 has changed"):
        evaluate(tmp_path, examples, anomalies, tmp_path / "changed")


def test_a_lost_utterance_rejects(tmp_path, releases, examples, anomalies):
    info = Path(examples.uri) / "dataset_info.json"
    info.write_text(info.read_text().replace('"utterances": 6', '"utterances": 7'))
    evaluation, _ = evaluate(tmp_path, examples, anomalies, releases["candidate"])
    assert read(evaluation, "gate.json")["reasons"] == [
        "test-a must have 7 utterances and 18 words as ingest said, and 6 and 18 were measured."
    ]
