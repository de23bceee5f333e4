"""What the process of a run does before and around the graph."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import components.transform
from model.text import librispeech_vocabulary
from pipeline.config import load_config
from pipeline.local import _schema_path
from pipeline.nodes import FORMAT_BY_PUSHER, NODE_IDS
from pipeline.workspace import Workspace


def test_the_names_of_nodes_are_those_of_the_graph(tmp_path):
    from pipeline.execution import compile_pipeline, graph_of
    from pipeline.graph import RunInputs, create_pipeline

    inputs = RunInputs(
        pipeline_root=str(tmp_path / "pipeline"),
        metadata_path=str(tmp_path / "metadata.sqlite"),
        staging_dir=str(tmp_path / "staging"),
        releases_dir=str(tmp_path / "releases"),
        corpus_root="/corpus",
        corpus_fingerprint="a",
        checkpoint_path="/checkpoint",
        checkpoint_fingerprint="b",
        schema_path="/schema.pbtxt",
        vocabulary=librispeech_vocabulary().to_mapping(),
    )
    ir = compile_pipeline(create_pipeline(load_config("smoke"), inputs), "20260101T000000Z-aaaa")
    assert sorted(graph_of(ir)) == sorted(NODE_IDS)
    assert set(FORMAT_BY_PUSHER) <= set(NODE_IDS)
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


def test_a_run_ends_when_the_process_that_shows_it_is_killed(tmp_path):
    pid_file = tmp_path / "pid"
    run = f"""
import os, time
from pipeline.local import _end_with_parent
_end_with_parent()
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
