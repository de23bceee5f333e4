"""The checksum of TFRecord files, which are read and written here without TensorFlow.

A record lies between its length (eight bytes), the length's masked CRC-32C, and its own masked CRC-32C, all
little-endian. Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import google_crc32c
import numpy as np

# What stands before a record, and after it.
HEADER_BYTES = 12
FOOTER_BYTES = 4


def masked_crc32c(pieces: Iterable[bytes | memoryview]) -> int:
    """Returns the masked CRC-32C of bytes that are given in pieces, so that nothing large has to be copied together."""
    checksum = 0
    for piece in pieces:
        # The library takes no memoryview; an array over the same memory will do.
        checksum = google_crc32c.extend(checksum, np.frombuffer(piece, np.uint8))
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def header(record_bytes: int) -> bytes:
    """Returns what stands before a record of that many bytes."""
    length = struct.pack("<Q", record_bytes)
    return length + struct.pack("<I", masked_crc32c([length]))


def record_bytes(head: bytes) -> int | None:
    """Returns how long the record is before which these 12 bytes stand; None where their checksum is another one."""
    length, checksum = struct.unpack("<QI", head)
    return length if masked_crc32c([head[:8]]) == checksum else None
