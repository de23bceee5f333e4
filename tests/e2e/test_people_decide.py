"""A model that is left to a person: run, approved, compared with, rejected; through the command that people use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.nodes import FORMAT_BY_PUSHER

pytestmark = pytest.mark.e2e

W2V2 = str(Path(sys.executable).with_name("w2v2"))
CONFIG = """
import dataclasses
from pipeline.configs import smoke

def get_config():
    config = smoke.get_config()
    return dataclasses.replace(config, gate=dataclasses.replace(config.gate, require_approval=True))
"""


def w2v2(workspace, *arguments, code=0):
    environment = {**os.environ, "W2V2_WORKSPACE": str(workspace), "COLUMNS": "200"}
    done = subprocess.run(
        [W2V2, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=550, check=False
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done


def newest(workspace):
    return json.loads(w2v2(workspace, "runs", "--json").stdout)["runs"][0]


def outputs(run, node):
    (found,) = [one for one in run["nodes"] if one["id"] == node]
    return found["artifacts"]


def published(workspace):
    return sorted(path.parent.parent.name for path in (workspace / "releases").glob("*/*/[0-9]*/RELEASE.json"))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "asks.py"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, config):
    root = tmp_path_factory.mktemp("decide") / "workspace"
    w2v2(root, "run", "--config", config, code=5)
    return root


@pytest.fixture(scope="module")
def first(workspace):
    """The run, as it was told right after it."""
    return newest(workspace)


def test_a_model_that_passes_waits_and_is_not_published(workspace, first):
    assert (first["state"], first["verdict"], first["decision"]) == ("COMPLETE", "NEEDS_REVIEW", None)
    assert first["reasons"] == ["The configuration asks for a person's approval of every model."]
    assert (first["releases"], published(workspace)) == ({}, [])


@pytest.fixture(scope="module")
def approved(workspace, first):
    """What `approve` said of the first run."""
    told = w2v2(workspace, "approve", first["run_id"], "--reason", "Heard <b>it</b>.", "--json").stdout
    return json.loads(told)


def test_an_approval_goes_on_with_the_pushers_alone(workspace, first, approved):
    assert (approved["verdict"], approved["is_new"]) == ("NEEDS_REVIEW", True)
    assert published(workspace) == sorted(FORMAT_BY_PUSHER.values())
    run = newest(workspace)
    assert run["run_id"] == approved["published_by"]
    assert (run["state"], run["verdict"], run["decision"]) == ("COMPLETE", "NEEDS_REVIEW", approved["decision"])
    states = {node["id"]: node["state"] for node in run["nodes"] if node["id"] != "LatestBlessedModel"}
    assert {node for node, state in states.items() if state == "COMPLETE"} == set(FORMAT_BY_PUSHER)
    assert set(states.values()) == {"COMPLETE", "CACHED"}
    assert outputs(run, "WEREvaluator") == outputs(first, "WEREvaluator")
    record = json.loads((workspace / "runs" / run["run_id"] / "run.json").read_text())
    assert (record["request"]["approved_run_id"], record["base_run_id"]) == (first["run_id"], first["run_id"])
    for run_id in (first["run_id"], run["run_id"]):
        review = json.loads(w2v2(workspace, "review", run_id, "--json").stdout)
        assert "<td>Heard &lt;b&gt;it&lt;/b&gt;.</td>" in Path(review["report"]).read_text()
    card = next((workspace / "releases").glob("*/onnx/1/README.md")).read_text()
    assert "The gate's verdict was NEEDS_REVIEW, and a person approved it:" in card


def test_the_next_run_sees_it_as_the_baseline(workspace, first, approved, config):
    w2v2(workspace, "run", "--config", config, "--to", "LatestBlessedModel")
    assert outputs(newest(workspace), "LatestBlessedModel")["model"] == outputs(first, "ReleaseExporter")["release"]
    w2v2(workspace, "run", "--config", config)
    told = w2v2(workspace, "review").stdout
    assert "There is nothing to compare: the latest blessed model is this very model." in told
    assert newest(workspace)["decision"] == approved["decision"]


def test_a_rejection_takes_the_baseline_away_and_nothing_more_is_published(workspace, first, approved, config):
    done = w2v2(workspace, "reject", first["run_id"], "--reason", "It stammers.")
    assert "What is published stays published; remove it if nobody is to use it: " in done.stdout
    assert published(workspace) == sorted(FORMAT_BY_PUSHER.values())
    w2v2(workspace, "run", "--config", config, "--to", "LatestBlessedModel")
    assert outputs(newest(workspace), "LatestBlessedModel") == {}
    w2v2(workspace, "run", "--config", config, code=4)
    assert "There is no blessed model to compare with yet" in w2v2(workspace, "review").stdout
    last = newest(workspace)
    assert (last["verdict"], last["decision"]["decision"], last["releases"]) == ("NEEDS_REVIEW", "reject", {})
    again = w2v2(workspace, "reject", first["run_id"], "--reason", "Again.")
    assert "was rejected already, by" in again.stdout
