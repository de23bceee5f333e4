"""The whole graph without transcripts, on the smallest configuration, and the way on from what it publishes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.export.release import read_release
from pipeline.nodes import node_ids

pytestmark = pytest.mark.e2e

W2V2 = str(Path(sys.executable).with_name("w2v2"))


def w2v2(workspace, *arguments):
    environment = {**os.environ, "W2V2_WORKSPACE": str(workspace), "COLUMNS": "200"}
    done = subprocess.run(
        [W2V2, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=550, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("pretrain") / "workspace"
    w2v2(root, "run", "--config", "pretrain_smoke")
    return root


@pytest.fixture(scope="module")
def first(workspace):
    """The run, as it was told right after it."""
    return json.loads(w2v2(workspace, "runs", "--json").stdout)["runs"][-1]


def test_every_node_ran_and_the_backbone_was_accepted(first):
    assert (first["state"], first["verdict"]) == ("COMPLETE", "ACCEPT")
    assert [node["id"] for node in first["nodes"] if node["state"] != "COMPLETE"] == []
    assert sorted(node["id"] for node in first["nodes"]) == sorted(node_ids("pretraining"))
    assert first["wer"] == {}
    measures = first["measures"]["validation"]
    assert 0 < measures["contrastive_loss"] < 10
    assert 2 <= measures["code_perplexity"] <= measures["codes"] == 128
    assert {gate["name"] for gate in first["gates"]} == {
        "data_anomalies", "complete/validation", "min_utterances/validation", "masked_frames/validation",
        "max_contrastive_loss/validation", "min_code_perplexity/validation", "baseline",
        "saved_model_hidden_states", "onnx_hidden_states",
    }  # fmt: skip
    assert set(first["releases"]) == {"saved_model", "onnx", "checkpoint"}


def test_no_transcript_was_read(workspace, first):
    (info,) = (workspace / "pipelines").glob("*/LibriSpeechExampleGen/examples/*/dataset_info.json")
    told = json.loads(info.read_text())
    assert told["settings"]["transcripts"] == "none"
    assert [split["words"] for split in told["splits"].values()] == [0, 0]
    assert sorted(told["splits"]) == ["train", "validation"]


def test_it_has_learned_something_and_says_from_where(workspace, first):
    directory = Path(first["releases"]["checkpoint"]["path"])
    release = read_release(directory)
    assert (release.head, release.source_checkpoint and release.source_checkpoint["name"]) == ("pretraining", "random")
    tensors = safetensors.numpy.load_file(directory / "model.safetensors")
    assert "quantizer.codevectors" in tensors
    (start,) = (workspace / "pipelines").glob("*/CheckpointConverter/model/*/Format-Serving")
    from model import load_model

    before = load_model(start).model.named_weights()["project_q/bias"].numpy()
    assert not np.array_equal(before, tensors["project_q.bias"])


def test_review_tells_the_loss(workspace, first):
    shown = w2v2(workspace, "review", first["run_id"]).stdout
    assert "Contrastive loss" in shown
    assert "nats" in shown
    review = json.loads(w2v2(workspace, "review", first["run_id"], "--json").stdout)
    assert "Accepted" in Path(review["report"]).read_text()


def test_what_was_published_can_be_fine_tuned(workspace, first):
    directory = first["releases"]["checkpoint"]["path"]
    w2v2(workspace, "run", "--config", "smoke", "--checkpoint", directory, "--to", "CheckpointConverter")
    (converted,) = (workspace / "pipelines").glob("smoke-*/CheckpointConverter/model/*/Format-Serving")
    report = json.loads((converted / "conversion_report.json").read_text())
    assert (report["source_head"], report["head"]) == ("pretraining", "ctc")
    assert report["source"]["name"] == "wav2vec2-pretrain-smoke, version 1"
    assert {row["variable"] for row in report["tensors"] if row["dtype"] == "random"} == {
        "lm_head/kernel", "lm_head/bias"
    }  # fmt: skip
