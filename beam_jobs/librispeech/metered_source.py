"""Where the bytes of an archive come from: a file on this machine, or an object of another storage."""

from __future__ import annotations

import hashlib
from typing import Protocol

from model.errors import DataError, TryAgainError

_HEAD_BYTES = 64


class ByteStream(Protocol):
    """What an archive is read from: a file, or an object of another storage; need not be seekable."""

    def read(self, size: int, /) -> bytes | None:
        """Returns some bytes, `size` at most; none at the end."""
        ...


class MeteredSource:
    """Counts and sums what is read of an archive.

    Args:
      raw: Read from where it stands to its end.
      name: What to call it in messages.
      is_local: Else an error of reading may be gone at another attempt.
    """

    def __init__(self, raw: ByteStream, name: str, is_local: bool) -> None:
        self.read_bytes = 0
        self.digest = hashlib.md5(usedforsecurity=False)
        self.head = b""
        self._unread_head = b""
        self._raw = raw
        self._name = name
        self._is_local = is_local

    def peek(self) -> bytes:
        """Returns the first bytes, and leaves them to be read."""
        while len(self.head) < _HEAD_BYTES and (piece := self._read_raw(_HEAD_BYTES - len(self.head))):
            self.head += piece
        self._unread_head = self.head
        return self.head

    def read(self, size_bytes: int = -1) -> bytes:
        """Returns some bytes, `size_bytes` at most; none at the end.

        Raises:
          DataError: a local file cannot be read.
          TryAgainError: what is not local could not be read.
        """
        if self._unread_head:
            size_bytes = len(self._unread_head) if size_bytes < 0 else size_bytes
            piece, self._unread_head = self._unread_head[:size_bytes], self._unread_head[size_bytes:]
        else:
            piece = self._read_raw(size_bytes)
        self.read_bytes += len(piece)
        self.digest.update(piece)
        return piece

    def _read_raw(self, size_bytes: int) -> bytes:
        try:
            return self._raw.read(size_bytes) or b""
        except OSError as error:
            reason = error.strerror or str(error)
            if self._is_local:
                raise DataError(f"{self._name} must be a file that can be read: {reason}.") from error
            raise TryAgainError(f"{self._name} could not be read: {reason}; run again later.") from error
