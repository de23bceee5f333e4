"""Compiles the pipeline of a configuration for Vertex AI: the same graph, as the JSON that the service takes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from model.errors import UsageError
from model.progress import emit
from pipeline.config import PipelineConfig
from pipeline.vertex.settings import VertexSettings
from pipeline.vertex.sources import Need, find_cloud_sources


@dataclasses.dataclass(frozen=True)
class CompiledPipeline:
    """A pipeline as Vertex AI takes it.

    Attributes:
      name: Of the pipeline on Vertex AI.
      job: The PipelineJob: `displayName`, `labels`, `pipelineSpec`, `runtimeConfig`.
      needs: What must lie in Cloud Storage before it runs.
    """

    name: str
    job: dict[str, Any]
    needs: tuple[Need, ...]

    def to_bytes(self) -> bytes:
        """Returns the JSON of the job, with sorted keys: the same configuration and code give the same bytes."""
        return (json.dumps(self.job, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    @property
    def sha256(self) -> str:
        """The sha256 (hex) of the bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def require_vertex(config: PipelineConfig) -> VertexSettings:
    """Returns the settings of Vertex AI.

    Raises:
      UsageError: the configuration has none.
    """
    if config.vertex is None:
        raise UsageError(
            f"A configuration for Vertex AI must have vertex=VertexSettings(…), and {config.name!r} has none;"
            " add it as docs/vertex.md shows."
        )
    return config.vertex


def compile_for_vertex(config: PipelineConfig) -> CompiledPipeline:
    """Compiles a pipeline.

    Args:
      config: With `vertex`.

    Raises:
      UsageError: the configuration has no settings of Vertex AI, or names something that only this machine has.
      ConfigurationError: the name of the pipeline is too long.
      DataError: the corpus or the checkpoint is not what it must be.
      TryAgainError: Cloud Storage or the Hub does not answer.
    """
    vertex = require_vertex(config)
    found = find_cloud_sources(config, vertex)
    emit("stage", {"text": "Starting TFX"})
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    from components.run_reporter import RunReporter
    from pipeline.graph import create_pipeline
    from pipeline.nodes import EVALUATORS
    from pipeline.vertex.inputs import inputs_for, labels_of, runner_name
    from pipeline.vertex.spec import complete

    emit("stage", {"text": "Compiling the graph"})
    name = runner_name(config)
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(display_name=name, default_image=vertex.images.pipeline)
    )
    runner.set_exit_handler(
        RunReporter(
            pipeline_name=name,
            project=vertex.project,
            region=vertex.region,
            evaluator=EVALUATORS[config.train.task],
            notifications=vertex.notifications,
        )
    )
    pipeline = create_pipeline(config, inputs_for(config, vertex, found))
    job = runner.run(pipeline, write_out=False)
    completed = complete(job, vertex, config.train.task, config.pipeline_name, labels_of(config, vertex))
    return CompiledPipeline(name, completed, found.needs)
