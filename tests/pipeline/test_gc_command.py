"""`w2v2 gc` as a person meets it."""

import json

import pytest

from pipeline import cli
from pipeline.sizes import format_size
from tests.workspace_with_runs import WorkspaceWithRuns


@pytest.fixture
def made(tmp_path):
    return WorkspaceWithRuns(tmp_path / "workspace")


@pytest.fixture
def gc(capsys, tmp_path):
    def run(*arguments, command="gc", workspace=tmp_path / "workspace"):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, *arguments, "--workspace", str(workspace)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def test_without_yes_nothing_is_changed(made, gc):
    old = made.add(1, outputs=("examples", "model"), state="FAILED")
    made.add(2)
    code, out, err = gc("--keep-runs", "1")
    assert (code, err) == (0, "")
    assert f"pipelines/small/Trainer/model/{made.places[old, 'model'].name}" in out
    assert f"run {old}: failed" in out
    last = out.splitlines()[-1]
    assert last == "2.0 kB can be freed; one run is kept. Nothing was changed; the same with --yes frees it."
    assert made.places[old, "model"].is_dir()
    code, out, _ = gc("--keep-runs", "1", "--yes")
    assert out.splitlines()[-1] == f"Freed 2.0 kB in {made.workspace.root}; one run is kept."
    assert not made.places[old, "model"].exists()
    code, out, _ = gc("--keep-runs", "1", "--delete")
    assert out == f"Nothing in {made.workspace.root} can be freed; one run is kept.\n"
    code, out, _ = gc(command="runs")
    assert f"w2v2 gc has freed artifacts of {old}; w2v2 review RUN says which." in out
    code, out, _ = gc(old, command="review")
    assert f"{old}" in out
    assert "w2v2 gc freed 2.0 kB of this run" in out


def test_json_tells_what_and_why(made, gc):
    old = made.add(1, outputs=("model",))
    newest = made.add(2)
    code, out, err = gc("--json", "--keep-runs", "1")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "workspace": str(made.workspace.root),
        "dry_run": True,
        "items": [
            {
                "kind": "artifact",
                "path": str(made.places[old, "model"]),
                "bytes": 1000,
                "why": "superseded; it judged no model",
                "runs": [old],
            }
        ],
        "bytes": 1000,
        "kept": {newest: "it is the newest of its pipeline"},
        "left": [],
        "under_way": None,
    }
    code, out, _ = gc("--json", "--keep-runs", "1", "--yes")
    assert (json.loads(out)["dry_run"], json.loads(out)["bytes"]) == (False, 1000)


def test_cloud_storage_has_rules_of_its_own(gc):
    code, out, err = gc("--yes", workspace="gs://bucket/w2v2")
    assert (code, out) == (2, "")
    assert err.startswith("✗ w2v2 gc frees space on this machine, and gs://bucket/w2v2 is in Cloud Storage; give the")
    assert "lifecycle rules" in err
    assert err.count("\n") == 1


def test_one_run_is_kept_at_the_least(made, gc):
    code, _, err = gc("--keep-runs", "0")
    assert code == 2
    assert err.startswith("✗ --keep-runs must be at least 1")


def test_beside_a_run_it_says_what_it_waits_for(made, gc):
    newest = made.add(1)
    with made.workspace.lock(newest):
        code, out, _ = gc()
        assert code == 0
        assert f"The workspace is in use, by {newest}; what is half-done is not listed" in out
        code, _, err = gc("--yes")
        assert code == 75
        assert f"and run {newest} (process" in err


def test_an_approval_of_what_was_freed_says_so(made, gc, workspace, judge):
    """The last word on a model may change, but its release is gone."""
    run_id = "20250101T000000Z-aaaa"
    judge(run_id, "NEEDS_REVIEW")
    code, out, _ = gc(run_id, "--reason", "Why.", "--json", command="reject")
    assert code == 0
    newest = "20250102T000000Z-bbbb"
    judge(newest, "NEEDS_REVIEW", content="others")
    code, out, _ = gc("--keep-runs", "1", "--yes", "--json")
    assert [item["runs"] for item in json.loads(out)["items"]] == [[run_id]]
    code, _, err = gc(run_id, "--reason", "After all.", command="approve")
    assert code == 2
    assert f"w2v2 gc has freed that of run {run_id}; run again, and approve that run." in err
    code, out, _ = gc(run_id, "--json", command="review")
    told = json.loads(out)
    assert (told["verdict"], told["decision"]["decision"]) == ("NEEDS_REVIEW", "reject")
    assert told["freed"].startswith("w2v2 gc freed ")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (98_765_432_100, "98.8 GB")],
)
def test_sizes_in_words(size, words):
    assert format_size(size) == words
