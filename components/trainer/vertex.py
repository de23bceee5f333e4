"""TFX's Trainer as a custom job of Vertex AI: the node starts the job on the machine of the settings, and waits.

The job runs `tfx.scripts.run_executor`, and so the same `run_fn` as everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer import component as ai_platform_component
from tfx.extensions.google_cloud_ai_platform.trainer import executor as ai_platform_executor
from tfx.types import standard_component_specs
from tfx.utils import json_utils, name_utils

from beam_jobs import places
from components.run_labels import JOB_NAME_PLACEHOLDER, RUN_LABEL, WORK_LABEL, label_value
from components.trainer.custom_job import TrainingJobs, outputs_of

RUN_FLAG = "--w2v2_run="
"""The flag of the task with the name of the run, which is a label of the job: so it is found, and cancelled."""


def training_job(
    project: str, region: str, display_name: str, labels: Mapping[str, str], job_spec: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what Trainer's `custom_config` has besides, for a training as a custom job.

    Args:
      project: Where it runs, by its id.
      region: Where it runs.
      display_name: Of the job.
      labels: Of the job; those of the run and of its work are added when it starts.
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
    """Starts the job with the labels of its run and its work, or takes that of an earlier attempt, and waits for it."""

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
          WorkerError: the job failed or was cancelled.
          UsageError, DataError: the service refuses the job, or this account must not start it.
          TryAgainError: the service does not answer.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        arguments = dict(config[ai_platform_executor.TRAINING_ARGS_KEY])
        jobs = TrainingJobs(arguments.pop("project"), config[constants.VERTEX_REGION_KEY])
        run = run_of(self._extra_flags or ())
        if run:
            work = work_of(input_dict, exec_properties)
            arguments["labels"] = {**arguments["labels"], RUN_LABEL: label_value(run), WORK_LABEL: work}
        else:
            logging.warning("The name of the run is not known: a job of an earlier attempt is not looked for.")
        executor = name_utils.get_full_name(self._GetExecutorClass())
        train(jobs, jobs.create_training_job(input_dict, output_dict, exec_properties, executor, arguments, None, None))


def run_of(flags: Iterable[str]) -> str:
    """Returns the name of the run that the flags of the task tell; empty where the service has put none there."""
    run = next((flag.removeprefix(RUN_FLAG) for flag in flags if flag.startswith(RUN_FLAG)), "")
    return "" if JOB_NAME_PLACEHOLDER in run else run


def work_of(inputs: Mapping[str, Iterable[types.Artifact]], exec_properties: Mapping[str, Any]) -> str:
    """Returns a hash of what is trained on and how, as the value of a label; where it is written is no part of it."""
    addresses = {name: [artifact.uri for artifact in artifacts] for name, artifacts in inputs.items()}
    text = json.dumps([addresses, dict(exec_properties)], sort_keys=True)
    return label_value(hashlib.sha256(text.encode()).hexdigest())


def train(jobs: TrainingJobs, job: Mapping[str, Any]) -> None:
    """Has a job done, once: one that an earlier attempt of the task has started is waited for, or taken as it is.

    A new attempt may have been given other addresses to write to; then what the job has written is copied there.

    Args:
      jobs: The service.
      job: What would be started.

    Raises:
      WorkerError, UsageError, DataError, TryAgainError: as `TrainingJobs` has them.
    """
    earlier = jobs.find(job["labels"])
    if earlier is None:
        started = jobs.start(job)
        logging.info("Started the training %s.", started.name)
        jobs.wait(started.name)
        return
    logging.info("The training %s is that of an earlier attempt (%s).", earlier.name, earlier.state.name)
    jobs.wait(earlier.name)
    (pool,), (earlier_pool,) = job["job_spec"]["worker_pool_specs"], earlier.job_spec.worker_pool_specs
    written = outputs_of(list(earlier_pool.container_spec.command))
    for name, address in outputs_of(pool["container_spec"]["command"]).items():
        if written[name] != address:
            logging.info("Copying %s to %s.", written[name], address)
            places.copy_tree(written[name], address)


class VertexTrainer(ai_platform_component.Trainer):
    """TFX's Trainer, whose work is done by a custom job of Vertex AI.

    The arguments are those of `tfx.components.Trainer`; `custom_config` has what `training_job` returned besides.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
