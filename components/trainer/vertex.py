"""TFX's Trainer as a custom job of Vertex AI: the node starts the job on the machine of the settings, and waits.

The job runs `tfx.scripts.run_executor`, and so the same `run_fn` as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer import component as ai_platform_component
from tfx.extensions.google_cloud_ai_platform.trainer import executor as ai_platform_executor
from tfx.utils import json_utils

from components.run_labels import RUN_LABEL

RUN_FLAG = "--w2v2_run="
"""The flag of the task with the name of the run, which is a label of the job: so it is found, and cancelled."""

_LABEL_CHARACTERS = 63


def training_job(
    project: str, region: str, display_name: str, labels: Mapping[str, str], job_spec: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what Trainer's `custom_config` has besides, for a training as a custom job.

    Args:
      project: Where it runs, by its id.
      region: Where it runs.
      display_name: Of the job.
      labels: Of the job; that of the run is added when it starts.
      job_spec: The service's CustomJobSpec, with `worker_pool_specs`, `service_account` and so on.
    """
    return {
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: region,
        ai_platform_executor.TRAINING_ARGS_KEY: {
            "project": project,
            "display_name": display_name,
            "labels": dict(labels),
            "job_spec": dict(job_spec),
        },
    }


class Executor(ai_platform_executor.GenericExecutor):
    """Starts the job with the label of the run, and waits for it."""

    def Do(  # noqa: N802 — TFX calls it so
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, elsewhere.

        Args:
          input_dict: As TFX's Trainer has them: `examples`, `transform_graph`, `base_model`.
          output_dict: As TFX's Trainer has them: `model`, `model_run`.
          exec_properties: As TFX's Trainer has them; `custom_config` has what `training_job` returned.

        Raises:
          RuntimeError: the job failed or was cancelled.
          ConnectionError: the service does not answer.
        """
        run = next((flag.removeprefix(RUN_FLAG) for flag in self._extra_flags or () if flag.startswith(RUN_FLAG)), "")
        super().Do(input_dict, output_dict, labelled(exec_properties, run))


def labelled(exec_properties: Mapping[str, Any], run: str) -> dict[str, Any]:
    """Returns execution properties whose job has the label of the run; without a name they are the same."""
    if not run:
        return dict(exec_properties)
    config = json_utils.loads(exec_properties["custom_config"])
    job = config[ai_platform_executor.TRAINING_ARGS_KEY]
    label = re.sub(r"[^a-z0-9_-]", "-", run.lower())[:_LABEL_CHARACTERS]
    job["labels"] = {**job.get("labels", {}), RUN_LABEL: label}
    return {**exec_properties, "custom_config": json_utils.dumps(config)}


class VertexTrainer(ai_platform_component.Trainer):
    """TFX's Trainer, whose work is done by a custom job of Vertex AI.

    The arguments are those of `tfx.components.Trainer`; `custom_config` has what `training_job` returned besides.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
