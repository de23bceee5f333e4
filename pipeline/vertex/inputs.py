"""What `create_pipeline` must know for Vertex AI: places, Beam's flags by node, and the custom job that trains."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from beam_jobs import places
from components.code_fingerprint import code_fingerprint
from components.run_labels import JOB_NAME_PLACEHOLDER, PIPELINE_LABEL, RUN_LABEL, label_value
from model.errors import ConfigurationError
from model.settings import digest
from model.version import __version__
from pipeline.config import PipelineConfig
from pipeline.graph import RunInputs
from pipeline.nodes import EVALUATORS
from pipeline.vertex.schedule_settings import ScheduleSettings
from pipeline.vertex.settings import DataflowSettings, VertexSettings
from pipeline.vertex.sources import CloudSources

_NAME = re.compile(r"[a-z][a-z0-9-]*")
# The service adds 15 characters for the name of a run, which is a label, of 63 at most.
_LONGEST_NAME = 48


def runner_name(config: PipelineConfig) -> str:
    """Returns the name of the pipeline on Vertex AI, which has no '_'.

    Raises:
      ConfigurationError: it is too long, or begins with a digit.
    """
    name = config.pipeline_name.replace("_", "-")
    if _NAME.fullmatch(name) is None or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"A pipeline on Vertex AI must have a name of {_LONGEST_NAME} characters at most, a letter first, and"
            f" {name!r} is the configuration's and the corpus's; choose another name."
        )
    return name


def labels_of(config: PipelineConfig, vertex: VertexSettings) -> dict[str, str]:
    """Returns the labels of a run: those of its jobs, and from what it was compiled."""
    code = code_fingerprint("model", "components", "beam_jobs", "pipeline.graph")
    return {
        **_job_labels(config, vertex),
        # Without the schedule, which can be changed while what it runs stays the same.
        "w2v2-configuration": label_value(digest(dataclasses.replace(config, schedule=ScheduleSettings()))),
        "w2v2-version": label_value(__version__),
        "w2v2-code": label_value(code),
    }


def _job_labels(config: PipelineConfig, vertex: VertexSettings) -> dict[str, str]:
    """Returns labels of the training and of Dataflow's jobs.

    They are part of what the cache compares, so that they tell nothing that changes with code that a task does not run.
    """
    return {**vertex.labels, PIPELINE_LABEL: runner_name(config)}


def inputs_for(config: PipelineConfig, vertex: VertexSettings, found: CloudSources) -> RunInputs:
    """Returns what the graph is built with.

    Args:
      config: The configuration.
      vertex: Its settings of Vertex AI.
      found: The corpus, the checkpoint and so on.
    """
    root, labels = vertex.pipeline_root, _job_labels(config, vertex)
    images = vertex.images
    by_node = {
        "LibriSpeechExampleGen": images.worker,
        "StatisticsGen": images.tfx_worker,
        "Transform": images.tfx_worker,
        EVALUATORS[config.train.task]: images.worker,
    }
    return RunInputs(
        pipeline_root=places.join(root, "pipelines", config.pipeline_name),
        metadata_path=None,
        staging_dir=places.join(root, "staging"),
        releases_place=places.absolute(config.publication.destination or places.join(root, "releases")),
        schema_path=found.schema_path,
        language_model_state=found.language_model_state,
        enable_cache=vertex.enable_cache,
        beam_args=(),
        beam_args_by_node={node: _beam_flags(vertex, image, labels) for node, image in by_node.items()},
        runner_name=runner_name(config),
        training_job=_training_job(config, vertex, labels),
        **{field.name: getattr(found.sources, field.name) for field in dataclasses.fields(found.sources)},
    )


def _beam_flags(vertex: VertexSettings, image: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    dataflow = vertex.dataflow
    if dataflow is None:
        return ("--direct_running_mode=in_memory", "--direct_num_workers=1")
    place = places.join(vertex.pipeline_root, "dataflow")
    return (
        "--runner=DataflowRunner",
        f"--project={vertex.project}",
        f"--region={vertex.region}",
        f"--temp_location={places.join(place, 'temp')}",
        f"--staging_location={places.join(place, 'staging')}",
        f"--service_account_email={vertex.service_account}",
        f"--worker_machine_type={dataflow.machine_type}",
        f"--max_num_workers={dataflow.max_workers}",
        f"--disk_size_gb={dataflow.disk_gb}",
        f"--sdk_container_image={image}",
        # The image has this project; nothing is staged.
        "--sdk_location=container",
        *_network_flags(dataflow),
        *(f"--labels={key}={value}" for key, value in sorted(labels.items())),
        f"--labels={RUN_LABEL}={JOB_NAME_PLACEHOLDER}",
    )


def _network_flags(dataflow: DataflowSettings) -> tuple[str, ...]:
    subnetwork = () if dataflow.subnetwork is None else (f"--subnetwork={dataflow.subnetwork}",)
    return (*subnetwork, *(() if dataflow.public_addresses else ("--no_use_public_ips",)))


def _training_job(config: PipelineConfig, vertex: VertexSettings, labels: Mapping[str, str]) -> dict[str, Any] | None:
    settings = vertex.training
    if settings is None:
        return None
    from components.trainer.vertex import training_job

    pool = {
        "machine_spec": settings.machine_spec,
        "replica_count": 1,
        "disk_spec": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": settings.disk_gb},
        "container_spec": {"image_uri": vertex.images.trainer},
    }
    return training_job(
        project=vertex.project,
        region=vertex.region,
        display_name=f"{runner_name(config)}-training",
        labels=labels,
        job_spec={
            "worker_pool_specs": [pool],
            "service_account": vertex.service_account,
            "scheduling": {"timeout": {"seconds": settings.timeout_hours * 3600}},
        },
    )
