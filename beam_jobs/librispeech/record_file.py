"""Writing records to a file as TFRecord, without TensorFlow, and naming it by its hash on the way."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import BinaryIO

from model.record_format import header, masked_crc32c


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
        first, *others = pieces
        before = header(sum(map(len, pieces)))
        for part in (before + first, *others, struct.pack("<I", masked_crc32c(pieces))):
            self._digest.update(part)
            self._stream.write(part)
            self.size_bytes += len(part)
