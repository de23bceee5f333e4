"""Writing records to a file as TFRecord, without TensorFlow, and naming it by its hash on the way."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import BinaryIO

import google_crc32c
import numpy as np


class RecordFile:
    """A TFRecord file that is being written: each record between its length and its checksums.

    The format is that of `tf.io.TFRecordWriter`, tensorflow/core/lib/io/record_writer.h: eight bytes of length, their
    masked CRC-32C, the record, and its masked CRC-32C, all little-endian.

    Args:
      stream: What is written to; it stays open.

    Attributes:
      size_bytes: Of all that has been written.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The sha256 (hex) of all that has been written."""
        return self._digest.hexdigest()

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Writes one record, given in pieces so that nothing large has to be copied together."""
        length = struct.pack("<Q", sum(map(len, pieces)))
        checksum = 0
        for piece in pieces:
            # The library takes no memoryview; an array over the same memory will do.
            checksum = google_crc32c.extend(checksum, np.frombuffer(piece, np.uint8))
        first, *others = pieces
        for part in (length + _masked(google_crc32c.value(length)) + first, *others, _masked(checksum)):
            self._digest.update(part)
            self._stream.write(part)
            self.size_bytes += len(part)


def _masked(checksum: int) -> bytes:
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)
