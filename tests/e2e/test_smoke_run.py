"""The whole graph, every node, on the smoke configuration, through the command that people use."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.w2v2_command import runs, states, w2v2

pytestmark = pytest.mark.e2e

NODES = [
    "LibriSpeechExampleGen", "StatisticsGen", "SchemaGen", "ImportSchemaGen", "ExampleValidator", "Transform",
    "CheckpointConverter", "Trainer", "ReleaseExporter", "LatestBlessedModel", "WEREvaluator", "HubPusher",
    "OnnxPusher", "CheckpointPusher",
]  # fmt: skip


@pytest.fixture(scope="module")
def first(smoke_workspace):
    """The run, as it is told after it."""
    (run,) = runs(smoke_workspace)
    return run


def test_every_node_ran_and_the_model_was_accepted(first):
    assert first["state"] == "COMPLETE"
    assert first["verdict"] == "ACCEPT"
    assert sorted(states(first)) == sorted(NODES)
    assert set(states(first).values()) == {"COMPLETE"}
    assert list(first["wer"]) == ["test-synthetic"]
    assert 0 < first["wer"]["test-synthetic"] < 1
    outcomes = {gate["name"]: gate["verdict"] for gate in first["gates"]}
    judged = {
        "data_anomalies", "complete/test-synthetic", "min_utterances/test-synthetic", "shared_utterances",
        "shared_speakers", "max_wer/test-synthetic", "silence_words", "noise_words", "release_files",
        "padded_utterances", "int8_text", "int8_wer",
        *(f"padding_{what}/{way}" for what in ("text", "logits") for way in ("alone", "constant")),
        *(f"parity_{what}/{format_}" for what in ("text", "logits", "wer") for format_ in ("onnx", "checkpoint")),
        *(f"size/{format_}" for format_ in ("saved_model", "onnx", "checkpoint")),
        *(f"realtime_factor/{way}" for way in ("alone", "onnx")),
    }  # fmt: skip
    told = {
        "published/test-synthetic", "shared_sentences", "worst_slice/test-synthetic", "baseline", "beam_search",
        *(f"{what}/{way}" for what in ("median_seconds", "p95_seconds") for way in ("alone", "onnx")),
    }  # fmt: skip
    assert outcomes == {**dict.fromkeys(judged, "PASS"), **dict.fromkeys(told, "NOT APPLICABLE")}


def test_review_tells_the_same_and_where_the_report_is(smoke_workspace, first):
    review = json.loads(w2v2(smoke_workspace, "review", first["run_id"], "--json").stdout)
    assert review["verdict"] == "ACCEPT"
    assert [gate["name"] for gate in review["gates"]] == [gate["name"] for gate in first["gates"]]
    assert "Accepted" in Path(review["report"]).read_text()
    (suite,) = ET.parse(review["junit"]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(first["gates"])), "0")


def test_the_released_onnx_model_hears_what_was_evaluated(smoke_workspace, first):
    (evaluation,) = (smoke_workspace / "pipelines").glob("*/WEREvaluator/evaluation/*/utterances.jsonl")
    rows = [json.loads(line) for line in evaluation.read_text().splitlines()]
    files = {path.stem: path for path in (smoke_workspace / "corpora").glob("*/test-synthetic/*/*/*.flac")}
    assert {row["utterance_id"] for row in rows} == set(files)
    sounds = [files[row["utterance_id"]] for row in rows]
    for precision, way in (("float32", "onnx"), ("int8", "onnx_int8")):
        options = ("--runtime", "onnxruntime", "--precision", precision, "--json")
        told = json.loads(w2v2(smoke_workspace, "transcribe", *sounds, *options).stdout)
        assert [entry["text"] for entry in told["transcriptions"]] == [row["texts"][way] for row in rows]


def test_the_released_saved_model_loads_without_this_project(smoke_workspace, first):
    (version,) = (smoke_workspace / "releases" / "wav2vec2-smoke" / "saved_model").glob("[0-9]*/saved_model.pb")
    code = (
        "import sys; sys.path = [p for p in sys.path if p != ''];"
        "import numpy as np, tensorflow as tf;"
        f"m = tf.saved_model.load({str(version.parent)!r});"
        "o = m.signatures['transcribe'](waveform=tf.zeros([2, 16000]), num_samples=tf.constant([16000, 8000]));"
        "assert 'model' not in sys.modules;"
        "print(o['text'].shape, o['logits'].shape, o['num_frames'].numpy().tolist())"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment,
        check=False,
    )
    assert done.stdout.strip() == "(2,) (2, 49, 32) [49, 24]", done.stderr
