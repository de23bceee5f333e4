"""Runs on Vertex AI that have judged models, as the service, the metadata store and Cloud Storage have them."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from beam_jobs import places
from components import vertex_client
from components.decisions import read_decisions
from model.export import publish as publishing
from model.storage import sha256_of_file
from pipeline.vertex import decide
from pipeline.vertex.cloud_runs import CloudRuns
from pipeline.vertex.cloud_workspace import CloudWorkspace
from tests.golden.vertex.make import GOLDEN
from tests.judged_release import write_evaluation, write_release
from tests.pipeline.vertex.smoke_on_vertex import get_config

ROOT = "gs://speech/w2v2"
PIPELINE = "smoke-synthetic"
DECISIONS = f"{ROOT}/pipelines/{PIPELINE}/decisions"
PARENT = "projects/speech-tests/locations/europe-west4"


@dataclasses.dataclass(frozen=True)
class RunThere:
    """What `JudgedRuns.add` has made.

    Attributes:
      run_id: Its name.
      job: As the service has it.
      place: Where its tasks have written.
      digest: Of its release.
      blessing: The artifact, as the metadata store has it.
    """

    run_id: str
    job: dict[str, Any]
    place: str
    digest: str
    blessing: dict[str, Any]


class JudgedRuns:
    """Adds runs to the servers."""

    def __init__(self, vertex, scratch):
        self.vertex, self._scratch, self._count = vertex, scratch, 0

    def add(self, verdict, content="weights", pipeline=PIPELINE, root=ROOT, **changes):
        """Adds a run that has judged a release; another `content` makes another release."""
        self._count += 1
        run_id = f"{pipeline}-20261026{self._count:06d}"
        here = self._scratch / str(self._count)
        digest = write_release(here / "ReleaseExporter_1/release", content)
        write_evaluation(here / "WEREvaluator_2/evaluation", verdict, digest)
        place = f"{root}/pipelines/{pipeline}/4711/{run_id}"
        places.copy_tree(str(here), place)
        digests = {"release_digest": digest, "model_digest": "7" * 64}
        gate_sha256 = sha256_of_file(here / "WEREvaluator_2/evaluation/gate.json")
        model = self.vertex.add_artifact("tfx.Model", f"{place}/ReleaseExporter_1/release", {})
        evaluation = self.vertex.add_artifact(
            "components.Evaluation",
            f"{place}/WEREvaluator_2/evaluation",
            {**digests, "verdict": verdict, "gate_sha256": gate_sha256, "wer": '{"test-a": 0.25}'},
        )
        blessing = self.vertex.add_artifact(
            "tfx.ModelBlessing",
            f"{place}/WEREvaluator_2/blessing",
            {
                **digests, "blessed": float(verdict == "ACCEPT"), "current_model": model["uri"],
                "current_model_id": model["name"], "w2v2_pipeline": pipeline, "tfx_version": "1.16.0",
            },
        )  # fmt: skip
        tasks = [
            task("tfx-dag"),
            task(run_id),
            task("LibriSpeechExampleGen", "SKIPPED", seconds=1),
            task("Trainer", seconds=61),
            task("ReleaseExporter", release=model),
            task("LatestBlessedModel-model-blessing-resolver"),
            task("LatestBlessedModel-model-resolver"),
            task("WEREvaluator", evaluation=evaluation, blessing=blessing),
            task("RunReporter"),
        ]
        if verdict == "ACCEPT":
            pushed = {
                "pushed": 1.0, "pushed_destination": f"{root}/releases/wav2vec2-smoke/onnx/1", "pushed_version": "1",
                "hubs": "hf://team/smoke", "release_digest": digest, "reason": "Published as version 1.",
            }  # fmt: skip
            made = self.vertex.add_artifact("tfx.PushedModel", f"{place}/OnnxPusher_3/pushed_model", pushed)
            tasks.append(task("OnnxPusher", pushed_model=made))
        job = {
            **json.loads(GOLDEN.read_text(encoding="utf-8")),
            "name": f"{PARENT}/pipelineJobs/{run_id}",
            "displayName": pipeline,
            "labels": {"w2v2-pipeline": pipeline.replace("_", "-")},
            "runtimeConfig": {"gcsOutputDirectory": f"{root}/pipelines/{pipeline}"},
            "state": "PIPELINE_STATE_SUCCEEDED",
            "createTime": f"2026-10-26T03:{self._count // 60:02d}:{self._count % 60:02d}.123456789Z",
            "startTime": "2026-10-26T03:00:10Z",
            "endTime": "2026-10-26T03:30:10.5Z",
            "jobDetail": {"taskDetails": tasks},
            **changes,
        }
        self.vertex.stored["pipelineJobs"][job["name"]] = job
        return RunThere(run_id, job, place, digest, blessing)

    def blessed(self):
        """Returns `blessed` of all blessings, by their places."""
        found = [one for one in self.vertex.stored["artifacts"].values() if one["schemaTitle"] == "tfx.ModelBlessing"]
        return {one["uri"]: one["metadata"]["blessed"] for one in found}

    def kept(self):
        """Returns all that a decision must not change, of all artifacts."""
        return {
            name: {**one, "etag": "", "metadata": {key: v for key, v in one["metadata"].items() if key != "blessed"}}
            for name, one in self.vertex.stored["artifacts"].items()
        }


def task(name, state="SUCCEEDED", seconds=5, **outputs):
    """Returns the details of a task, with its output artifacts by name."""
    return {
        "taskName": name,
        "state": state,
        "startTime": "2026-10-26T03:10:00Z",
        "endTime": f"2026-10-26T03:1{seconds // 60}:{seconds % 60:02d}Z",
        "outputs": {key: {"artifacts": [artifact]} for key, artifact in outputs.items()},
    }


@pytest.fixture
def judged_runs(vertex, bucket, tmp_path, monkeypatch):
    """The servers, with the record of the smoke pipeline; nobody waits between attempts."""
    monkeypatch.setattr(vertex_client, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    CloudWorkspace.at(ROOT).write_record(get_config())
    return JudgedRuns(vertex, Path(tmp_path) / "scratch")


@pytest.fixture
def verified(monkeypatch):
    """The directories whose content was verified; what is in them is no model."""
    found = []

    def verify(format_, content, probes):
        assert probes.is_file()
        found.append(format_)

    monkeypatch.setattr(publishing, "verify_in_fresh_process", verify)
    return found


@pytest.fixture
def say_there(judged_runs, verified):
    """Decides; returns the outcome and what the terminal showed."""

    def say(word, run, reason="It is good."):
        screen = io.StringIO()
        runs = CloudRuns(CloudWorkspace(ROOT))
        outcome = getattr(decide, word)(runs, run.run_id, reason, Console(file=screen, width=300))
        return outcome, screen.getvalue()

    return say


def records(run):
    return read_decisions(DECISIONS, run.digest, "7" * 64)


def published():
    return sorted(
        entry.path.removesuffix("/RELEASE.json")
        for entry in places.list_tree(f"{ROOT}/releases")
        if entry.path.endswith("/RELEASE.json")
    )
