"""Puts into a compiled pipeline what TFX leaves out: retries, resources, labels, and whose baseline is found."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.blessing import PIPELINE_PROPERTY
from components.run_labels import JOB_NAME_PLACEHOLDER
from components.trainer.vertex import RUN_FLAG
from model.errors import ConfigurationError
from model.training.settings import Task
from pipeline.nodes import EVALUATORS, FORMAT_BY_PUSHER, RESOLVERS
from pipeline.vertex.settings import REPORTER, RetrySettings, VertexSettings, containers_of

INNER_DAG = "tfx-dag"
"""The component that holds all tasks but the exit handler, as TFX names it."""

# Of a task that is told the name of its run.
_ENTRY = ("python", "-m", "components.task_entry")
_INGEST, _TRAINER = "LibriSpeechExampleGen", "Trainer"
_BLESSING_RESOLVER = f"{RESOLVERS[0]}-model-blessing-resolver"
_KIND_BY_NODE = {
    _INGEST: "beam",
    "StatisticsGen": "beam",
    "Transform": "beam",
    _TRAINER: "training",
    **dict.fromkeys(EVALUATORS.values(), "evaluation"),
    **dict.fromkeys(FORMAT_BY_PUSHER, "publication"),
    REPORTER: "report",
}


def complete(
    job: Mapping[str, Any], vertex: VertexSettings, task: Task, pipeline_name: str, labels: Mapping[str, str]
) -> dict[str, Any]:
    """Returns a compiled job with what TFX leaves out.

    Args:
      job: What `KubeflowV2DagRunner.run` returned, for a pipeline with an exit handler.
      vertex: The settings.
      task: Of the training.
      pipeline_name: By which blessings name the pipeline.
      labels: Of the run.

    Raises:
      ConfigurationError: the job is not compiled as this version of TFX does it.
    """
    completed = copy.deepcopy(dict(job))
    spec = completed["pipelineSpec"]
    executors = spec["deploymentSpec"]["executors"]
    containers = containers_of(task)
    if missing := set(containers) - {name for name, _ in _tasks(spec)}:
        raise ConfigurationError(
            f"The compiled pipeline must have all nodes, and has not {', '.join(sorted(missing))}; please report it."
        )
    for name, compiled in _tasks(spec):
        if name not in containers:
            continue
        if (policy := _retry_policy(vertex.retries, name)) is not None:
            compiled["retryPolicy"] = policy
        compiled["cachingOptions"] = {"enableCache": _is_cached(vertex, name)}
        resources = vertex.resources.get(name, vertex.default_resources)
        container = executors[f"{name}_executor"]["container"]
        container["resources"] = {"cpuLimit": resources.cpu, "memoryLimit": resources.memory_gb}
        if name == _TRAINER and vertex.training is not None:
            container["args"].append(f"{RUN_FLAG}{JOB_NAME_PLACEHOLDER}")
        if any(JOB_NAME_PLACEHOLDER in argument for argument in container["args"]):
            container["command"] = list(_ENTRY)
    _limit_baseline(executors, pipeline_name)
    completed["labels"] = {**completed.get("labels", {}), **labels}
    return completed


def _tasks(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields all tasks with their names: those at the root, and those in the inner DAG."""
    for dag in (spec["root"]["dag"], spec["components"][INNER_DAG]["dag"]):
        yield from dag["tasks"].items()


def _retry_policy(retries: RetrySettings, node: str) -> dict[str, Any] | None:
    times = getattr(retries, _KIND_BY_NODE.get(node, "other"))
    if times == 0:
        return None
    return {
        "maxRetryCount": times,
        "backoffDuration": f"{retries.backoff_seconds}s",
        "backoffFactor": retries.backoff_factor,
        "backoffMaxDuration": f"{retries.longest_backoff_seconds}s",
    }


def _is_cached(vertex: VertexSettings, node: str) -> bool:
    never = {*FORMAT_BY_PUSHER, REPORTER, *((_INGEST,) if vertex.corpus_may_change else ())}
    return vertex.enable_cache and node not in never


def _limit_baseline(executors: Mapping[str, Any], pipeline_name: str) -> None:
    """Limits the search for the latest blessing to those of this pipeline; the model is that of the blessing."""
    queries = executors[f"{_BLESSING_RESOLVER}_executor"]["resolver"]["outputArtifactQueries"]
    for query in queries.values():
        query["filter"] += f' AND metadata.{PIPELINE_PROPERTY}.string_value="{pipeline_name}"'
