"""What /proc/cpuinfo says of a processor."""

import pytest

from model.runtimes import processor
from model.runtimes.processor import flags_of, has_bfloat16

INTEL = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512_bf16 amx_bf16\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd bf16 i8mm\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        (INTEL, {"fpu", "avx2", "avx512_bf16", "amx_bf16"}),
        (ARM, {"fp", "asimd", "bf16", "i8mm"}),
        ("", set()),
        ("processor : 0\n", set()),
    ],
)
def test_flags(cpuinfo, flags):
    assert flags_of(cpuinfo) == flags


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (INTEL, True),
        (INTEL.replace("avx512_bf16", ""), True),
        (INTEL.replace("avx512_bf16 amx_bf16", "avx512f"), False),
        (ARM, False),
        (None, False),
    ],
)
def test_only_processors_that_were_tried_are_taken_to_multiply_bfloat16(tmp_path, monkeypatch, cpuinfo, expected):
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert has_bfloat16.__wrapped__() is expected
