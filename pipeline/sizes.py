"""Numbers of bytes in words."""

from __future__ import annotations


def format_size(size_bytes: int) -> str:
    """Returns a number of bytes in the unit that people read.

    Example:
      >>> format_size(1_234_567)
      '1.2 MB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"
