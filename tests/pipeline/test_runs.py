"""Reading runs of which something is broken or gone."""

import json
import os
import re

import pytest

from model.errors import DataError, TryAgainError
from pipeline.record import RunDirectory, RunRecord
from pipeline.runs import past_runs, read_run, read_runs
from pipeline.workspace import Workspace

OLD, BROKEN, NEW = "20260101T000000Z-aaaa", "20260102T030405Z-bbbb", "20260103T000000Z-cccc"


def record_of(run_id, **changes):
    values = {"pipeline": "small", "config": {}, "started": "2026-01-01T00:00:00+00:00", "state": "COMPLETE"}
    return RunRecord(run_id=run_id, **{**values, **changes})


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "workspace")
    made.create()
    for run_id in (OLD, NEW):
        RunDirectory(made.runs_dir / run_id).create(record_of(run_id))
    return made


@pytest.fixture(params=[None, "", "[]", '{"strange": 1}'], ids=["none", "empty", "list", "strange"])
def broken(request, workspace):
    """A run whose record is missing or damaged."""
    directory = RunDirectory(workspace.runs_dir / BROKEN)
    directory.path.mkdir()
    if request.param is not None:
        directory.record_file.write_text(request.param)
    return directory


def test_a_run_without_a_record_is_shown_as_such_and_keeps_no_other_back(workspace, broken):
    entries = read_runs(workspace)
    assert [(entry.run_id, entry.state) for entry in entries] == [
        (NEW, "COMPLETE"),
        (BROKEN, "UNREADABLE"),
        (OLD, "COMPLETE"),
    ]
    shown = entries[1].to_json()
    assert shown["message"].startswith(f"A run must have a record, and {broken.record_file} ")
    assert shown["message"].endswith(f"; remove {broken.path}, and the run is forgotten.")
    assert (shown["verdict"], shown["gates"], shown["nodes"]) == (None, [], [])
    assert shown["started"] == "2026-01-02T03:04:05+00:00"
    json.dumps(shown)
    with pytest.raises(DataError, match="A run must have a record"):
        read_run(workspace, BROKEN)


@pytest.mark.usefixtures("broken")
def test_a_run_without_a_record_is_none_to_go_on_with(workspace):
    latest = record_of("20260104T000000Z-dddd")
    assert [past.run_id for past in past_runs(workspace, latest)] == [NEW, OLD]


def test_only_earlier_runs_of_the_pipeline_are_past(workspace):
    RunDirectory(workspace.runs_dir / BROKEN).create(record_of(BROKEN, pipeline="other"))
    assert [past.run_id for past in past_runs(workspace, record_of(NEW))] == [OLD]


def test_the_directory_of_a_run_is_never_there_without_its_record(workspace, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    directory = RunDirectory(workspace.runs_dir / BROKEN)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.record.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            directory.create(record_of(BROKEN))
    assert workspace.run_ids() == [NEW, OLD]
    directory.create(record_of(BROKEN))
    assert directory.read() == record_of(BROKEN)


@pytest.fixture(params=[b"", b"no database\n" * 1000, b"SQLite format 3\0" + b"x" * 5000], ids=["empty", "text", "cut"])
def broken_store(request, workspace):
    """What is no metadata store, in its place."""
    workspace.metadata_file.write_bytes(request.param)
    return workspace.metadata_file


@pytest.mark.parametrize("read", [read_runs, lambda place: past_runs(place, record_of("20260104T000000Z-dddd"))])
def test_a_metadata_store_that_cannot_be_read_is_bad_data(workspace, broken_store, read):
    before = broken_store.read_bytes()
    message = (
        f"The metadata store {re.escape(str(broken_store))} must be a SQLite file that TFX wrote, and cannot be read"
    )
    with pytest.raises(
        DataError, match=message + r" \(.*\); move it and the folder pipelines beside it away, and"
    ) as caught:
        read(workspace)
    assert "CREATE TABLE" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert broken_store.read_bytes() == before
    broken_store.unlink()
    assert [run.run_id for run in read(workspace)] == [NEW, OLD]


def test_a_store_that_cannot_be_read_while_a_run_writes_it_is_not_called_broken(workspace, broken_store):
    with workspace.lock(NEW):
        with pytest.raises(DataError, match="must be a SQLite file"):
            read_runs(workspace)  # the run's own process, which knows that nobody writes
        holder = {"pid": os.getpid() + 1, "run_id": NEW, "started": "2026-01-03T00:00:00+00:00"}
        workspace.lock_file.write_text(json.dumps(holder))
        with pytest.raises(TryAgainError, match=f"cannot be read while run {NEW} is under way; try again when that"):
            read_runs(workspace)
    assert broken_store.exists()
