"""The settings of a pipeline on Vertex AI, the only place that knows them; they are checked when they are made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from components.run_reporter.settings import NotificationSettings
from model.settings import require
from model.training.settings import Task, TrainingSettings
from pipeline.nodes import RESOLVERS, node_ids
from pipeline.vertex.accelerators import REGIONS, is_tpu, require_legal

REPORTER = "RunReporter"

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_ROOT = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](?:/[A-Za-z0-9._=-]+)*")
_ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_IMAGE = re.compile(r"[a-z0-9.-]+(?::[0-9]+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_OWN_LABELS = "w2v2-"
_MACHINE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
_SUBNETWORK = re.compile(
    r"(?:https://www\.googleapis\.com/compute/v1/projects/[a-z0-9:.-]+/)?regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+"
)
_MOST_RETRIES = 10
_LONGEST_BACKOFF_SECONDS = 3600


@dataclasses.dataclass(frozen=True)
class ImageSettings:
    """The container images, each by its digest: `<registry>/<name>@sha256:<64 hexadecimal digits>`.

    Attributes:
      pipeline: What every task of the pipeline runs in: TFX and this project.
      worker: What Dataflow's workers run in that ingest and evaluate; without TFX.
      tfx_worker: What those run in that compute statistics and transform; with TFX.
      trainer: What the training runs in: TensorFlow for its accelerator, TFX and this project.
    """

    pipeline: str
    worker: str
    tfx_worker: str
    trainer: str

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            image = getattr(self, field.name)
            require(
                _IMAGE.fullmatch(image) is not None,
                f"vertex.images.{field.name} must name an image by its digest, <registry>/<name>@sha256:<64 hexadecimal"
                f" digits>, because a tag can be moved, not {image!r}.",
            )


@dataclasses.dataclass(frozen=True)
class NodeResources:
    """What a task gets at most.

    Attributes:
      cpu: Virtual CPUs.
      memory_gb: Memory, in GB, as the service counts them.
    """

    cpu: float = 4.0
    memory_gb: float = 16.0

    def __post_init__(self) -> None:
        require(0 < self.cpu <= 96, f"vertex.resources: cpu must be in (0, 96], not {self.cpu}.")
        require(0 < self.memory_gb <= 624, f"vertex.resources: memory_gb must be in (0, 624], not {self.memory_gb}.")


@dataclasses.dataclass(frozen=True)
class RetrySettings:
    """How often a task that failed is tried again, by kind of node, and after how long.

    Attributes:
      beam: Ingest, statistics and transform; finished shards of an ingest are kept.
      training: The training, which goes on from its last saved state.
      evaluation: The evaluator. A model that it rejects is no failure, so that a rejection is never tried again.
      publication: The pushers, which do nothing where the release is there already.
      other: All other tasks that run in a container. What the service resolves itself is not tried again.
      report: The report of the end of the run; what has been sent would be sent again.
      backoff_seconds: Before the first new try, at least 1.
      backoff_factor: Each later wait is so many times longer, at least 1.
      longest_backoff_seconds: No wait is longer; an hour at most.
    """

    beam: int = 2
    training: int = 3
    evaluation: int = 1
    publication: int = 3
    other: int = 2
    report: int = 0
    backoff_seconds: int = 60
    backoff_factor: float = 2.0
    longest_backoff_seconds: int = _LONGEST_BACKOFF_SECONDS

    def __post_init__(self) -> None:
        for kind in ("beam", "training", "evaluation", "publication", "other", "report"):
            times = getattr(self, kind)
            require(0 <= times <= _MOST_RETRIES, f"vertex.retries.{kind} must be in [0, {_MOST_RETRIES}], not {times}.")
        require(
            1 <= self.backoff_seconds <= self.longest_backoff_seconds <= _LONGEST_BACKOFF_SECONDS,
            f"vertex.retries must have 1 ≤ backoff_seconds ≤ longest_backoff_seconds ≤ {_LONGEST_BACKOFF_SECONDS}, not"
            f" {self.backoff_seconds} and {self.longest_backoff_seconds}.",
        )
        require(
            self.backoff_factor >= 1,
            f"vertex.retries.backoff_factor must be at least 1, not {self.backoff_factor}.",
        )


@dataclasses.dataclass(frozen=True)
class DataflowSettings:
    """How Beam's jobs run on Dataflow.

    Attributes:
      machine_type: Of a worker.
      max_workers: At most so many.
      disk_gb: Of each worker.
      subnetwork: Where they run, `regions/<region>/subnetworks/<name>`; None for the default network.
      public_addresses: Whether workers have addresses on the internet; without them the subnetwork needs Private Google
        Access.
    """

    machine_type: str = "n2-standard-4"
    max_workers: int = 16
    disk_gb: int = 50
    subnetwork: str | None = None
    public_addresses: bool = True

    def __post_init__(self) -> None:
        require(
            _MACHINE.fullmatch(self.machine_type) is not None,
            f"vertex.dataflow.machine_type must be one of Compute Engine's, such as n2-standard-4, not"
            f" {self.machine_type!r}.",
        )
        require(
            1 <= self.max_workers <= 4000,
            f"vertex.dataflow.max_workers must be in [1, 4000], not {self.max_workers}.",
        )
        require(10 <= self.disk_gb <= 65_536, f"vertex.dataflow.disk_gb must be in [10, 65536], not {self.disk_gb}.")
        require(
            self.subnetwork is None or _SUBNETWORK.fullmatch(self.subnetwork) is not None,
            f"vertex.dataflow.subnetwork must be regions/<region>/subnetworks/<name>, not {self.subnetwork!r}.",
        )


@dataclasses.dataclass(frozen=True)
class TrainingJobSettings:
    """The machine that trains, as a custom job; `pipeline.vertex.accelerators` has the legal combinations.

    Attributes:
      machine_type: Such as `n1-standard-8`; `cloud-tpu` for TPU v2 and v3, `ct5lp-hightpu-8t` for TPU v5e.
      accelerator: As the service names it, such as `NVIDIA_TESLA_T4` or `TPU_V3`; None for CPU and for TPU v5e.
      accelerator_count: How many; 8 for TPU v2 and v3.
      tpu_topology: Of a TPU v5e, such as `2x4`; None for everything else.
      disk_gb: Of the machine.
      timeout_hours: After so long the service ends the job.
    """

    machine_type: str = "n2-standard-16"
    accelerator: str | None = None
    accelerator_count: int = 0
    tpu_topology: str | None = None
    disk_gb: int = 200
    timeout_hours: int = 168

    def __post_init__(self) -> None:
        require(100 <= self.disk_gb <= 64_000, f"vertex.training.disk_gb must be in [100, 64000], not {self.disk_gb}.")
        require(
            1 <= self.timeout_hours <= 28 * 24,
            f"vertex.training.timeout_hours must be in [1, {28 * 24}], not {self.timeout_hours}.",
        )

    @property
    def machine_spec(self) -> dict[str, Any]:
        """The `machine_spec` of the service's worker pool."""
        spec: dict[str, Any] = {"machine_type": self.machine_type}
        if self.accelerator is not None:
            spec |= {"accelerator_type": self.accelerator, "accelerator_count": self.accelerator_count}
        if self.tpu_topology is not None:
            spec["tpu_topology"] = self.tpu_topology
        return spec


@dataclasses.dataclass(frozen=True)
class VertexSettings:
    """Where and how a pipeline runs on Vertex AI.

    Attributes:
      project: The Google Cloud project, by its id.
      region: Where all of it runs, such as `europe-west4`.
      pipeline_root: `gs://<bucket>/<prefix>`, laid out as a workspace is: below it are `pipelines/<name>/` with the
        artifacts, `corpora/`, `staging/`, and `releases/`, unless `publication.destination` names another place.
      service_account: As whom the tasks, the training and Dataflow's workers run.
      images: The containers.
      training: The machine that trains; None for the container of its task, on CPU, which is for small models.
      dataflow: How Beam's jobs run; None for the containers of their tasks, which is for small corpora.
      default_resources: What a task gets that `resources` does not name.
      resources: What others get, by the name of the node. The training's own is that of the task that waits for it.
      retries: How often a task that failed is tried again.
      enable_cache: Whether a task whose inputs did not change is served from the cache. The pushers never are: what a
        compiled run knows of the releases that are published is out of date when it runs.
      corpus_may_change: Whether each run takes the corpus as it is then, as a schedule wants it. Then ingest is never
        served from the cache, and compiling does not look at the corpus.
      notifications: Who is told how a run ended.
      labels: Labels of the run, its training and its Dataflow jobs, besides those of this project, `w2v2-…`.
    """

    project: str
    region: str
    pipeline_root: str
    service_account: str
    images: ImageSettings
    training: TrainingJobSettings | None = dataclasses.field(default_factory=TrainingJobSettings)
    dataflow: DataflowSettings | None = dataclasses.field(default_factory=DataflowSettings)
    default_resources: NodeResources = dataclasses.field(default_factory=NodeResources)
    resources: Mapping[str, NodeResources] = dataclasses.field(default_factory=dict)
    retries: RetrySettings = dataclasses.field(default_factory=RetrySettings)
    enable_cache: bool = True
    corpus_may_change: bool = False
    notifications: NotificationSettings = dataclasses.field(default_factory=NotificationSettings)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            _PROJECT.fullmatch(self.project) is not None,
            f"vertex.project must be the id of a project, 6 to 30 small letters, digits and '-', not {self.project!r}.",
        )
        require(
            self.region in REGIONS,
            f"vertex.region must be one of {', '.join(REGIONS)}, not {self.region!r}.",
        )
        require(
            _ROOT.fullmatch(self.pipeline_root) is not None,
            "vertex.pipeline_root must be gs://<bucket>/<prefix>, without a slash at its end, not"
            f" {self.pipeline_root!r}.",
        )
        require(
            _ACCOUNT.fullmatch(self.service_account) is not None,
            f"vertex.service_account must be <name>@<project>.iam.gserviceaccount.com, not {self.service_account!r}.",
        )
        for key, value in self.labels.items():
            require(
                _LABEL_KEY.fullmatch(key) is not None
                and _LABEL_VALUE.fullmatch(value) is not None
                and not key.startswith(_OWN_LABELS),
                "vertex.labels must have keys and values of small letters, digits, '_' and '-', 63 at most, a letter"
                f" first in a key, and no key that begins with {_OWN_LABELS!r}, not {key!r}: {value!r}.",
            )
        if self.training is not None:
            job = self.training
            require_legal(self.region, job.machine_type, job.accelerator, job.accelerator_count, job.tpu_topology)

    @property
    def on_tpu(self) -> bool:
        """Whether the training has a TPU."""
        return self.training is not None and is_tpu(self.training.machine_type)

    def require_suits(self, train: TrainingSettings) -> None:
        """Checks that what is trained, and how, suits these settings.

        Raises:
          ConfigurationError: a node is unknown, or `train.strategy` or `train.tpu` want other devices.
        """
        known = containers_of(train.task)
        for name in self.resources:
            require(
                name in known,
                f"vertex.resources must name nodes that run in a container, {', '.join(known)}, not {name!r}.",
            )
        if self.on_tpu:
            require(
                train.tpu == "local" and train.strategy in ("auto", "tpu"),
                "train.tpu must be 'local', and train.strategy 'auto' or 'tpu', with a TPU in vertex.training, which is"
                f" one of the machine itself, not {train.tpu!r} and {train.strategy!r}.",
            )
            return
        require(
            train.tpu is None and train.strategy != "tpu",
            "train.tpu must be left out, and train.strategy not be 'tpu', without a TPU in vertex.training; they are"
            f" {train.tpu!r} and {train.strategy!r}.",
        )
        require(
            train.strategy != "multi_worker",
            "train.strategy must not be 'multi_worker' with vertex, which trains on one machine; choose 'auto'.",
        )
        has_gpu = self.training is not None and self.training.accelerator is not None
        require(
            has_gpu or train.strategy != "gpu",
            "train.strategy must be 'auto' or 'cpu' without a GPU in vertex.training, not 'gpu'.",
        )


def containers_of(task: Task) -> tuple[str, ...]:
    """Returns the nodes that run in a container, and so have resources: all but what the service resolves itself."""
    return (*(name for name in node_ids(task) if name not in RESOLVERS), REPORTER)
