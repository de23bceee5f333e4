"""Where each utterance lies in the shards, and how long it is: what batches are planned from, without the audio."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from model.errors import DataError
from model.examples import HEAD_BYTES, num_samples_of, num_samples_of_head
from model.record_format import FOOTER_BYTES, HEADER_BYTES, masked_crc32c, record_bytes

_MEND = "copy the shards again, or make them again with: w2v2 run --from LibriSpeechExampleGen --no-cache"
_SCAN_THREADS = 8
# A shard is scanned from its beginning to its end; over a network, few large pieces come sooner than many small ones.
_SCAN_BYTES = 8 << 20

Read = Callable[[int, int], bytes]
"""Reads bytes from an offset on, as many as there are of those asked for."""

OpenFile = Callable[[str, int], contextlib.AbstractContextManager[Read]]
"""Opens a file; of one that is far away it fetches so many bytes at once, at least. Its errors are OSErrors."""


@dataclasses.dataclass(frozen=True, eq=False)
class RecordIndex:
    """The utterance records of some files. An utterance is known by its number: its place in all of them together.

    Attributes:
      files: Paths, local or of any file system that TensorFlow knows, such as `gs://`; sorted by their names.
      file_numbers: int32 `[utterances]`, the file of each.
      offsets: int64 `[utterances]`, where the record begins in its file, behind its header.
      sizes: int64 `[utterances]`, the record's bytes.
      num_samples: int32 `[utterances]`.
      fingerprint: sha256 (hex) over the names of the files and the checksums of all records, so over what they hold.
      open_file: By which records are read; None for the module's own.
    """

    files: tuple[str, ...]
    file_numbers: np.ndarray[Any, Any]
    offsets: np.ndarray[Any, Any]
    sizes: np.ndarray[Any, Any]
    num_samples: np.ndarray[Any, Any]
    fingerprint: str
    open_file: OpenFile | None = None

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.num_samples)

    def read(self, number: int) -> bytes:
        """Reads the record of an utterance.

        Raises:
          DataError: the file is gone, shorter than it was, or the record is not what its checksum says.
        """
        file = self.files[self.file_numbers[number]]
        return read_record(file, int(self.offsets[number]), int(self.sizes[number]), self.open_file)


def read_index(files: Sequence[str], split: str, open_file: OpenFile | None = None) -> RecordIndex:
    """Reads where the records of TFRecord files are: their headers, not their audio.

    A file of Cloud Storage is read from its beginning to its end for that, some files at a time.

    Args:
      files: Paths of uncompressed TFRecord files.
      split: The name of the split, for messages.
      open_file: None for the module's own; the index reads its records by that one.

    Raises:
      DataError: there is no file, no record, or a damaged file. Whether a shard is missing cannot be seen here: one
        without an utterance has no file.
    """
    if not files:
        raise DataError(f"The {split} split must have files of records, and has none; {_MEND}.")
    ordered = tuple(sorted(files, key=lambda file: (_name(file), file)))
    with ThreadPoolExecutor(_SCAN_THREADS) as pool:
        scanned = list(pool.map(functools.partial(_scan, open_file=open_file), ordered))
    digest = hashlib.sha256()
    for file, (_, _, _, checksums) in zip(ordered, scanned, strict=True):
        digest.update(f"{_name(file)}\0".encode() + checksums + b"\n")
    counts = [len(offsets) for offsets, *_ in scanned]
    if not sum(counts):
        raise DataError(f"The {split} split must hold an utterance; its {len(ordered)} files are empty.")
    return RecordIndex(
        files=ordered,
        file_numbers=np.repeat(np.arange(len(ordered), dtype=np.int32), counts),
        offsets=np.concatenate([np.asarray(offsets, np.int64) for offsets, *_ in scanned]),
        sizes=np.concatenate([np.asarray(sizes, np.int64) for _, sizes, *_ in scanned]),
        num_samples=np.concatenate([np.asarray(samples, np.int32) for _, _, samples, _ in scanned]),
        fingerprint=digest.hexdigest(),
        open_file=open_file,
    )


def read_record(file: str, offset: int, size: int, open_file: OpenFile | None = None) -> bytes:
    """Reads one record, of which an index has told where it lies.

    Args:
      file: Path, local or of any file system that TensorFlow knows.
      offset: Where the record begins, behind its header.
      size: Its bytes.
      open_file: None for the module's own.

    Raises:
      DataError: the file is gone, shorter than it was, or the record is not what its checksum says.
    """
    content = read_at(file, offset, size + FOOTER_BYTES, open_file)
    record = memoryview(content)[:size]
    if len(content) != size + FOOTER_BYTES or struct.pack("<I", masked_crc32c([record])) != content[size:]:
        raise DataError(
            f"{file} must hold a whole record at byte {offset}, and that one is damaged (its checksum is another"
            f" one); {_MEND}."
        )
    return bytes(record)


def read_at(file: str, offset: int, size: int, open_file: OpenFile | None = None) -> bytes:
    """Reads bytes of a file, local or remote; fewer where it ends before.

    Raises:
      DataError: the file cannot be read.
    """
    with opened(file, open_file) as read:
        return read(offset, size)


@contextlib.contextmanager
def opened(file: str, open_file: OpenFile | None = None, ahead_bytes: int = 0) -> Iterator[Read]:
    """Gives a function that reads bytes of a file.

    Args:
      file: Path, local or of any file system that TensorFlow knows, or that `open_file` does.
      open_file: None for the module's own.
      ahead_bytes: So many are wanted at once, from one that is far away.

    Raises:
      DataError: the file cannot be read.
    """
    try:
        with (open_file or open_here_or_there)(file, ahead_bytes) as read:
            yield read
    except OSError as error:
        raise DataError(
            f"The shard {file} must be there to be read, and is not ({error.strerror or error}); {_MEND}."
        ) from error


@contextlib.contextmanager
def open_here_or_there(file: str, ahead_bytes: int = 0) -> Iterator[Read]:
    """Opens a local file, or one of any file system that TensorFlow knows; how much that fetches is its own setting.

    Raises:
      OSError: the file cannot be read.
    """
    del ahead_bytes
    if "://" not in file:
        with open(file, "rb", buffering=0) as local:
            yield lambda offset, size: os.pread(local.fileno(), size, offset)
        return
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(file, "rb") as stream:

            def read(offset: int, size: int) -> bytes:
                stream.seek(offset)
                return stream.read(size)

            yield read
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _scan(file: str, open_file: OpenFile | None) -> tuple[list[int], list[int], list[int], bytes]:
    """Returns offsets, sizes and samples of the records of a file, and their checksums joined."""
    with opened(file, open_file, _SCAN_BYTES) as read:
        return _scan_with(file, read, open_file)


def _scan_with(file: str, read: Read, open_file: OpenFile | None) -> tuple[list[int], list[int], list[int], bytes]:
    offsets: list[int] = []
    sizes: list[int] = []
    samples: list[int] = []
    checksums = bytearray()
    place = 0
    # The checksum of one record, the header of the next and its beginning lie side by side.
    around = read(place, HEADER_BYTES + HEAD_BYTES)
    while around:
        size = record_bytes(around[:HEADER_BYTES]) if len(around) >= HEADER_BYTES else None
        if size is None:
            raise DataError(
                f"{file} must be a whole file of records, and is damaged at byte {place} (the length of a record has"
                f" another checksum); {_MEND}."
            )
        begin = place + HEADER_BYTES
        after = read(begin + size, FOOTER_BYTES + HEADER_BYTES + HEAD_BYTES)
        if len(after) < FOOTER_BYTES:
            raise DataError(
                f"{file} must be a whole file of records, and ends within the one at byte {begin}; {_MEND}."
            )
        head = around[HEADER_BYTES : HEADER_BYTES + min(size, HEAD_BYTES)]
        count = num_samples_of_head(head)
        samples.append(_parsed_samples(file, begin, size, open_file) if count is None else count)
        offsets.append(begin)
        sizes.append(size)
        checksums += after[:FOOTER_BYTES]
        place, around = begin + size + FOOTER_BYTES, after[FOOTER_BYTES:]
    return offsets, sizes, samples, bytes(checksums)


def _parsed_samples(file: str, begin: int, size: int, open_file: OpenFile | None) -> int:
    """Returns the samples of a record that another writer has laid out."""
    try:
        return num_samples_of(read_at(file, begin, size, open_file))
    except DataError as error:
        raise DataError(f"{file} must hold utterance records, and at byte {begin} does not: {error}") from error


def _name(file: str) -> str:
    return file.rpartition("/")[2]
