"""`w2v2 gc` in a workspace with a published model, and runs after it; through the command that people use."""

import json
from pathlib import Path

import pytest

from tests.w2v2_command import runs, states, w2v2

pytestmark = pytest.mark.e2e

CONFIG = """
import dataclasses
from pipeline.configs import smoke

def get_config():
    config = smoke.get_config()
    return dataclasses.replace(config, ingest=dataclasses.replace(config.ingest, num_shards_per_split=3))
"""


def files(root):
    return {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}


def test_a_superseded_run_is_freed_and_made_again_and_the_published_one_stays(changeable_smoke_workspace, tmp_path):
    workspace = changeable_smoke_workspace
    (published,) = runs(workspace)
    assert (published["verdict"], set(published["releases"])) == ("ACCEPT", {"saved_model", "onnx", "checkpoint"})
    config = tmp_path / "three_shards.py"
    config.write_text(CONFIG)
    ingest = ("run", "--config", config, "--to", "LibriSpeechExampleGen")
    w2v2(workspace, *ingest)
    superseded = runs(workspace)[0]
    assert states(superseded)["LibriSpeechExampleGen"] == "COMPLETE"
    (examples,) = next(node for node in superseded["nodes"] if node["id"] == "LibriSpeechExampleGen")["artifacts"][
        "examples"
    ]
    # A run that fails at once supersedes it.
    w2v2(workspace, "run", "--config", "smoke", "--checkpoint", tmp_path / "nowhere", code=2)
    before = files(workspace)

    def gc(*options):
        return json.loads(w2v2(workspace, "gc", "--keep-runs", "1", "--json", *options).stdout)

    planned = gc()
    assert files(workspace) == before
    assert {item["kind"]: item["runs"] for item in planned["items"]} == {
        "artifact": [superseded["run_id"]],
        "training": [],
    }
    assert planned["kept"][published["run_id"]] == "its model is published"
    done = gc("--yes")
    assert (done["items"], done["bytes"]) == (planned["items"], planned["bytes"])
    changed = {workspace / name for name in ("metadata.sqlite", "lock")}
    after = files(workspace)
    gone = {path for path in before if path not in after}
    assert sum(before[path] for path in gone) == done["bytes"]
    assert all(any(path.is_relative_to(item["path"]) for item in done["items"]) for path in gone)
    assert {path: size for path, size in before.items() if path not in gone | changed} == {
        path: size for path, size in after.items() if path not in changed
    }
    assert not Path(examples).exists()
    told = json.loads(w2v2(workspace, "review", superseded["run_id"], "--json").stdout)
    assert told["freed"].startswith("w2v2 gc freed ")
    assert "LibriSpeechExampleGen" in told["freed"]

    w2v2(workspace, *ingest)
    again = runs(workspace)[0]
    assert states(again)["LibriSpeechExampleGen"] == "COMPLETE"
    (made,) = next(node for node in again["nodes"] if node["id"] == "LibriSpeechExampleGen")["artifacts"]["examples"]
    assert made != examples
    assert len(list(Path(made).glob("Split-train/*"))) == 3
    # The baseline of the next run, and what everybody uses, are as they were.
    w2v2(workspace, "run", "--config", "smoke", "--to", "LatestBlessedModel")
    resolved = next(node for node in runs(workspace)[0]["nodes"] if node["id"] == "LatestBlessedModel")["artifacts"]
    release = next(node for node in published["nodes"] if node["id"] == "ReleaseExporter")["artifacts"]["release"]
    assert resolved["model"] == release
    sound = next(path for path in before if path.suffix == ".flac")
    assert w2v2(workspace, "transcribe", sound).stdout.strip()
