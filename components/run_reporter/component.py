"""The interface of RunReporter."""

from __future__ import annotations

from collections.abc import Mapping

from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.kubeflow import decorators
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.run_reporter.executor import Executor
from components.run_reporter.settings import NotificationSettings
from model.settings import to_json


class RunReporterSpec(ComponentSpec):
    """Execution properties of RunReporter; it has neither inputs nor outputs, as no exit handler has."""

    PARAMETERS = {  # noqa: RUF012 — TFX reads it from the class
        "final_status": ExecutionParameter(type=str),
        "pipeline_name": ExecutionParameter(type=str),
        "project": ExecutionParameter(type=str),
        "region": ExecutionParameter(type=str),
        "evaluator": ExecutionParameter(type=str),
        "notifications": ExecutionParameter(type=str),
    }
    INPUTS: Mapping[str, ChannelParameter] = {}
    OUTPUTS: Mapping[str, ChannelParameter] = {}


class RunReporter(base_component.BaseComponent):
    """Says how a run on Vertex AI ended: to the log, and to whom the settings name.

    Examples:
      >>> runner = KubeflowV2DagRunner(config=…)
      >>> runner.set_exit_handler(RunReporter(
      ...     pipeline_name="local-synthetic", project="my-project", region="europe-west4", evaluator="WEREvaluator",
      ...     notifications=NotificationSettings()))

    Args:
      pipeline_name: What the report calls the pipeline.
      project: Where it runs, for the link to the run.
      region: Where it runs.
      evaluator: The name of the node whose verdict is reported.
      notifications: Who is told.
    """

    SPEC_CLASS = RunReporterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, pipeline_name: str, project: str, region: str, evaluator: str, notifications: NotificationSettings
    ) -> None:
        super().__init__(
            RunReporterSpec(
                # The service puts the status of the tasks in its place.
                final_status=decorators.FinalStatusStr(),
                pipeline_name=pipeline_name,
                project=project,
                region=region,
                evaluator=evaluator,
                notifications=to_json(notifications),
            )
        )
