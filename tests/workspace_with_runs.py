"""A workspace with runs of many kinds, as TFX and the records leave them, without running anything."""

import dataclasses
import datetime as dt
import os
from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as proto

from components.decisions import DecisionRecord, create_decision, decisions_place
from pipeline.record import RunDirectory, RunRecord
from pipeline.workspace import Workspace

NODES = ("LibriSpeechExampleGen", "Trainer", "ReleaseExporter", "WEREvaluator", "OnnxPusher")
_TYPE_BY_OUTPUT = {
    "examples": "Examples", "model": "Model", "release": "Model", "evaluation": "components.Evaluation",
    "blessing": "ModelBlessing", "pushed_model": "PushedModel",
}  # fmt: skip
MODEL_DIGEST = "7" * 64


def run_id_of(number):
    return f"2026{number // 28 % 12 + 1:02d}{number % 28 + 1:02d}T000000Z-{number:04x}"


class WorkspaceWithRuns:
    """Adds runs to a workspace.

    Attributes:
      workspace: Where they lie.
      artifacts: The id of each artifact by run and output.
      places: Its directory likewise.
    """

    def __init__(self, root):
        self.workspace = Workspace(Path(root))
        self.workspace.create()
        config = proto.ConnectionConfig()
        config.sqlite.filename_uri = str(self.workspace.metadata_file)
        config.sqlite.connection_mode = proto.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)
        self._types = {
            name: self.store.put_artifact_type(proto.ArtifactType(name=name)) for name in set(_TYPE_BY_OUTPUT.values())
        }
        self._kinds = {
            kind: self.store.put_context_type(proto.ContextType(name=kind))
            for kind in ("pipeline", "pipeline_run", "node")
        }
        self.artifacts, self.places = {}, {}

    def add(
        self, number, *, state="COMPLETE", outputs=(), verdict="", pushed=False, decided=None, takes=(),
        pipeline="small", record=True,
    ):  # fmt: skip
        """Adds a run; returns its id.

        `outputs` are made by it, `takes` are (run, output) that it took over from the cache.
        """
        run_id = run_id_of(number)
        outputs = (*outputs, *(("evaluation", "blessing") if verdict else ()), *(("pushed_model",) if pushed else ()))
        started = dt.datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.timezone.utc)
        if record:
            RunDirectory(self.workspace.runs_dir / run_id).create(
                dataclasses.replace(
                    RunRecord(run_id, pipeline, {}, started.isoformat(), digests={"corpus": "c"}, nodes=NODES),
                    state=state,
                )
            )
        digest = f"{number:064x}"
        for output in outputs:
            self._make(run_id, pipeline, output, verdict, digest)
        for taken in takes:
            artifact = self.store.get_artifacts_by_id([self.artifacts[taken]])[0]
            self._execute(run_id, pipeline, _node_of(taken[1]), artifact, taken[1], proto.Execution.CACHED)
        if decided is not None:
            create_decision(
                decisions_place(str(self.workspace.pipeline_root(pipeline))),
                1,
                DecisionRecord(decided, "Why.", "a@b", "2026-01-01", run_id, verdict, MODEL_DIGEST, digest, ""),
            )
        return run_id

    def _make(self, run_id, pipeline, output, verdict, digest):
        execution = proto.Execution(
            type_id=self.store.put_execution_type(proto.ExecutionType(name=_node_of(output))),
            last_known_state=proto.Execution.RUNNING,
        )
        (execution_id,) = self.store.put_executions([execution])
        place = self.workspace.pipeline_root(pipeline) / _node_of(output) / output / str(execution_id)
        place.mkdir(parents=True)
        (place / "file").write_bytes(b"x" * 1000)
        artifact = proto.Artifact(
            type_id=self._types[_TYPE_BY_OUTPUT[output]], uri=str(place), state=proto.Artifact.LIVE
        )
        if output in ("evaluation", "blessing"):
            artifact.custom_properties["release_digest"].string_value = digest
            artifact.custom_properties["model_digest"].string_value = MODEL_DIGEST
            artifact.custom_properties["verdict"].string_value = verdict
        if output == "blessing":
            artifact.custom_properties["blessed"].int_value = int(verdict == "ACCEPT")
            artifact.custom_properties["current_model_id"].int_value = self.artifacts.get((run_id, "release"), 0)
        if output == "pushed_model":
            artifact.custom_properties["pushed_destination"].string_value = str(
                self.workspace.releases_dir / "m/onnx/1"
            )
        execution.id = execution_id
        self.places[run_id, output] = place
        self.artifacts[run_id, output] = self._execute(
            run_id, pipeline, _node_of(output), artifact, output, proto.Execution.COMPLETE, execution
        )

    def _execute(self, run_id, pipeline, node, artifact, key, state, execution=None):
        if execution is None:
            type_id = self.store.put_execution_type(proto.ExecutionType(name=node))
            execution = proto.Execution(type_id=type_id)
        execution.last_known_state = state
        event = proto.Event(type=proto.Event.OUTPUT)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        contexts = [
            proto.Context(type_id=self._kinds["pipeline"], name=pipeline),
            proto.Context(type_id=self._kinds["pipeline_run"], name=run_id),
            proto.Context(type_id=self._kinds["node"], name=f"{pipeline}.{node}"),
        ]
        _, (artifact_id,), _ = self.store.put_execution(
            execution, [(artifact, event)], contexts, reuse_context_if_already_exist=True
        )
        return artifact_id

    def killed(self, number, node="Trainer", output="model"):
        """Adds a run whose process was killed in a node; returns its id and what it left."""
        run_id = self.add(number, state="RUNNING")
        execution = proto.Execution(
            type_id=self.store.put_execution_type(proto.ExecutionType(name=node)),
            last_known_state=proto.Execution.RUNNING,
        )
        contexts = [
            proto.Context(type_id=self._kinds["pipeline"], name="small"),
            proto.Context(type_id=self._kinds["pipeline_run"], name=run_id),
            proto.Context(type_id=self._kinds["node"], name=f"small.{node}"),
        ]
        execution_id, _, _ = self.store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
        place = self.workspace.pipeline_root("small") / node / output / str(execution_id)
        place.mkdir(parents=True)
        (place / "half").write_bytes(b"x" * 10)
        return run_id, place

    def training_state(self, name, changed):
        """Adds the states of a training that were last changed at a time, in seconds since the epoch."""
        place = self.workspace.staging_dir / "training" / name
        place.mkdir(parents=True)
        (place / "identity.json").write_text("{}")
        for path in (place / "identity.json", place):
            os.utime(path, (changed, changed))
        return place


def _node_of(output):
    return {
        "examples": "LibriSpeechExampleGen", "model": "Trainer", "release": "ReleaseExporter",
        "evaluation": "WEREvaluator", "blessing": "WEREvaluator", "pushed_model": "OnnxPusher",
    }[output]  # fmt: skip
