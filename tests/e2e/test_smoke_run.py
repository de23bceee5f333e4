"""The whole graph, every node, on the smoke configuration, through the command that people use."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import safetensors.numpy

from model.pretrained import TINY

pytestmark = pytest.mark.e2e

W2V2 = str(Path(sys.executable).with_name("w2v2"))
NODES = [
    "LibriSpeechExampleGen", "StatisticsGen", "SchemaGen", "ImportSchemaGen", "ExampleValidator", "Transform",
    "CheckpointConverter", "Trainer", "ReleaseExporter", "LatestBlessedModel", "WEREvaluator", "HubPusher",
    "OnnxPusher", "CheckpointPusher",
]  # fmt: skip


def w2v2(workspace, *arguments, code=0):
    environment = {**os.environ, "W2V2_WORKSPACE": str(workspace), "COLUMNS": "200"}
    done = subprocess.run(
        [W2V2, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=550, check=False
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def runs(workspace):
    return json.loads(w2v2(workspace, "runs", "--json").stdout)["runs"]


def states(run):
    return {node["id"]: node["state"] for node in run["nodes"]}


def releases(workspace):
    """Every released file with its time: what must not change when a later run fails."""
    return {
        path.relative_to(workspace): path.stat().st_mtime_ns
        for path in (workspace / "releases").rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("smoke") / "workspace"
    w2v2(root, "run", "--config", "smoke")
    return root


@pytest.fixture(scope="module")
def first(workspace):
    """The first run, as it was told right after it."""
    return runs(workspace)[-1]


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


def test_review_tells_the_same_and_where_the_report_is(workspace, first):
    review = json.loads(w2v2(workspace, "review", first["run_id"], "--json").stdout)
    assert review["verdict"] == "ACCEPT"
    assert [gate["name"] for gate in review["gates"]] == [gate["name"] for gate in first["gates"]]
    assert "Accepted" in Path(review["report"]).read_text()
    (suite,) = ET.parse(review["junit"]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(len(first["gates"])), "0")


def test_the_released_onnx_model_hears_what_was_evaluated(workspace, first):
    (evaluation,) = (workspace / "pipelines").glob("*/WEREvaluator/evaluation/*/utterances.jsonl")
    rows = [json.loads(line) for line in evaluation.read_text().splitlines()]
    files = {path.stem: path for path in (workspace / "corpora").glob("*/test-synthetic/*/*/*.flac")}
    assert {row["utterance_id"] for row in rows} == set(files)
    sounds = [files[row["utterance_id"]] for row in rows]
    for precision, way in (("float32", "onnx"), ("int8", "onnx_int8")):
        options = ("--runtime", "onnxruntime", "--precision", precision, "--json")
        told = json.loads(w2v2(workspace, "transcribe", *sounds, *options).stdout)
        assert [entry["text"] for entry in told["transcriptions"]] == [row["texts"][way] for row in rows]


def test_the_released_saved_model_loads_without_this_project(workspace, first):
    (version,) = (workspace / "releases" / "wav2vec2-smoke" / "saved_model").glob("[0-9]*/saved_model.pb")
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


def test_running_again_uses_the_cache_and_has_nothing_to_compare(workspace, first):
    before = releases(workspace)
    done = w2v2(workspace, "run", "--config", "smoke")
    assert "There is nothing to compare: the latest blessed model is this very model." in done.stdout
    again = runs(workspace)[0]
    executed = {node for node, state in states(again).items() if state == "COMPLETE"}
    assert executed <= {"LatestBlessedModel", "WEREvaluator", "HubPusher", "OnnxPusher", "CheckpointPusher"}
    assert again["verdict"] == "ACCEPT"
    assert again["wer"] == first["wer"]
    assert releases(workspace) == before


def test_a_part_of_the_graph_is_run_alone_and_without_the_cache(workspace, first):
    node = "CheckpointConverter"
    w2v2(workspace, "run", "--config", "smoke", "--from", node, "--to", node, "--no-cache")
    partial = runs(workspace)[0]
    assert states(partial)["CheckpointConverter"] == "COMPLETE"
    assert states(partial)["Trainer"] != "COMPLETE"


def test_a_damaged_corpus_ends_in_one_sentence_and_changes_nothing(workspace, first, tmp_path):
    (corpus,) = (workspace / "corpora").iterdir()
    copy = tmp_path / "damaged"
    shutil.copytree(corpus, copy)
    victim, silent, *_ = sorted(copy.glob("train-synthetic/*/*/*.flac"))
    victim.write_bytes(victim.read_bytes()[:-2000])
    # A transcript without its audio, and, under another number, audio without a transcript.
    silent.rename(silent.with_name(f"{silent.stem[:-4]}9999.flac"))
    before, known = releases(workspace), len(runs(workspace))
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", copy, code=3)
    message = f"{done.stdout}\n{done.stderr}"
    assert "At most 0.1 % of the utterances may be rejected, and 3 of" in " ".join(message.split())
    assert victim.stem in message
    assert "It has a transcript and no audio" in message
    assert "It has audio and no transcript" in message
    assert "Traceback" not in message
    assert releases(workspace) == before
    after = runs(workspace)
    assert len(after) == known + 1
    assert after[0]["state"] == "FAILED"
    assert [run["verdict"] for run in after if run["run_id"] == first["run_id"]] == ["ACCEPT"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda tensors: tensors.pop("lm_head.bias"),
            "must hold every tensor of the architecture that it describes; these are missing: lm_head.bias",
        ),
        (
            lambda tensors: tensors.update({"lm_head.extra": tensors["lm_head.bias"]}),
            "must have its place in the model; these have none: lm_head.extra",
        ),
    ],
)
def test_a_checkpoint_with_a_missing_or_an_extra_tensor_is_named(workspace, first, tmp_path, change, message):
    shutil.copytree(TINY, tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    change(tensors)
    safetensors.numpy.save_file(tensors, path)
    before = releases(workspace)
    done = w2v2(workspace, "run", "--config", "smoke", "--checkpoint", tmp_path / "checkpoint", code=3)
    said = " ".join(f"{done.stdout}\n{done.stderr}".split())
    assert message in said
    assert "Traceback" not in said
    assert releases(workspace) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TrainingSettings(steps=1, stepps=2)", "stepps"),
        ("TrainingSettings(steps=0)", "train.steps must be at least 1, not 0."),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_before_anything(workspace, first, tmp_path, text, message):
    file = tmp_path / "mine.py"
    file.write_text(
        "from pipeline.config import PipelineConfig\n"
        "from model.training.settings import TrainingSettings\n"
        "from components.wer_evaluator.settings import GateSettings\n"
        "def get_config():\n"
        f"    return PipelineConfig(name='mine', gate=GateSettings(max_wer=0.5), train={text})\n"
    )
    known = len(runs(workspace))
    done = w2v2(workspace, "run", "--config", file, code=2)
    assert message in done.stderr
    assert done.stdout == ""
    assert len(runs(workspace)) == known


def test_a_corpus_that_does_not_exist_is_said(workspace, first, tmp_path):
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", tmp_path / "nowhere", code=2)
    assert done.stderr.startswith("✗ --corpus must be 'synthetic', subsets of LibriSpeech such as ")
    assert "nowhere does not exist, and the subsets are dev-clean" in done.stderr
    assert done.stdout == ""
    (tmp_path / "hollow").mkdir()
    done = w2v2(workspace, "run", "--config", "smoke", "--corpus", tmp_path / "hollow", code=3)
    assert "A corpus must hold utterances as" in f"{done.stdout}\n{done.stderr}"


def test_a_second_run_in_the_same_workspace_is_refused_while_the_first_is_under_way(workspace, first):
    import fcntl

    with open(workspace / "lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = len(runs(workspace))
        done = w2v2(workspace, "run", "--config", "smoke", code=75)
        assert "workspace" in done.stderr
        assert len(runs(workspace)) == known
