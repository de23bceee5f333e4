"""Freeing space in workspaces that hold runs of all kinds."""

import os
import shutil
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import TryAgainError
from pipeline.collection import free
from pipeline.collection.free import collect, end_collection
from pipeline.collection.holding import held
from pipeline.collection.plan import plan_collection
from pipeline.collection.store import read_store
from pipeline.doctor import check_workspace
from pipeline.record import RunDirectory
from pipeline.runs import past_runs, read_run
from pipeline.workspace import Workspace
from tests.workspace_with_runs import WorkspaceWithRuns, run_id_of

TRAINED = ("examples", "model")
RELEASED = (*TRAINED, "release")
QUIET = 100_000


@pytest.fixture
def made(tmp_path):
    return WorkspaceWithRuns(tmp_path / "workspace")


def listed(made, **options):
    """What would be freed, as paths relative to the workspace with their kinds."""
    plan = plan_collection(made.workspace, **options)
    return {(item.kind, str(item.path.relative_to(made.workspace.root))) for item in plan.items}


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "lock"}


run_kinds = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["COMPLETE", "FAILED", "INTERRUPTED"]),
        "outputs": st.sampled_from([(), ("examples",), TRAINED, RELEASED]),
        "verdict": st.sampled_from(["", "ACCEPT", "REJECT", "NEEDS_REVIEW"]),
        "pushed": st.booleans(),
        "decided": st.sampled_from([None, "approve", "reject"]),
        "pipeline": st.sampled_from(["small", "large"]),
        "record": st.sampled_from([True, True, True, False]),
        "cached": st.booleans(),
    }
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=st.lists(run_kinds, max_size=6), keep_runs=st.integers(1, 2))
def test_what_is_protected_stays_byte_for_byte(tmp_path_factory, kinds, keep_runs):
    made = WorkspaceWithRuns(tmp_path_factory.mktemp("random") / "workspace")
    uses = {}
    for number, drawn in enumerate(kinds):
        kind = dict(drawn)
        before = [(run, output) for run, output in made.artifacts if output == "examples"]
        kind["takes"] = before[-1:] if kind.pop("cached") and "examples" not in kind["outputs"] else []
        if not kind["verdict"]:
            kind["decided"] = None
        run_id = made.add(number, **kind)
        uses[run_id] = {key for key in made.artifacts if key[0] == run_id} | set(kind["takes"])
    # Nobody decides about what was not judged.
    by_run = {
        run_id_of(number): {**kind, "decided": kind["decided"] if kind["verdict"] else None}
        for number, kind in enumerate(kinds)
    }
    protected = set()
    for run_id, kind in by_run.items():
        later = [one for name, one in by_run.items() if name > run_id and one["pipeline"] == kind["pipeline"]]
        is_newest = kind["record"] and sum(one["record"] for one in later) < keep_runs
        waits = kind["verdict"] == "NEEDS_REVIEW" and kind["decided"] is None
        if is_newest or waits or kind["verdict"] == "ACCEPT" or kind["decided"] == "approve" or kind["pushed"]:
            protected |= uses[run_id]
    small = {"evaluation", "blessing", "pushed_model"}
    kept = {key for key in made.artifacts if key in protected or key[1] in small}
    before = {key: files(made.places[key]) for key in kept}
    records = files(made.workspace.runs_dir)
    planned = plan_collection(made.workspace, keep_runs)
    done = collect(made.workspace, keep_runs)
    assert (done.items, done.kept) == (planned.items, planned.kept)
    assert {key for key, place in made.places.items() if place.exists()} == kept
    assert {key: files(made.places[key]) for key in kept} == before
    assert files(made.workspace.runs_dir) == records
    assert done.size_bytes == 1000 * (len(made.artifacts) - len(kept))
    content = read_store(made.workspace.metadata_file)
    assert set(content.artifacts) == {made.artifacts[key] for key in kept}
    assert collect(made.workspace, keep_runs).items == ()


def test_a_superseded_run_is_freed_and_says_so(made):
    old = made.add(1, outputs=RELEASED, verdict="REJECT")
    made.add(2, outputs=TRAINED)
    plan = collect(made.workspace, keep_runs=1)
    assert [(item.kind, item.why, item.run_ids) for item in plan.items] == [
        ("artifact", "superseded; the gate rejected it", (old,))
    ] * 3
    entry = read_run(made.workspace, old)
    freed = [node.id for node in entry.nodes if node.freed]
    assert freed == ["LibriSpeechExampleGen", "Trainer", "ReleaseExporter"]
    assert entry.freed.startswith("w2v2 gc freed 3.0 kB of this run, the last at 20")
    assert "the outputs of LibriSpeechExampleGen, Trainer, ReleaseExporter." in entry.freed
    assert entry.to_json()["freed"] == entry.freed
    # Its outputs are none that a later run may go on with.
    record = made.add(3)
    (past,) = [one for one in past_runs(made.workspace, _record(made, record)) if one.run_id == old]
    assert past.finished == {"WEREvaluator"}


def _record(made, run_id):
    return RunDirectory(made.workspace.runs_dir / run_id).read()


def test_what_a_kept_run_took_over_stays(made):
    old = made.add(1, outputs=TRAINED)
    made.add(2, outputs=("model",), takes=[(old, "examples")])
    assert listed(made, keep_runs=1) == {
        ("artifact", f"pipelines/small/Trainer/model/{made.places[old, 'model'].name}")
    }


def test_a_baseline_that_no_run_knows_any_more_stays(made):
    old = made.add(1, outputs=RELEASED, verdict="ACCEPT", record=False)
    made.add(2)
    assert listed(made, keep_runs=1) == set()
    assert plan_collection(made.workspace, 1).kept[old] == "its model is blessed"


def test_a_run_without_a_readable_record_keeps_all_of_it(made):
    old = made.add(1, outputs=TRAINED)
    made.add(2)
    (made.workspace.runs_dir / old / "run.json").write_text("{")
    plan = plan_collection(made.workspace, 1)
    assert plan.items == ()
    assert plan.kept[old].startswith("it cannot be told what it is: A run must have a record")


def test_a_decision_that_cannot_be_read_keeps_all_of_it(made):
    old = made.add(1, outputs=RELEASED, verdict="NEEDS_REVIEW", decided="reject")
    made.add(2)
    assert len(listed(made, keep_runs=1)) == 3
    (decision,) = made.workspace.pipelines_dir.glob("small/decisions/*/0001.json")
    decision.chmod(0o644)
    decision.write_text("{")
    plan = plan_collection(made.workspace, 1)
    assert plan.items == ()
    assert "A decision must be a record that can be read, and" in plan.kept[old]


def test_what_the_evaluator_blessed_is_told_apart_from_what_a_resolver_found(workspace, judge):
    first, second = "20260101T000000Z-aaaa", "20260102T000000Z-bbbb"
    judge(first, "ACCEPT")
    judge(second, "REJECT", content="others")
    runs = read_store(workspace.metadata_file).runs
    assert [(runs[one].verdict, runs[one].is_blessed) for one in (first, second)] == [
        ("ACCEPT", True),
        ("REJECT", False),
    ]


def test_a_model_that_a_person_approved_in_the_store_alone_stays(made):
    """A record may have been removed; the blessing that followed it has not."""
    old = made.add(1, outputs=RELEASED, verdict="NEEDS_REVIEW")
    (blessing,) = made.store.get_artifacts_by_id([made.artifacts[old, "blessing"]])
    blessing.custom_properties["decision"].string_value = "approve"
    blessing.custom_properties["blessed"].int_value = 1
    made.store.put_artifacts([blessing])
    made.add(2)
    assert listed(made, keep_runs=1) == set()


def test_nothing_is_followed_out_of_the_workspace(made, tmp_path):
    old = made.add(1, outputs=RELEASED)
    made.add(2)
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "file").write_text("mine")
    # An artifact that is a link, one behind a link, and one that names a place outside.
    model = made.places[old, "model"]
    shutil.rmtree(model)
    model.symlink_to(precious)
    node = made.places[old, "release"].parent
    node.rename(tmp_path / "moved")
    node.symlink_to(tmp_path / "moved")
    (examples,) = made.store.get_artifacts_by_id([made.artifacts[old, "examples"]])
    examples.uri = f"{made.workspace.pipelines_dir}/small/../../../elsewhere"
    made.store.put_artifacts([examples])
    plan = collect(made.workspace, keep_runs=1)
    assert plan.items == ()
    assert set(plan.left) == {str(model), str(made.places[old, "release"]), examples.uri}
    assert (precious / "file").read_text() == "mine"
    assert files(tmp_path / "moved") == {f"{made.places[old, 'release'].name}/file"}
    assert set(read_store(made.workspace.metadata_file).freed) == set()


def test_links_within_an_artifact_are_removed_and_not_followed(made, tmp_path):
    old = made.add(1, outputs=("model",))
    made.add(2)
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (made.places[old, "model"] / "link").symlink_to(precious)
    collect(made.workspace, keep_runs=1)
    assert not made.places[old, "model"].exists()
    assert (precious / "file").read_text() == "mine"


@pytest.mark.parametrize("when", ["before the first vanishes", "half of its files are gone"])
def test_killed_half_way_the_next_call_or_run_ends_it(made, monkeypatch, when):
    old = made.add(1, outputs=RELEASED)
    made.add(2)
    place = made.places[old, "model"]
    (place / "second").write_bytes(b"x")

    def killed(path, *rest):
        if when == "half of its files are gone":
            (path / "file").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if when == "before the first vanishes":
            patched.setattr(free, "remove", killed)
        else:
            patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(made.workspace, keep_runs=1)
    # The metadata was first: nothing takes these for outputs any more.
    assert len(read_store(made.workspace.metadata_file).freed) == 3
    kept = shutil.copytree(made.workspace.root, made.workspace.root.with_name("kept"))
    assert {kind for kind, _ in listed(made, keep_runs=1)} == {"rest"}
    collect(made.workspace, keep_runs=1)
    assert not any(place.exists() for key, place in made.places.items() if key[0] == old)
    assert listed(made, keep_runs=1) == set()
    # A run does the same with what has not vanished: TFX asks no more than whether a directory is there.
    shutil.rmtree(made.workspace.root)
    kept.rename(made.workspace.root)
    end_collection(made.workspace)
    assert not any(place.exists() for key, place in made.places.items() if key[0] == old)


def test_beside_a_run_nothing_is_freed_and_what_is_half_done_is_not_listed(made):
    old = made.add(1, outputs=TRAINED)
    newest = made.add(2)
    made.training_state("0123456789abcdef", changed=1.0)
    with made.workspace.lock(newest):
        assert {kind for kind, _ in listed(made, keep_runs=1)} == {"artifact"}
        assert plan_collection(made.workspace, 1).under_way == newest
        with pytest.raises(TryAgainError, match=f"and run {newest} .*does; wait until"):
            collect(made.workspace, keep_runs=1)
    with made.workspace.lock(old):
        assert listed(made, keep_runs=1) == set()
    with made.workspace.lock(free.HOLDER):
        assert check_workspace(made.workspace).message.endswith(f"; w2v2 gc is under way (process {os.getpid()})")
    with made.workspace.lock(free.HOLDER), pytest.raises(TryAgainError, match=r"and w2v2 gc \(process "):
        collect(made.workspace, keep_runs=1)


def test_states_of_trainings_go_when_no_run_can_go_on_with_them(made):
    made.add(1, outputs=RELEASED, verdict="ACCEPT", pushed=True)
    ended = made.training_state("0000000000000001", changed=1_000_000_000.0)
    assert listed(made) == {("training", f"staging/training/{ended.name}")}
    made.killed(2)
    going_on = made.training_state("0000000000000002", changed=time.time())
    strange = made.workspace.staging_dir / "training" / "notes"
    strange.mkdir()
    collect(made.workspace, keep_runs=1)
    assert going_on.is_dir()
    assert strange.is_dir()
    assert not ended.exists()


def test_what_killed_processes_left_goes(made):
    killed, place = made.killed(1)
    made.add(2, outputs=TRAINED)
    working = made.workspace.pipeline_root("small") / "Trainer/.system/stateful_working_dir/some-uuid"
    working.mkdir(parents=True)
    (made.workspace.runs_dir / ".20260101T000000Z-aaaa.k3x_9abc").mkdir()
    (made.workspace.runs_dir / killed / ".run.k3x_9abc.json").write_text("{")
    (made.workspace.runs_dir / killed / ".hidden").write_text("a person's")
    dead = made.workspace.staging_dir / "evaluate-dead"
    dead.mkdir()
    os.utime(dead, (time.time() - QUIET, time.time() - QUIET))
    alive = made.workspace.staging_dir / "evaluate-alive"
    alive.mkdir()
    os.utime(alive, (time.time() - QUIET, time.time() - QUIET))
    young = made.workspace.staging_dir / "evaluate-young"
    young.mkdir()
    unknown = made.workspace.staging_dir / "unknown"
    unknown.mkdir()
    with held(alive):
        assert listed(made) == {
            ("unfinished", str(place.relative_to(made.workspace.root))),
            ("unfinished", str(working.relative_to(made.workspace.root))),
            ("temporary", "runs/.20260101T000000Z-aaaa.k3x_9abc"),
            ("temporary", f"runs/{killed}/.run.k3x_9abc.json"),
            ("evaluation", "staging/evaluate-dead"),
        }
        collect(made.workspace, keep_runs=3)
    assert (made.workspace.runs_dir / killed / ".hidden").read_text() == "a person's"
    assert alive.is_dir()
    assert young.is_dir()
    assert unknown.is_dir()
    assert listed(made) == {("evaluation", "staging/evaluate-alive")}


def test_releases_decisions_and_files_of_others_are_never_listed(made):
    made.add(1, outputs=RELEASED, verdict="NEEDS_REVIEW", decided="reject")
    made.add(2)
    for path in ("releases/m/onnx/.staging-a/file", "releases/m/onnx/1/RELEASE.json", "corpora/mine/a.tar.gz", "notes"):
        file = made.workspace.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    before = files(made.workspace.root)
    collect(made.workspace, keep_runs=1, archives=True)
    gone = before - files(made.workspace.root)
    assert {path.split("/")[2] for path in gone} == {"LibriSpeechExampleGen", "Trainer", "ReleaseExporter"}
    assert all(path.startswith("pipelines/small/") for path in gone)


def test_archives_go_only_when_they_are_asked_for_and_whole_beside_them(made):
    corpus = made.workspace.corpora_dir / "librispeech"
    subset = corpus / "LibriSpeech" / "test-clean"
    subset.mkdir(parents=True)
    archive, other = corpus / "test-clean.tar.gz", corpus / "dev-clean.tar.gz"
    archive.write_bytes(b"x" * 50)
    other.write_bytes(b"x" * 50)
    status = archive.stat()
    (subset / ".unpacked.json").write_text(
        f'{{"identity": "test-clean.tar.gz {status.st_size} {status.st_mtime_ns}", "summary": {{}}}}'
    )
    assert listed(made) == set()
    assert listed(made, archives=True) == {("archive", "corpora/librispeech/test-clean.tar.gz")}
    archive.write_bytes(b"x" * 51)
    assert listed(made, archives=True) == set()


def test_a_file_with_another_name_elsewhere_counts_nothing(made, tmp_path):
    old = made.add(1, outputs=("model",))
    made.add(2)
    os.link(made.places[old, "model"] / "file", tmp_path / "other")
    (item,) = plan_collection(made.workspace, 1).items
    assert item.size_bytes == 0


def test_a_directory_that_is_no_workspace_is_left_alone(tmp_path):
    """Other programs have a folder `runs`, too."""
    for name in ("runs/.events.k3x_9abc", "staging/training/0123456789abcdef/state", "staging/evaluate-a/file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    before = files(tmp_path)
    assert collect(Workspace(tmp_path), 3, archives=True).items == ()
    assert plan_collection(Workspace(tmp_path)).items == ()
    assert files(tmp_path) == before
    assert not (tmp_path / "lock").exists()


def test_a_workspace_that_is_not_there_is_not_made(tmp_path):
    assert collect(Workspace(tmp_path / "none"), 3).items == ()
    assert plan_collection(Workspace(tmp_path / "none")).items == ()
    assert list(tmp_path.iterdir()) == []
