"""What the processor can do."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# Intel and AMD. What OpenVINO does with bfloat16 on ARM was not tried.
_BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


@functools.cache
def has_bfloat16() -> bool:
    """Tells whether the processor multiplies numbers in bfloat16 itself, as Linux says; elsewhere it is not known."""
    return bool(_BFLOAT16_FLAGS & flags_of(_CPUINFO.read_text(errors="replace") if _CPUINFO.is_file() else ""))


def flags_of(cpuinfo: str) -> frozenset[str]:
    """Returns what the first processor can do, as the content of /proc/cpuinfo has it."""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    return frozenset(found.group(1).split() if found else ())
