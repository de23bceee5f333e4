"""The bytes of one pickle, read with a limit."""

from __future__ import annotations

import io

from model.checkpoint.readers.byte_file import shown
from model.errors import CheckpointError

# The pickle of a checkpoint has some 100 KB: the tensors lie outside of it.
MAX_PICKLE_BYTES = 16 * 2**20
MAX_NAME_BYTES = 1000


class PickleInput:
    """Reads no more than the file has, and no more than a checkpoint needs.

    Args:
      file: A file that stands at the pickle.
      room_bytes: How many bytes the pickle may take.
      where: The place of the pickle, for messages, such as `the pickle of /x/y.pt`.
    """

    def __init__(self, file: io.BufferedIOBase, room_bytes: int, where: str):
        self._file = file
        self._room_bytes = min(room_bytes, MAX_PICKLE_BYTES)
        self._where = where

    def broken(self, rule: str) -> CheckpointError:
        """Returns the error that says which rule this pickle breaks."""
        return CheckpointError(f"There is something wrong with {self._where}: {rule}; download it again.")

    def read(self, size_bytes: int) -> bytes:
        """Returns the next bytes, as many as were asked for."""
        if size_bytes > self._room_bytes:
            raise self.broken(
                f"it must be whole, and at most {MAX_PICKLE_BYTES} bytes long; {shown(size_bytes)} more bytes are"
                f" needed where {self._room_bytes} are left"
            )
        data = self._file.read(size_bytes)
        if len(data) != size_bytes:
            raise self.broken(f"it must be whole; {size_bytes} more bytes are needed where {len(data)} are left")
        self._room_bytes -= size_bytes
        return data

    def read_number(self, size_bytes: int) -> int:
        """Returns an unsigned number of that size."""
        return int.from_bytes(self.read(size_bytes), "little")

    def read_counted(self, length_bytes: int) -> bytes:
        """Returns bytes behind their count, which itself takes `length_bytes`."""
        return self.read(self.read_number(length_bytes))

    def read_text(self, length_bytes: int) -> str:
        """Returns a UTF-8 text behind its length in bytes, which itself takes `length_bytes`."""
        return self._decoded(self.read_counted(length_bytes))

    def read_name(self) -> str:
        """Returns the next line: the name of a module or of something in it."""
        line = self._file.readline(min(MAX_NAME_BYTES, self._room_bytes))
        self._room_bytes -= len(line)
        if not line.endswith(b"\n"):
            raise self.broken(f"a name must end with its line, within {MAX_NAME_BYTES} bytes")
        return self._decoded(line[:-1])

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.broken(f"a text must be UTF-8; it is {shown(data)}") from error
