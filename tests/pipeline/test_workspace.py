import dataclasses
import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from model.errors import DataError, DiskFullError, TryAgainError, UsageError
from pipeline.record import RunDirectory, RunRecord, RunRequest, given_options
from pipeline.workspace import Workspace, new_run_id


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "workspace")
    made.create()
    return made


def test_run_ids_sort_as_the_runs_began():
    moment = dt.datetime(2026, 3, 9, 8, 7, 6, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    first = new_run_id(moment)
    assert re.fullmatch(r"20260309T060706Z-[0-9a-f]{4}", first)
    assert first < new_run_id(moment + dt.timedelta(seconds=1))
    assert len({new_run_id(moment) for _ in range(50)}) > 40


def test_the_place_is_the_option_then_the_variable_then_the_current_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("W2V2_WORKSPACE", raising=False)
    assert Workspace.at().root == tmp_path / "workspace"
    monkeypatch.setenv("W2V2_WORKSPACE", str(tmp_path / "other"))
    assert Workspace.at().root == tmp_path / "other"
    assert Workspace.at("third").root == tmp_path / "third"


def test_create_makes_the_directories_and_may_be_repeated(workspace):
    workspace.create()
    assert {path.name for path in workspace.root.iterdir()} == {"corpora", "pipelines", "releases", "runs", "staging"}


def test_a_workspace_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"must be a directory that you may write to; .*/file is not"):
        Workspace(tmp_path / "file").create()


def test_too_little_space_is_said_before_anything_runs(workspace, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("pipeline.workspace.shutil.disk_usage", lambda path: usage(10**10, 10**10, 300_000_000))
    with pytest.raises(DiskFullError, match=r"needs at least 1.0 GB of free space under .*, and there are 0.3 GB"):
        workspace.require_free_space()
    workspace.require_free_space(minimum_bytes=200_000_000)


def test_the_lock_is_refused_to_a_second_run_and_names_the_holder(workspace):
    with (
        workspace.lock("20260101T000000Z-aaaa"),
        pytest.raises(
            TryAgainError, match=rf"run 20260101T000000Z-aaaa \(process {os.getpid()}, since 2.*\) does; wait"
        ),
        workspace.lock("20260101T000001Z-bbbb"),
    ):
        pass
    with workspace.lock("20260101T000002Z-cccc"):
        holder = workspace.lock_holder()
        assert holder is not None
        assert (holder.pid, holder.run_id) == (os.getpid(), "20260101T000002Z-cccc")
    assert workspace.lock_holder() is None


def test_nobody_holds_the_lock_of_a_workspace_that_is_not_there(tmp_path):
    assert Workspace(tmp_path / "none").lock_holder() is None
    assert not (tmp_path / "none").exists()


def test_the_lock_lasts_as_long_as_a_process_of_the_run_and_no_longer(workspace):
    with workspace.lock("20260101T000000Z-aaaa") as descriptor:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
    try:
        holder = workspace.lock_holder()
        assert holder is not None
        assert holder.run_id == "20260101T000000Z-aaaa"
    finally:
        child.kill()
        child.communicate()
    assert workspace.lock_holder() is None


def test_a_run_is_found_by_the_beginning_of_its_id(workspace):
    for name in ("20260101T000000Z-aaaa", "20260102T000000Z-aaaa", "20260102T000000Z-bbbb", "something-else"):
        (workspace.runs_dir / name).mkdir()
    assert workspace.run_ids() == ["20260102T000000Z-bbbb", "20260102T000000Z-aaaa", "20260101T000000Z-aaaa"]
    assert workspace.find_run("20260101") == "20260101T000000Z-aaaa"
    with pytest.raises(UsageError, match="'20260102' begins 20260102T000000Z-bbbb, 20260102T000000Z-aaaa"):
        workspace.find_run("20260102")
    with pytest.raises(UsageError, match="begins with 'x'; the newest is 20260102T000000Z-bbbb"):
        workspace.find_run("x")


def test_a_record_is_read_as_it_was_written(workspace):
    directory = RunDirectory(workspace.runs_dir / "20260101T000000Z-aaaa")
    directory.path.mkdir()
    record = RunRecord(
        run_id="20260101T000000Z-aaaa",
        pipeline="local-synthetic",
        config={"name": "local", "train": {"steps": 3}},
        started="2026-01-01T00:00:00+00:00",
        request=RunRequest(to_node="Trainer", enable_cache=False),
        state="FAILED",
        digests={"corpus": "abc"},
        nodes=("A", "B"),
        exit_code=3,
        message="Something must be so.",
        seconds=1.5,
        peak_memory_bytes=7,
    )
    directory.write(record)
    assert directory.read() == record
    assert json.loads(directory.record_file.read_text())["format_version"] == 1


@pytest.mark.parametrize(
    ("request_", "before", "within"),
    [
        (RunRequest(), "w2v2 run", "w2v2 run --resume"),
        (RunRequest(resume=True), "w2v2 run --resume", "w2v2 run --resume"),
        (
            RunRequest(from_node="Transform", to_node="Trainer", enable_cache=False),
            "w2v2 run --from Transform --to Trainer --no-cache",
            "w2v2 run --resume --no-cache",
        ),
        (
            RunRequest(
                options=given_options(config="smoke", corpus="/my speech", checkpoint=None, workspace=Path("w"))
            ),
            "w2v2 run --config smoke --corpus '/my speech' --workspace w",
            "w2v2 run --resume --config smoke --corpus '/my speech' --workspace w",
        ),
    ],
)
def test_a_record_names_the_command_that_goes_on(request_, before, within):
    record = RunRecord("20260101T000000Z-aaaa", "local-synthetic", {}, "2026-01-01T00:00:00+00:00", request_)
    assert record.way_on() == f"run again with {before}"
    assert dataclasses.replace(record, digests={"corpus": "a"}).way_on() == f"go on with {within}"


@pytest.mark.parametrize("content", ["", "[]", '{"run_id": "a"}', '{"strange": 1}'])
def test_a_damaged_record_is_named(workspace, content):
    directory = RunDirectory(workspace.runs_dir / "20260101T000000Z-aaaa")
    directory.path.mkdir()
    directory.record_file.write_text(content)
    with pytest.raises(DataError, match=r"must have a record, and .*run\.json is none \(.*; remove .*-aaaa, and the"):
        directory.read()


def test_a_missing_record_is_named(workspace):
    with pytest.raises(DataError, match=r"run\.json cannot be read \(No such file or directory\); remove "):
        RunDirectory(workspace.runs_dir / "20260101T000000Z-aaaa").read()
