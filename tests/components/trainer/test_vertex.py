"""The training as a custom job: what Trainer's node asks the service for."""

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.extensions.google_cloud_ai_platform import runner
from tfx.utils import json_utils

from components.trainer.vertex import RUN_FLAG, Executor, training_job

JOB = training_job("my-project", "europe-west4", "mine-training", {"team": "speech"}, {"worker_pool_specs": [{}]})


def asked_for(monkeypatch, flags) -> dict[str, Any]:
    """Returns what the executor hands to TFX's client of the service."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(runner, "start_cloud_training", lambda *arguments: asked.append(arguments))
    properties = {"custom_config": json_utils.dumps({**JOB, "staging_dir": "gs://speech/staging"})}
    Executor(base_executor.BaseExecutor.Context(extra_flags=flags)).Do({}, {}, properties)
    ((_, _, handed_on, executor, job, _, _, is_vertex, region),) = asked
    assert json_utils.loads(handed_on["custom_config"])["staging_dir"] == "gs://speech/staging"
    assert executor == "tfx.components.trainer.executor.GenericExecutor"
    assert (is_vertex, region) == (True, "europe-west4")
    return job


def test_the_job_has_the_label_of_its_run(monkeypatch):
    job = asked_for(monkeypatch, [f"{RUN_FLAG}Smoke-20260101000000.x{'y' * 60}"])
    label = job["labels"].pop("w2v2-run")
    assert label == f"smoke-20260101000000-x{'y' * 60}"[:63]
    assert job == {
        "project": "my-project", "display_name": "mine-training", "labels": {"team": "speech"},
        "job_spec": {"worker_pool_specs": [{}]},
    }  # fmt: skip


def test_without_a_run_it_has_the_labels_of_the_settings_alone(monkeypatch):
    assert asked_for(monkeypatch, [])["labels"] == {"team": "speech"}
