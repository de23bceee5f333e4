"""On what devices a training runs: a `tf.distribute` strategy, chosen by the settings and the environment."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from model.errors import ConfigurationError, TryAgainError
from model.training.batches import Share
from model.training.settings import TrainingSettings

CLUSTER_VARIABLE = "TF_CONFIG"
_TPU_VARIABLES = ("TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS")
_TPU_TIMEOUT_SECONDS = 10.0
# A worker that is gone is noticed by the others after this long, and they end, to be started again.
_COLLECTIVE_TIMEOUT_SECONDS = 600.0
_CHIEF_TYPES = ("chief", "master")


def open_strategy(settings: TrainingSettings, environment: Mapping[str, str] | None = None) -> tf.distribute.Strategy:
    """Returns the strategy that the settings ask for.

    It must be called before anything else of TensorFlow has run in this process, as several workers and TPUs want it.

    Raises:
      ConfigurationError: there is no such device, or TF_CONFIG makes no sense.
      TryAgainError: the TPU does not answer.
    """
    environment = os.environ if environment is None else environment
    kind = settings.strategy
    cluster = _cluster(environment.get(CLUSTER_VARIABLE, ""))
    if kind == "auto":
        kind = _best(settings, environment, cluster)
    if kind == "tpu":
        if settings.tpu is None and not _has_tpu(environment):
            raise ConfigurationError(
                f"train.strategy 'tpu' must find a TPU in train.tpu or in {_TPU_VARIABLES[0]}, and neither names one."
            )
        return _tpu(settings.tpu, environment)
    if kind == "multi_worker":
        if cluster is None:
            raise ConfigurationError(
                f"train.strategy 'multi_worker' must find the workers in {CLUSTER_VARIABLE}, as JSON with `cluster` and"
                " `task`, and it is not set; set it in each worker, or choose another strategy."
            )
        options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=_COLLECTIVE_TIMEOUT_SECONDS)
        return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    gpus = tf.config.list_logical_devices("GPU")
    if kind == "gpu":
        if not gpus:
            raise ConfigurationError(
                "train.strategy 'gpu' must find a GPU, and TensorFlow sees none; install its driver, or choose 'cpu'."
            )
        return tf.distribute.OneDeviceStrategy(gpus[0].name)
    if kind == "mirrored":
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def is_chief(environment: Mapping[str, str] | None = None) -> bool:
    """Returns whether this process writes what a training leaves; of several workers only one does."""
    environment = os.environ if environment is None else environment
    cluster = _cluster(environment.get(CLUSTER_VARIABLE, ""))
    if cluster is None:
        return True
    kind, index = cluster["task"]["type"], cluster["task"]["index"]
    if any(name in cluster["cluster"] for name in _CHIEF_TYPES):
        return kind in _CHIEF_TYPES
    return (kind, index) == ("worker", 0)


def share_of(strategy: tf.distribute.Strategy) -> Share:
    """Returns which rows of a batch the devices of this process take."""
    replicas = strategy.num_replicas_in_sync
    resolver = strategy.cluster_resolver
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and resolver is not None:
        workers = max(1, len(resolver.cluster_spec().as_dict().get("worker", ())) + _chiefs(resolver))
        count = replicas // workers
        return Share(replicas, _worker_number(resolver) * count, count)
    return Share(replicas, 0, replicas)


def compiles(strategy: tf.distribute.Strategy, settings: TrainingSettings) -> bool:
    """Returns whether the step is compiled by XLA, and so wants one shape for each bucket."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return True
    if settings.compilation == "auto":
        return False
    return settings.compilation == "xla"


def _has_tpu(environment: Mapping[str, str]) -> bool:
    named = any(environment.get(variable) for variable in _TPU_VARIABLES)
    return named or bool(tf.config.list_physical_devices("TPU"))


def _best(settings: TrainingSettings, environment: Mapping[str, str], cluster: dict[str, Any] | None) -> str:
    if settings.tpu is not None or _has_tpu(environment):
        return "tpu"
    if cluster is not None and sum(map(len, cluster["cluster"].values())) > 1:
        return "multi_worker"
    gpus = len(tf.config.list_physical_devices("GPU"))
    return "mirrored" if gpus > 1 else "gpu" if gpus else "cpu"


def _tpu(name: str | None, environment: Mapping[str, str]) -> tf.distribute.Strategy:
    where = name or next((value for variable in _TPU_VARIABLES if (value := environment.get(variable))), "local")
    _require_answer(where)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=where)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        said = str(error).strip().split("\n")[0]
        raise TryAgainError(
            f"The TPU {where} must answer, and does not ({said}); check its name and that it runs, and start again."
        ) from error


def _require_answer(address: str) -> None:
    """Knocks at an address, for TensorFlow would wait for it without end."""
    if not address.startswith("grpc://"):
        return
    host, _, port = address.removeprefix("grpc://").partition(":")
    try:
        with socket.create_connection((host, int(port or 8470)), timeout=_TPU_TIMEOUT_SECONDS):
            return
    except (OSError, ValueError) as error:
        raise TryAgainError(
            f"The TPU {address} must answer, and does not ({error}); check its address and that it runs, and start"
            " again."
        ) from error


def _cluster(text: str) -> dict[str, Any] | None:
    """Returns what TF_CONFIG says, checked; None where it is not set.

    Raises:
      ConfigurationError: it is no description of a cluster and of a task in it.
    """
    if not text.strip():
        return None
    wrong = None
    try:
        value = json.loads(text)
        cluster, task = value["cluster"], value["task"]
        addresses = cluster[task["type"]]
        index = task["index"]
    except (ValueError, KeyError, TypeError) as error:
        wrong = f"{type(error).__name__}: {error}"
    else:
        kinds = {"chief", "master", "worker", "evaluator", "ps"}
        if not isinstance(cluster, dict) or not all(isinstance(part, list) and part for part in cluster.values()):
            wrong = "`cluster` is no list of addresses for each kind of task"
        elif unknown := set(cluster) - kinds:
            wrong = f"it names the kind {min(unknown)!r}"
        elif type(index) is not int or not 0 <= index < len(addresses):
            wrong = f"task {task['type']} {index!r} is none of its {len(addresses)} addresses"
        elif len({address for part in cluster.values() for address in part}) != sum(map(len, cluster.values())):
            wrong = "it names an address twice"
        else:
            return {"cluster": cluster, "task": {"type": task["type"], "index": index}}
    raise ConfigurationError(
        f"{CLUSTER_VARIABLE} must be JSON with `cluster`, lists of addresses, and `task`, the type and index of this"
        f" worker in it, and is not: {wrong}; correct it, or unset it for one machine."
    )


def _chiefs(resolver: Any) -> int:
    return sum(len(resolver.cluster_spec().as_dict().get(name, ())) for name in _CHIEF_TYPES)


def _worker_number(resolver: Any) -> int:
    """Returns the place of this worker, as TensorFlow counts: the chief first."""
    if resolver.task_type in _CHIEF_TYPES:
        return 0
    return _chiefs(resolver) + int(resolver.task_id)
