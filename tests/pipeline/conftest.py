"""The command line in this process, and a run that has judged a model, made without running anything."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as proto

from model.settings import to_mapping
from model.storage import sha256_of_file
from pipeline import cli
from pipeline.config import load_config
from pipeline.nodes import node_ids
from pipeline.record import RunDirectory, RunRecord, RunRequest
from pipeline.workspace import Workspace
from tests.judged_release import write_evaluation, write_release

_TYPES = ("Model", "Evaluation", "ModelBlessing")


@dataclasses.dataclass(frozen=True)
class JudgedRun:
    """What `judge` has made."""

    run_id: str
    release: Path
    evaluation: Path
    release_digest: str


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "workspace")
    made.create()
    return made


@pytest.fixture
def judge(workspace):
    """Makes a run of `smoke` that has judged a release; another `content` makes another release."""

    def judge(run_id, verdict, content="weights"):
        config = load_config("smoke")
        record = RunRecord(
            run_id=run_id, pipeline=config.pipeline_name, config=to_mapping(config),
            started="2026-01-01T00:00:00+00:00", request=RunRequest(options=("--config", "smoke")), state="COMPLETE",
            digests={"corpus": "c", "checkpoint": "d"}, nodes=node_ids("ctc"),
        )  # fmt: skip
        RunDirectory(workspace.runs_dir / run_id).create(record)
        root = workspace.pipeline_root(record.pipeline)
        release = root / "ReleaseExporter" / "release" / run_id
        digest = write_release(release, content)
        evaluation = root / "WEREvaluator" / "evaluation" / run_id
        write_evaluation(evaluation, verdict, digest)
        _register(workspace, record, release, evaluation, verdict, digest)
        return JudgedRun(run_id, release, evaluation, digest)

    return judge


def _register(workspace, record, release, evaluation, verdict, digest):
    """Writes what TFX does of a run whose evaluator has judged a release."""
    store = open_for_writing(workspace.metadata_file)
    artifact_types = {name: store.put_artifact_type(proto.ArtifactType(name=name)) for name in _TYPES}
    kinds = {
        kind: store.put_context_type(proto.ContextType(name=kind)) for kind in ("pipeline", "pipeline_run", "node")
    }
    shared = [
        proto.Context(type_id=kinds["pipeline"], name=record.pipeline),
        proto.Context(type_id=kinds["pipeline_run"], name=record.run_id),
    ]
    nodes = {
        node: proto.Context(type_id=kinds["node"], name=f"{record.pipeline}.{node}")
        for node in ("ReleaseExporter", "WEREvaluator")
    }
    digests = {"release_digest": digest, "model_digest": "7" * 64}
    model = _artifact(artifact_types["Model"], release, {})
    _, (model.id,), _ = _execute(store, "Exporter", {"release": model}, [*shared, nodes["ReleaseExporter"]])
    judged = _artifact(
        artifact_types["Evaluation"],
        evaluation,
        {**digests, "verdict": verdict, "gate_sha256": sha256_of_file(evaluation / "gate.json")},
    )
    properties = {**digests, "blessed": int(verdict == "ACCEPT"), "current_model": str(release)}
    blessing = _artifact(
        artifact_types["ModelBlessing"], f"{evaluation}.blessing", {**properties, "current_model_id": model.id}
    )
    outputs = {"evaluation": judged, "blessing": blessing}
    _execute(store, "Evaluator", outputs, [*shared, nodes["WEREvaluator"]])


def open_for_writing(path):
    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = proto.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return metadata_store.MetadataStore(config)


def _artifact(type_id, uri, properties):
    made = proto.Artifact(type_id=type_id, uri=str(uri), state=proto.Artifact.LIVE)
    for name, value in properties.items():
        if isinstance(value, int):
            made.custom_properties[name].int_value = value
        else:
            made.custom_properties[name].string_value = value
    return made


def _execute(store, name, outputs, contexts):
    execution = proto.Execution(
        type_id=store.put_execution_type(proto.ExecutionType(name=name)), last_known_state=proto.Execution.COMPLETE
    )
    pairs = []
    for key, artifact in outputs.items():
        event = proto.Event(type=proto.Event.OUTPUT)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        pairs.append((artifact, event))
    return store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)


@pytest.fixture
def open_store(workspace):
    """Opens the metadata store, to look into it."""
    return lambda: open_for_writing(workspace.metadata_file)


@pytest.fixture
def blessings(workspace):
    """Returns the custom properties of all blessings in the metadata store, the oldest first."""

    def blessings():
        found = open_for_writing(workspace.metadata_file).get_artifacts_by_type("ModelBlessing")
        return [
            {name: value.string_value or value.int_value for name, value in one.custom_properties.items()}
            for one in sorted(found, key=lambda one: one.id)
        ]

    return blessings


@pytest.fixture
def locked_store(workspace):
    """Lets another process hold the metadata store; what is locked by this one would be open to it."""
    script = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "connection.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    holders = []

    def lock():
        command = [sys.executable, "-c", script, str(workspace.metadata_file)]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"

    yield lock
    for holder in holders:
        holder.communicate("", timeout=60)


@pytest.fixture
def tamper():
    """Changes a field of a JSON file."""

    def tamper(path, **changes):
        path.chmod(0o644)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return tamper


@pytest.fixture
def call(capsys):
    """Runs the command line in this process; returns exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run
