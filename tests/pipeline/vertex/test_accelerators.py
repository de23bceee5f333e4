"""Which machines train, where: the table, and what is said of what is not in it."""

import re

import pytest

from model.errors import ConfigurationError
from pipeline.vertex.accelerators import (
    COUNTS,
    CPU_MACHINES,
    REGIONS,
    TOPOLOGIES,
    TRAINING_REGIONS,
    is_tpu,
    require_legal,
)


@pytest.mark.parametrize(
    ("region", "machine", "accelerator", "count", "topology"),
    [
        ("us-central1", "cloud-tpu", "TPU_V2", 8, None),
        ("asia-east1", "cloud-tpu", "TPU_V2", 8, None),
        ("europe-west4", "cloud-tpu", "TPU_V3", 8, None),
        ("us-west1", "ct5lp-hightpu-1t", None, 0, "1x1"),
        ("us-west4", "ct5lp-hightpu-4t", None, 0, "2x2"),
        ("us-central1", "ct5lp-hightpu-8t", None, 0, "2x4"),
        ("europe-west4", "n1-standard-8", "NVIDIA_TESLA_T4", 1, None),
        ("europe-west4", "n1-standard-32", "NVIDIA_TESLA_V100", 4, None),
        ("me-west1", "a2-highgpu-1g", "NVIDIA_TESLA_A100", 1, None),
        ("us-central1", "a2-megagpu-16g", "NVIDIA_TESLA_A100", 16, None),
        ("us-east4", "a2-ultragpu-8g", "NVIDIA_A100_80GB", 8, None),
        ("us-east4", "g2-standard-24", "NVIDIA_L4", 2, None),
        ("us-west4", "a3-highgpu-8g", "NVIDIA_H100_80GB", 8, None),
        ("africa-south1", "n2-standard-16", None, 0, None),
    ],
)
def test_what_the_documentation_has_is_legal(region, machine, accelerator, count, topology):
    require_legal(region, machine, accelerator, count, topology)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ("europe-west4", "n1-standard-8", "NVIDIA_T4", 1, None),
            "must be one of NVIDIA_TESLA_T4, .*, not 'NVIDIA_T4'",
        ),
        (
            ("europe-west4", "n1-standard-8", "NVIDIA_TESLA_A100", 1, None),
            "machine_type must be one of a2-highgpu-1g, a2-highgpu-2g, .*, not 'n1-standard-8'",
        ),
        (
            ("europe-west4", "n1-standard-16", "NVIDIA_TESLA_V100", 1, None),
            "accelerator_count must be 2, 4 or 8 NVIDIA_TESLA_V100 on n1-standard-16, not 1",
        ),
        (
            ("europe-west4", "n1-standard-8", "NVIDIA_TESLA_T4", 3, None),
            "accelerator_count must be 1, 2 or 4 NVIDIA_TESLA_T4 on n1-standard-8, not 3",
        ),
        (("us-central1", "cloud-tpu", "TPU_V3", 32, None), "accelerator_count must be 8 TPU_V3 on cloud-tpu, not 32"),
        (
            ("us-west1", "cloud-tpu", "TPU_V3", 8, None),
            "vertex.region must be one where TPU_V3 trains, europe-west4 or us-central1, not 'us-west1'",
        ),
        (
            # It serves there, and does not train.
            ("europe-west4", "ct5lp-hightpu-8t", None, 0, "2x4"),
            "where TPU v5e trains, us-central1, us-east1, us-west1 or us-west4, not 'europe-west4'",
        ),
        (("europe-west1", "g2-standard-8", "NVIDIA_L4", 1, None), "where NVIDIA_L4 trains, .*, not 'europe-west1'"),
        (("us-central1", "ct5lp-hightpu-4t", None, 0, "2x4"), "must be '2x2' on ct5lp-hightpu-4t, not '2x4'"),
        (("us-central1", "ct5lp-hightpu-4t", None, 0, None), "must be '2x2' on ct5lp-hightpu-4t, not None"),
        (("us-central1", "ct5lp-hightpu-8t", "TPU_V3", 8, "2x4"), "accelerator must be left out with ct5lp-hightpu-8t"),
        (("us-central1", "cloud-tpu", "TPU_V3", 8, "2x4"), "tpu_topology must be left out with cloud-tpu; .*'2x4'"),
        (("us-central1", "cloud-tpu", None, 0, None), "cloud-tpu must have its accelerator; name TPU_V2 or TPU_V3"),
        (("us-central1", "g2-standard-8", None, 0, None), "must have its accelerator; name NVIDIA_L4"),
        (
            ("us-central1", "n2-standard-5", None, 0, None),
            "must be one of e2-standard-4, .* for CPU, not 'n2-standard-5'",
        ),
        (
            ("us-central1", "n1-standard-8", None, 1, None),
            "must be 0 without an accelerator, not 1; name one of NVIDIA_",
        ),
    ],
)
def test_what_is_illegal_is_said_with_what_is_legal(values, message):
    with pytest.raises(ConfigurationError, match=message):
        require_legal(*values)


def test_the_tables_fit_together():
    assert set(TRAINING_REGIONS) == {*COUNTS, "TPU v5e"}
    assert all(set(regions) <= set(REGIONS) for regions in TRAINING_REGIONS.values())
    assert all(re.fullmatch(r"[a-z]+-[a-z]+\d+", region) for region in REGIONS)
    assert len(set(CPU_MACHINES)) == len(CPU_MACHINES)
    # A GPU may join an N1; every other machine is for one kind alone.
    shared = {machine for machines in COUNTS.values() for machine in machines} & set(CPU_MACHINES)
    assert all(machine.startswith("n1-") for machine in shared)
    assert [is_tpu(machine) for machine in ("cloud-tpu", *TOPOLOGIES, "n1-standard-8")] == [True] * 4 + [False]
