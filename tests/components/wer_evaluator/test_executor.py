"""WEREvaluator on real exports of tiny models: values, parity, baseline, and what it does when something is off."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts

from beam_jobs import places
from components.artifacts import Evaluation
from components.wer_evaluator.executor import Executor, _with_hashes
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.audio import normalise, to_float
from model.beam_search import BeamSearchSettings
from model.errors import ReleaseError
from model.examples import Utterance, encode
from model.export.release import read_release
from model.metrics import count_word_errors, total
from model.settings import to_json
from model.storage import release_digest, sha256_of_files, write_json

SPEAKERS = ("1", "2")
SMALL = {"num_probes": 2, "bootstrap_resamples": 100, "pad_to_samples": 12_000, "num_silences": 1, "num_noises": 3}


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
    return write_examples(tmp_path / "examples", utterances)


def write_examples(root, utterances):
    write_split(root, "test-a", utterances)
    write_split(root, "train", [dataclasses.replace(utterances[0], utterance_id="3-7-0000", speaker_id="3")])
    promised = {"utterances": 6, "words": 18, "subsets": ["test-a"]}
    write_json(
        root / "dataset_info.json", {"corpus": {"root_name": "c", "fingerprint": "f"}, "splits": {"test-a": promised}}
    )
    return artifact(standard_artifacts.Examples, root, splits=["train", "test-a"])


def write_split(root, split, utterances):
    (root / f"Split-{split}").mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(root / f"Split-{split}" / "data_tfrecord-00000-of-00001")) as writer:
        for utterance in utterances:
            writer.write(encode(utterance))


@pytest.fixture
def anomalies(tmp_path):
    return write_anomalies(tmp_path / "anomalies")


def write_anomalies(root):
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


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The directory for temporary files, in which Beam leaves things."""
    directory = tmp_path / "scratch"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


# What random weights hear hangs on the last digit, so that int8 may change any text.
LENIENT = GateSettings(
    max_wer=10.0, non_inferiority_margin=9.0, max_silence_words=None, max_noise_words=None,
    min_int8_text_agreement=None, max_int8_wer_difference=None,
)  # fmt: skip


def evaluate(root, examples, anomalies, release, baseline=None, gate=LENIENT, **settings):
    evaluation = artifact(Evaluation, f"{root}/evaluation")
    blessing = artifact(standard_artifacts.ModelBlessing, f"{root}/blessing")
    inputs = {
        "examples": [examples],
        "model": [artifact(standard_artifacts.Model, release, number=7)],
        "baseline_model": [artifact(standard_artifacts.Model, baseline, number=5)] if baseline else [],
        "example_anomalies": [anomalies],
    }
    properties = {
        "evaluation_settings": to_json(EvaluationSettings(**{**SMALL, **settings})),
        "gate_settings": to_json(gate),
        "pipeline_name": "smoke-synthetic",
        "decisions": f"{root}/decisions",
        "code_fingerprint": "c0de",
    }
    context = BaseBeamExecutor.Context(["--direct_running_mode=in_memory"], tmp_dir=f"{root}/tmp", unique_id="1")
    Executor(context).Do(inputs, {"evaluation": [evaluation], "blessing": [blessing]}, properties)
    return evaluation, blessing


def read(evaluation, name):
    return places.read_json(places.join(evaluation.uri, name))


def test_what_is_measured_is_what_the_model_says(tmp_path, releases, examples, anomalies, utterances):
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"])
    model = releases["model"]
    expected = []
    for utterance in utterances:
        logits = model.model(normalise(to_float(utterance.samples))[None])[0][0].numpy()
        expected.append(model.vocabulary.decode_greedy(logits.argmax(-1)))
    rows = [json.loads(line) for line in (Path(evaluation.uri) / "utterances.jsonl").read_text().splitlines()]
    assert [row["utterance_id"] for row in rows] == [utterance.utterance_id for utterance in utterances]
    for row, text, utterance in zip(rows, expected, utterances, strict=True):
        texts = row["texts"]
        assert isinstance(texts.pop("onnx_int8"), str)
        assert texts == dict.fromkeys(["batched", "alone", "constant", "onnx"], text)
        assert row["hypothesis"] == text.casefold()
        assert (row["split"], row["speaker_id"]) == ("test-a", utterance.speaker_id)
        assert row["slices"]["subset"] == "test-a"
    counts = total(count_word_errors("some words here", text.casefold()) for text in expected)
    metrics = read(evaluation, "metrics.json")
    assert metrics["format_version"] == 2
    measured = metrics["splits"]["test-a"]
    assert measured["words"]["wer"] == counts.rate
    assert (measured["words"]["words"], measured["utterances"], measured["speakers"]) == (18, 6, 2)
    assert [measured["words"][name] for name in ("substitutions", "deletions", "insertions")] == [
        counts.substitutions, counts.deletions, counts.insertions,
    ]  # fmt: skip
    assert measured["promised"] == {"utterances": 6, "words": 18}
    assert {(one["kind"], one["value"]) for one in measured["slices"]} >= {("gender", "F"), ("speaker", "2")}
    assert sorted(metrics["ways"]) == ["alone", "batched", "checkpoint", "constant", "onnx", "onnx_int8"]
    rounded = metrics["ways"].pop("onnx_int8")
    assert (rounded["utterances"], 1e-4 < rounded["largest_logit_difference"] < 1.0) == (6, True)
    for name, way in metrics["ways"].items():
        assert (way["utterances"], way["text_agreement"]) == (2 if name == "checkpoint" else 6, 1.0)
        assert way["largest_logit_difference"] < 1e-4
        assert way["wer_difference"] == {"test-a": 0.0}
    assert metrics["ways"]["constant"]["pad_to_samples"] == 12_000
    assert metrics["ways"]["onnx"]["wer"] == {"test-a": counts.rate}
    assert set(metrics["speed"]) == {"alone", "onnx", "onnx_int8"}
    assert metrics["speed"]["onnx"]["realtime_factor"] > 0
    assert [one["kind"] for one in metrics["silence"]] == ["silence", "noise", "noise", "noise"]
    for one in metrics["silence"]:
        assert one["texts"]["alone"] == one["texts"]["onnx"]
    assert any(one["texts"]["onnx"] for one in metrics["silence"][1:]), "random weights hear something in everything"
    assert metrics["leakage"] == {
        "against": ["train"], "speakers_known": True, "shared_speakers": [], "shared_utterances": [],
        "shared_sentences": 6,
    }  # fmt: skip
    files = [path for path in releases["candidate"].rglob("*") if path.is_file() and path.parent.name == "onnx"]
    assert metrics["sizes"]["onnx"] >= sum(path.stat().st_size for path in files) > 0
    assert metrics["code"]["fingerprint"] == "c0de"
    assert metrics["configuration"]["gate"]["max_wer"] == 10.0
    gate = read(evaluation, "gate.json")
    assert gate["verdict"] == "ACCEPT", gate["reasons"]
    outcomes = {check["name"]: check["verdict"] for check in gate["checks"]}
    assert outcomes["parity_logits/checkpoint"] == outcomes["padding_text/constant"] == "PASS"
    (suite,) = ET.parse(Path(evaluation.uri) / "gate.junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(outcomes)), "0")
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
    np.testing.assert_array_equal(probes["waveform_0"], to_float(utterances[2].samples))
    assert "Accepted" in (Path(evaluation.uri) / "report.html").read_text()


def test_the_configuration_that_is_told_has_the_hash_of_the_language_model(tmp_path):
    (tmp_path / "words.arpa").write_bytes(b"words")
    told = _with_hashes(EvaluationSettings(beam_search=BeamSearchSettings(str(tmp_path / "words.arpa"))))
    assert told["beam_search"]["sha256"] == hashlib.sha256(b"words").hexdigest()
    assert _with_hashes(EvaluationSettings())["beam_search"] is None


def test_a_model_above_the_ceiling_is_rejected_and_the_node_does_not_fail(tmp_path, releases, examples, anomalies):
    gate = dataclasses.replace(LENIENT, max_wer=0.01)
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, releases["candidate"], gate=gate)
    assert read(evaluation, "gate.json")["verdict"] == "REJECT"
    assert blessing.get_int_custom_property("blessed") == 0
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["NOT_BLESSED"]


@pytest.fixture(scope="module")
def compared(releases, utterances, tmp_path_factory):
    """An evaluation beside a baseline: the directory of all of it, evaluation and blessing."""
    root = tmp_path_factory.mktemp("compared")
    examples, anomalies = write_examples(root / "examples", utterances), write_anomalies(root / "anomalies")
    return root, *evaluate(root, examples, anomalies, releases["candidate"], releases["other"])


def test_the_baseline_is_run_again_on_these_utterances(releases, compared):
    _, evaluation, blessing = compared
    metrics = read(evaluation, "metrics.json")
    ours, theirs = metrics["splits"]["test-a"], metrics["splits"]["test-a"]["baseline"]
    assert metrics["baseline"]["model_digest"] == read_release(releases["other"]).model_digest
    assert metrics["baseline"]["release_name"] == "other"
    assert theirs["difference"]["value"] == pytest.approx(ours["words"]["wer"] - theirs["words"]["wer"])
    assert theirs["non_inferiority"]["margin"] == 9.0
    assert blessing.get_int_custom_property("baseline_model_id") == 5
    assert blessing.get_string_custom_property("baseline_model") == str(releases["other"])
    names = [check["name"] for check in read(evaluation, "gate.json")["checks"]]
    assert "non_inferiority/test-a" in names
    assert "deletions/test-a" in names


def test_at_addresses_it_is_the_same(releases, compared, bucket, scratch):
    """Everything lies in Cloud Storage, as on Vertex AI, the directory for temporary files and a first try included."""
    run, (root, local, _) = "gs://speech/run", compared
    for name in ("examples", "anomalies"):
        places.copy_tree(str(root / name), f"{run}/{name}")
    for name, release in (("release", "candidate"), ("baseline", "other")):
        places.copy_tree(str(releases[release]), f"{run}/{name}")
    places.write_bytes(f"{run}/blessing/NOT_BLESSED", b"")
    there = artifact(standard_artifacts.Examples, f"{run}/examples", splits=["train", "test-a"])
    anomalies_there = artifact(standard_artifacts.ExampleAnomalies, f"{run}/anomalies", splits=["train", "test-a"])
    evaluation, blessing = evaluate(run, there, anomalies_there, f"{run}/release", f"{run}/baseline")
    assert list(scratch.glob("w2v2-artifact-*")) == []
    ours, theirs = read(evaluation, "metrics.json"), read(local, "metrics.json")
    assert ours.pop("speed").keys() == theirs.pop("speed").keys()
    assert ours == theirs
    for name in ("utterances.jsonl", "probes.npz"):
        assert places.sha256_of(f"{run}/evaluation/{name}") == places.sha256_of(places.join(local.uri, name))
    assert places.list_names(evaluation.uri) == sorted(path.name for path in Path(local.uri).iterdir())
    assert read(evaluation, "gate.json")["verdict"] == "ACCEPT"
    assert [(entry.path, entry.size_bytes) for entry in places.list_tree(blessing.uri)] == [("BLESSED", 0)]
    for name in ("verdict", "wer", "release_digest", "model_digest"):
        assert evaluation.get_string_custom_property(name) == local.get_string_custom_property(name) != ""
    assert blessing.get_string_custom_property("current_model") == f"{run}/release"
    assert blessing.get_string_custom_property("baseline_model") == f"{run}/baseline"

    places.remove(f"{run}/release/RELEASE.json")
    with pytest.raises(ReleaseError, match=f"^{run}/release/RELEASE.json must be the whole description of a release"):
        evaluate(run, there, anomalies_there, f"{run}/release", f"{run}/baseline")
    assert list(scratch.glob("w2v2-artifact-*")) == []
    assert places.list_tree(evaluation.uri) == places.list_tree(blessing.uri) == []


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


def test_files_of_another_model_are_found_out(tmp_path, releases, examples, anomalies):
    """The SavedModel is the candidate's, and the other formats are another model's, each whole and with its hashes."""
    mixed = tmp_path / "mixed"
    shutil.copytree(releases["candidate"], mixed)
    for format_ in ("onnx", "checkpoint"):
        shutil.rmtree(mixed / format_)
        shutil.copytree(releases["other"] / format_, mixed / format_)
    formats = ("saved_model", "onnx", "checkpoint")
    files = {f"{name}/{path}": sha256 for name in formats for path, sha256 in sha256_of_files(mixed / name).items()}
    release = dataclasses.replace(
        read_release(mixed),
        files=files,
        sizes_bytes={path: (mixed / path).stat().st_size for path in files},
        release_digest=release_digest(files),
    )
    release.write(mixed)
    evaluation, blessing = evaluate(tmp_path, examples, anomalies, mixed)
    ways = read(evaluation, "metrics.json")["ways"]
    assert (ways["alone"]["text_agreement"], ways["constant"]["text_agreement"]) == (1.0, 1.0)
    outcomes = {check["name"]: check["verdict"] for check in read(evaluation, "gate.json")["checks"]}
    for format_ in ("onnx", "checkpoint"):
        assert ways[format_]["text_agreement"] < 1
        assert ways[format_]["largest_logit_difference"] > 0.1
        assert outcomes[f"parity_text/{format_}"] == outcomes[f"parity_logits/{format_}"] == "FAIL"
    assert outcomes["padding_text/constant"] == outcomes["release_files"] == "PASS"
    assert blessing.get_int_custom_property("blessed") == 0
