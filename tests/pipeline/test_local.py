"""What the process of a run does before and around the graph."""

import dataclasses
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import components.transform
from components.decisions import DecisionRecord, create_decision, decisions_place, decisions_state
from components.wer_evaluator.settings import EvaluationSettings
from model.beam_search import BeamSearchSettings
from model.errors import DataError, UsageError
from model.settings import digest, to_mapping
from model.text import librispeech_vocabulary
from pipeline.config import load_config
from pipeline.local import _schema_path, main, run
from pipeline.nodes import FORMAT_BY_PUSHER, node_ids
from pipeline.partial_run import PastRun
from pipeline.record import RunDirectory, RunRecord, RunRequest
from pipeline.sources import Sources, state_of_language_model
from pipeline.workspace import Workspace
from tests.arpa import write_arpa


@pytest.mark.parametrize(("config", "task"), [("smoke", "ctc"), ("pretrain_smoke", "pretraining")])
def test_the_names_of_nodes_are_those_of_the_graph(config, task, tmp_path):
    from pipeline.execution import compile_pipeline, graph_of
    from pipeline.graph import RunInputs, create_pipeline

    inputs = RunInputs(
        pipeline_root=str(tmp_path / "pipeline"),
        metadata_path=str(tmp_path / "metadata.sqlite"),
        staging_dir=str(tmp_path / "staging"),
        releases_place=str(tmp_path / "releases"),
        corpus_root="/corpus",
        corpus_fingerprint="a",
        checkpoint_path="/checkpoint",
        checkpoint_fingerprint="b",
        schema_path="/schema.pbtxt",
        vocabulary=librispeech_vocabulary().to_mapping(),
    )
    if task == "pretraining":
        inputs = dataclasses.replace(inputs, checkpoint_path="random", vocabulary={})
    ir = compile_pipeline(create_pipeline(load_config(config), inputs), "20260101T000000Z-aaaa")
    assert sorted(graph_of(ir)) == sorted(node_ids(task))
    assert set(FORMAT_BY_PUSHER) <= set(node_ids(task))
    assert len(set(node_ids("ctc")) - set(node_ids("pretraining"))) == 1, "the evaluator alone is another"
    assert ir.runtime_spec.pipeline_run_id.field_value.string_value == "20260101T000000Z-aaaa"
    assert list(tmp_path.iterdir()) == []


def test_the_schema_has_a_name_that_changes_with_its_content(tmp_path):
    workspace = Workspace(tmp_path)
    path = Path(_schema_path(workspace))
    content = (Path(components.transform.__file__).parent / "schema.pbtxt").read_bytes()
    assert path.read_bytes() == content
    assert path.parent.name == hashlib.sha256(content).hexdigest()[:16]
    before = path.stat().st_mtime_ns
    assert _schema_path(workspace) == str(path)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"half")  # a copy that was cut off is made again
    _schema_path(workspace)
    assert path.read_bytes() == content


def test_a_language_model_is_tried_before_anything_is_trained(tmp_path, monkeypatch):
    def config(**beam_search):
        settings = EvaluationSettings(beam_search=BeamSearchSettings(**beam_search) if beam_search else None)
        return dataclasses.replace(load_config("smoke"), evaluation=settings)

    path = tmp_path / "words.arpa"
    letters = {token: number for number, token in enumerate(["<pad>", "<unk>", "|", *"ACHMNOST"])}

    def state(chosen):
        return state_of_language_model(chosen, letters, tmp_path / "scratch")

    named = config(language_model=str(path))
    with pytest.raises(
        UsageError, match=r"beam_search.language_model must be a file in the ARPA format, and .* is none"
    ):
        state(named)
    path.write_text("one")
    with pytest.raises(DataError, match=r"words\.arpa must be a language model in the ARPA format, with the lines"):
        state(named)
    write_arpa(path, [("cat", -1.0), ("mat", -1.0)])
    with pytest.raises(DataError, match=r"The words of .*words\.arpa must be written in capitals"):
        state(named)
    write_arpa(path, [("CAT", -1.0)])
    before = state(named)
    assert before == state(config(language_model=str(path), alpha=1.0))
    write_arpa(path, [("CAT", -1.0), ("HAT", -1.0)])
    assert before != state(named)
    assert state(config()) == state(load_config("pretrain_smoke")) == ""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the extra 'lm', and pyctcdecode is not installed"):
        state(named)


def test_a_run_of_other_code_is_not_gone_on_with(tmp_path, monkeypatch):
    config = load_config("smoke")
    sources = Sources("/corpus", "a", "/checkpoint", "b", librispeech_vocabulary().to_mapping())
    monkeypatch.setattr("pipeline.local.find_sources", lambda *_: sources)
    workspace = Workspace(tmp_path)
    digests = {"configuration": digest(config), "corpus": "a", "checkpoint": "b", "code": "that of an older version"}
    first = RunRecord("20260101T000000Z-aaaa", config.pipeline_name, to_mapping(config), "", state="FAILED")
    second = dataclasses.replace(first, run_id="20260102T000000Z-bbbb", request=RunRequest(resume=True))
    RunDirectory(workspace.runs_dir / first.run_id).create(dataclasses.replace(first, digests=digests))
    directory = RunDirectory(workspace.runs_dir / second.run_id)
    directory.create(second)
    message = "--resume needs everything to be as it was in run 20260101T000000Z-aaaa, and since then the code changed;"
    with pytest.raises(UsageError, match=message):
        run(workspace, directory)


def test_what_a_person_has_approved_is_published_without_a_look_at_corpus_or_checkpoint(tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError

    executed = []
    monkeypatch.setattr("pipeline.local.find_sources", never)
    monkeypatch.setattr("pipeline.execution.execute", lambda ir, plan: executed.append((ir, plan)))
    finished = frozenset(node_ids("ctc")) - set(FORMAT_BY_PUSHER)
    digests = {"corpus": "a", "checkpoint": "b", "code": "that of an older version"}
    past = PastRun("20260101T000000Z-aaaa", True, finished, digests)
    monkeypatch.setattr(
        "pipeline.local.past_runs", lambda *_: [PastRun("20260102T000000Z-bbbb", True, finished, {}), past]
    )
    config = load_config("smoke")
    workspace = Workspace(tmp_path)
    place = decisions_place(str(workspace.pipeline_root(config.pipeline_name)))
    create_decision(place, 1, DecisionRecord("approve", "", "", "", past.run_id, "NEEDS_REVIEW", "7", "6", "9"))
    request = RunRequest(approved_run_id=past.run_id)
    record = RunRecord("20260103T000000Z-cccc", config.pipeline_name, to_mapping(config), "", request)
    directory = RunDirectory(workspace.runs_dir / record.run_id)
    directory.create(record)
    run(workspace, directory)
    ((ir, plan),) = executed
    assert plan.nodes == plan.from_nodes == tuple(sorted(FORMAT_BY_PUSHER))
    assert plan.base_run_id == past.run_id
    written = directory.read()
    assert written.base_run_id == past.run_id
    assert (written.digests["corpus"], written.digests["checkpoint"]) == ("a", "b")
    assert written.digests["code"] != "that of an older version"
    pushers = [node.pipeline_node for node in ir.nodes if node.pipeline_node.node_info.id in FORMAT_BY_PUSHER]
    for pusher in pushers:
        parameters = pusher.parameters.parameters
        assert parameters["decisions"].field_value.string_value == place
        assert parameters["decisions_state"].field_value.string_value == decisions_state(place) != ""
    request = RunRequest(approved_run_id="20250101T000000Z-gone")
    directory.write(dataclasses.replace(record, request=request))
    with pytest.raises(DataError, match="to be published must be in the workspace, and 20250101T000000Z-gone is not"):
        run(workspace, directory)


def test_a_full_disk_is_said_with_the_command_that_goes_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.local.find_sources", full)
    monkeypatch.setattr("pipeline.local.end_with_parent", lambda: None)
    monkeypatch.setattr("sys.argv", ["local"])
    directory = RunDirectory(tmp_path / "runs" / "20260101T000000Z-aaaa")
    config = load_config("smoke")
    request = RunRequest(options=("--config", "smoke"))
    directory.create(RunRecord(directory.path.name, config.pipeline_name, to_mapping(config), "", request))
    reader, writer = os.pipe()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert main([str(directory.path), "--outcome-descriptor", str(writer)]) == 75
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
    with open(reader, "rb") as outcome:
        message = json.load(outcome)["message"]
    assert "is full; free some space there and run again with w2v2 run --config smoke, or begin anew with" in message


def test_a_run_ends_when_the_process_that_shows_it_is_killed(tmp_path):
    pid_file = tmp_path / "pid"
    run = f"""
import os, time
from model.fresh_process import end_with_parent
end_with_parent()
with open({str(pid_file)!r} + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename({str(pid_file)!r} + ".new", {str(pid_file)!r})
time.sleep(60)
"""
    terminal = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {run!r}], start_new_session=True)"
    parent = subprocess.Popen([sys.executable, "-c", terminal])
    deadline = time.monotonic() + 30
    while not pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    pid = int(pid_file.read_text())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
