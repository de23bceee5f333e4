"""On which machines Vertex AI trains, where and with what, so that what is illegal is found before anything runs.

Source: Google Cloud's documentation, "Configure compute resources for serverless training" (machine types, numbers of
GPUs for each machine type, TPUs) and "Locations for machine learning services" (regions, accelerators by region, those
marked as not available for training left out), as stored copies of the summer of 2026 have them
(docs.cloud.google.com/gemini-enterprise-agent-platform/machine-learning/training/configure-compute and
…/general/locations; Vertex AI is called Gemini Enterprise Agent Platform there). Nothing here was tried on the cloud,
and neither quota nor capacity is known before a job asks for them.

Left out on purpose: P4 and P100, whose support has ended or ends in 2026; GPUs that are only to be had by reservation
(H200, B200, GB200); TPU v6e, on which TensorFlow does not run; and slices of a TPU over several machines, on which
this project does not train.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.settings import require

REGIONS = tuple(
    """africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
    asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 europe-central2 europe-north1
    europe-southwest1 europe-west1 europe-west12 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8
    europe-west9 me-central1 me-central2 me-west1 northamerica-northeast1 northamerica-northeast2 southamerica-east1
    southamerica-west1 us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4""".split()
)
"""Where Vertex AI is."""

_T4_COUNTS = {
    **dict.fromkeys(
        (
            "n1-standard-4",
            "n1-standard-8",
            "n1-standard-16",
            "n1-highmem-2",
            "n1-highmem-4",
            "n1-highmem-8",
            "n1-highmem-16",
            "n1-highcpu-16",
        ),
        (1, 2, 4),
    ),
    **dict.fromkeys(("n1-standard-32", "n1-highmem-32", "n1-highcpu-32"), (2, 4)),
    **dict.fromkeys(
        ("n1-standard-64", "n1-standard-96", "n1-highmem-64", "n1-highmem-96", "n1-highcpu-64", "n1-highcpu-96"), (4,)
    ),
}
_V100_COUNTS = {
    **dict.fromkeys(
        ("n1-standard-4", "n1-standard-8", "n1-highmem-2", "n1-highmem-4", "n1-highmem-8"),
        (1, 2, 4, 8),
    ),
    **dict.fromkeys(("n1-standard-16", "n1-highmem-16", "n1-highcpu-16"), (2, 4, 8)),
    **dict.fromkeys(("n1-standard-32", "n1-highmem-32", "n1-highcpu-32"), (4, 8)),
    **dict.fromkeys(
        ("n1-standard-64", "n1-standard-96", "n1-highmem-64", "n1-highmem-96", "n1-highcpu-64", "n1-highcpu-96"), (8,)
    ),
}

COUNTS: dict[str, dict[str, tuple[int, ...]]] = {
    "NVIDIA_TESLA_T4": _T4_COUNTS,
    "NVIDIA_TESLA_V100": _V100_COUNTS,
    "NVIDIA_L4": {
        **{f"g2-standard-{cpus}": (1,) for cpus in (4, 8, 12, 16, 32)},
        "g2-standard-24": (2,),
        "g2-standard-48": (4,),
        "g2-standard-96": (8,),
    },
    "NVIDIA_TESLA_A100": {
        **{f"a2-highgpu-{count}g": (count,) for count in (1, 2, 4, 8)},
        "a2-megagpu-16g": (16,),
    },
    "NVIDIA_A100_80GB": {f"a2-ultragpu-{count}g": (count,) for count in (1, 2, 4, 8)},
    "NVIDIA_H100_80GB": {f"a3-highgpu-{count}g": (count,) for count in (1, 2, 4, 8)},
    "NVIDIA_H100_MEGA_80GB": {"a3-megagpu-8g": (8,)},
    "TPU_V2": {"cloud-tpu": (8,)},
    "TPU_V3": {"cloud-tpu": (8,)},
}
"""How many of an accelerator a machine may have: by accelerator, as the service names it, and machine type."""

TOPOLOGIES = {"ct5lp-hightpu-1t": "1x1", "ct5lp-hightpu-4t": "2x2", "ct5lp-hightpu-8t": "2x4"}
"""The topology of a TPU v5e on one machine, by machine type. The service takes no accelerator beside it."""

CPU_MACHINES = tuple(
    f"{family}-{size}"
    for family, sizes in {
        "e2-standard": (4, 8, 16, 32),
        "e2-highmem": (2, 4, 8, 16),
        "e2-highcpu": (16, 32),
        "n1-standard": (4, 8, 16, 32, 64, 96),
        "n1-highmem": (2, 4, 8, 16, 32, 64, 96),
        "n1-highcpu": (16, 32, 64, 96),
        "n2-standard": (4, 8, 16, 32, 48, 64, 80),
        "n2-highmem": (2, 4, 8, 16, 32, 48, 64, 80),
        "n2-highcpu": (16, 32, 48, 64, 80),
        "n4-standard": (2, 4, 8, 16, 32, 48, 64, 80),
        "n4-highmem": (2, 4, 8, 16, 32, 48, 64, 80),
        "n4-highcpu": (2, 4, 8, 16, 32, 48, 64, 80),
        "c2-standard": (4, 8, 16, 30, 60),
    }.items()
    for size in sizes
)
"""Machines that train without an accelerator, in every region."""

TRAINING_REGIONS: dict[str, tuple[str, ...]] = {
    "NVIDIA_TESLA_T4": tuple(
        """asia-east1 asia-east2 asia-northeast1 asia-northeast3 asia-south1 asia-southeast1 asia-southeast2
        australia-southeast1 europe-central2 europe-west1 europe-west2 europe-west3 europe-west4
        northamerica-northeast1 southamerica-east1 us-central1 us-east1 us-east4 us-west1 us-west2 us-west4""".split()
    ),
    "NVIDIA_TESLA_V100": ("asia-east1", "europe-west4", "us-central1", "us-east1", "us-west1"),
    "NVIDIA_L4": tuple(
        """asia-northeast3 asia-south1 asia-southeast1 europe-west2 europe-west4 me-central2 northamerica-northeast2
        us-central1 us-east1 us-east4 us-west1""".split()
    ),
    "NVIDIA_TESLA_A100": tuple(
        "asia-northeast3 asia-southeast1 europe-west4 me-west1 us-central1 us-east1 us-west3 us-west4".split()
    ),
    "NVIDIA_A100_80GB": ("asia-southeast1", "europe-west4", "us-central1", "us-east4", "us-east5"),
    "NVIDIA_H100_80GB": tuple(
        """asia-northeast1 asia-northeast3 asia-south1 asia-southeast1 europe-west1 europe-west2 europe-west3
        europe-west4 northamerica-northeast2 us-central1 us-east4 us-east5 us-west1 us-west4""".split()
    ),
    "NVIDIA_H100_MEGA_80GB": tuple(
        """asia-east1 asia-northeast1 asia-southeast1 australia-southeast1 europe-north1 europe-west1 europe-west3
        europe-west4 us-central1 us-east4 us-east5 us-west1 us-west4""".split()
    ),
    "TPU_V2": ("asia-east1", "europe-west4", "us-central1"),
    "TPU_V3": ("europe-west4", "us-central1"),
    "TPU v5e": ("us-central1", "us-east1", "us-west1", "us-west4"),
}
"""Where an accelerator is available for training."""


def require_legal(region: str, machine_type: str, accelerator: str | None, count: int, topology: str | None) -> None:
    """Checks that Vertex AI has such a machine for training, in that region.

    Args:
      region: Such as `europe-west4`.
      machine_type: Such as `n1-standard-8`, `cloud-tpu` for TPU v2 and v3, or `ct5lp-hightpu-8t` for v5e.
      accelerator: As the service names it, such as `NVIDIA_TESLA_T4` or `TPU_V3`; None for CPU and for TPU v5e.
      count: How many; 0 without an accelerator. Cores of a TPU.
      topology: Of a TPU v5e; None for everything else.

    Raises:
      ConfigurationError: it has not; the sentence says what is legal.
    """
    if machine_type in TOPOLOGIES:
        _require_v5e(region, machine_type, accelerator, count, topology)
        return
    require(
        topology is None,
        f"vertex.training.tpu_topology must be left out with {machine_type}; it is that of a TPU v5e, of the machine"
        f" types {_listed(TOPOLOGIES)}, not {topology!r}.",
    )
    if accelerator is None:
        require(
            count == 0,
            f"vertex.training.accelerator_count must be 0 without an accelerator, not {count}; name one of"
            f" {_listed(COUNTS)}.",
        )
        owners = [name for name, machines in COUNTS.items() if machine_type in machines]
        require(
            machine_type in CPU_MACHINES or not owners,
            f"vertex.training.machine_type {machine_type} must have its accelerator; name {_listed(owners, 'or')}.",
        )
        require(
            machine_type in CPU_MACHINES,
            f"vertex.training.machine_type must be one of {_listed(CPU_MACHINES)} for CPU, not {machine_type!r}.",
        )
        return
    require(
        accelerator in COUNTS,
        f"vertex.training.accelerator must be one of {_listed(COUNTS)}, or left out for CPU and for TPU v5e (the"
        f" machine types {_listed(TOPOLOGIES)}), not {accelerator!r}.",
    )
    machines = COUNTS[accelerator]
    require(
        machine_type in machines,
        f"vertex.training.machine_type must be one of {_listed(machines)} with {accelerator}, not {machine_type!r}.",
    )
    allowed = machines[machine_type]
    require(
        count in allowed,
        f"vertex.training.accelerator_count must be {_listed(allowed, 'or')} {accelerator} on {machine_type}, not"
        f" {count}.",
    )
    _require_region(accelerator, region)


def is_tpu(machine_type: str) -> bool:
    """Tells whether a machine type is that of a TPU."""
    return machine_type == "cloud-tpu" or machine_type in TOPOLOGIES


def _require_v5e(region: str, machine_type: str, accelerator: str | None, count: int, topology: str | None) -> None:
    require(
        accelerator is None and count == 0,
        f"vertex.training.accelerator must be left out with {machine_type}, a TPU v5e, not {accelerator!r} with the"
        f" count {count}; its tpu_topology says how many chips there are.",
    )
    wanted = TOPOLOGIES[machine_type]
    require(
        topology == wanted,
        f"vertex.training.tpu_topology must be {wanted!r} on {machine_type}, not {topology!r}; on one machine there are"
        f" {_listed(f'{value} ({name})' for name, value in TOPOLOGIES.items())}.",
    )
    _require_region("TPU v5e", region)


def _require_region(accelerator: str, region: str) -> None:
    regions = TRAINING_REGIONS[accelerator]
    require(
        region in regions,
        f"vertex.region must be one where {accelerator} trains, {_listed(regions, 'or')}, not {region!r}.",
    )


def _listed(values: Iterable[object], last: str = "") -> str:
    items = [str(value) for value in values]
    if last and len(items) > 1:
        return f"{', '.join(items[:-1])} {last} {items[-1]}"
    return ", ".join(items)
