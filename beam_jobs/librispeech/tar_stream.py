"""Reads a `.tar` or `.tar.gz` once, from its beginning to its end, and trusts nothing in it.

Headers are parsed by `tarfile`; the walk from one to the next is not left to it: it takes a damaged header in the
middle for the end of the archive, reads extended headers of any size into memory, and does not miss what is cut off.
Format: POSIX.1-2017, pax; GNU tar's long names.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, cast

from beam_jobs.librispeech.metered_source import ByteStream, MeteredSource
from model.errors import DataError

# FLAC does not shrink; headers, padding and transcripts do. The slack is for small archives and zeros at the end.
MAX_RATIO = 10
RATIO_SLACK_BYTES = 16 << 20
# Five times as many as all of LibriSpeech has.
MAX_HEADERS = 1_500_000
# Of a pax header or a long name.
MAX_EXTENSION_BYTES = 64 << 10

_BLOCK_BYTES = tarfile.BLOCKSIZE
_CHUNK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_LFS_POINTER = b"version https://git-lfs"
_LATEST_SECONDS = 1 << 33
_FILE_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_OTHER_TYPES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.GNUTYPE_LONGLINK: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclasses.dataclass(frozen=True)
class Member:
    """A file or a directory in an archive, as its headers tell of it.

    Attributes:
      name: As it stands there; not to be trusted.
      is_directory: Else it is a file.
      size_bytes: Of its content.
      mtime_seconds: When it was changed, since 1970; 0 where the header has no sense.
    """

    name: str
    is_directory: bool
    size_bytes: int
    mtime_seconds: int


class TarStream:
    """The members of an archive, in order.

    Args:
      source: Read from where it stands to its end.
      name: What to call it in messages.
      is_local: Else an error of reading may be gone at another attempt.

    Raises:
      DataError: it is empty, or a pointer of Git LFS in place of an archive.
    """

    def __init__(self, source: ByteStream, name: str, is_local: bool = True) -> None:
        self.name = name
        self._source = MeteredSource(source, name, is_local)
        head = self._source.peek()
        if not head:
            raise DataError(f"{name} must be an archive, and is empty; copy or download it again.")
        if head.startswith(_LFS_POINTER):
            raise DataError(
                f"{name} is a Git LFS pointer in place of an archive; run `git lfs pull` where it came from."
            )
        self._content: Any = self._source
        if head.startswith(_GZIP_MAGIC):
            self._content = gzip.GzipFile(fileobj=cast("io.BufferedReader", self._source), mode="rb")
        self._unpacked_bytes = 0
        self._unread: int = 0

    @property
    def read_bytes(self) -> int:
        """How much of the archive itself has been read."""
        return self._source.read_bytes

    @property
    def md5(self) -> str:
        """The MD5 sum (hex) of what has been read of the archive; of all of it after the last member."""
        return self._source.digest.hexdigest()

    def members(self) -> Iterator[Member]:
        """Gives one member after the other; `content` reads that of the last one given.

        Raises:
          DataError: the archive is no tar, is cut off, damaged or a bomb, or holds a link, a device or the like.
          TryAgainError: what is not local could not be read.
        """
        pax: dict[bytes, bytes] = {}
        long_name = b""
        headers, last = 0, ""
        while True:
            block = self._take(_BLOCK_BYTES)
            if not block.strip(b"\0") and len(block) == _BLOCK_BYTES:
                if pax or long_name:
                    raise self._damaged(last)
                self._require_end()
                return
            info = self._header(block, headers, last)
            headers += 1
            if headers > MAX_HEADERS:
                raise DataError(f"{self.name} must hold {MAX_HEADERS:,} members at most, and holds more; split it.")
            if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME):
                extension = self._extension(info)
                if info.type == tarfile.GNUTYPE_LONGNAME:
                    long_name = extension.split(b"\0", 1)[0]
                    continue
                records = self._records(extension, info.name)
                if info.type != tarfile.XGLTYPE:
                    pax = records
                elif records.keys() & {b"path", b"size"}:
                    raise DataError(
                        f"{self.name} must not name its members in a global header, and does; pack it again."
                    )
                continue
            member = self._member(info, pax, long_name)
            pax, long_name = {}, b""
            last = member.name
            self._unread = member.size_bytes
            yield member
            while self._unread:
                self._unread -= len(self._take_all(min(self._unread, _CHUNK_BYTES)))
            self._take_all(-member.size_bytes % _BLOCK_BYTES)

    def content(self) -> bytes:
        """Reads what is left of the content of the last member given.

        Raises:
          DataError: the archive is cut off, damaged or a bomb.
        """
        size_bytes, self._unread = self._unread, 0
        return self._take_all(size_bytes)

    def _header(self, block: bytes, headers: int, last: str) -> tarfile.TarInfo:
        if len(block) < _BLOCK_BYTES and headers:
            raise self._cut_off()
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            if headers:
                raise self._damaged(last) from error
            raise DataError(
                f"{self.name} must be a .tar.gz or a .tar, and is neither; it begins with {self._source.head[:16]!r}."
            ) from error

    def _member(self, info: tarfile.TarInfo, pax: dict[bytes, bytes], long_name: bytes) -> Member:
        raw = pax.get(b"path", long_name)
        name = raw.decode("utf-8", "surrogateescape").rstrip("/") if raw else info.name
        sparse = any(key.startswith(b"GNU.sparse") for key in pax)
        kind = "a sparse file" if sparse else _OTHER_TYPES.get(info.type, f"of type {info.type!r}")
        is_directory = info.type == tarfile.DIRTYPE
        if sparse or not (is_directory or info.type in _FILE_TYPES):
            raise DataError(
                f"{self.name} must hold files and directories alone, and its member {shown(name)} is {kind}; make it"
                " anew without."
            )
        # Readers that believe the one or the other header would see other members.
        if info.size < 0 or (is_directory and info.size) or pax.get(b"size", b"%d" % info.size) != b"%d" % info.size:
            raise DataError(f"{self.name} must have headers that agree, and those of {shown(name)} lie about its size.")
        # Some writers have 0 here for «unknown», some fractions in the pax header, which are left out.
        mtime = int(info.mtime) if 0 <= info.mtime < _LATEST_SECONDS else 0
        return Member(name, is_directory, info.size, mtime)

    def _extension(self, info: tarfile.TarInfo) -> bytes:
        if not 0 <= info.size <= MAX_EXTENSION_BYTES:
            raise DataError(
                f"{self.name} must have extended headers of {MAX_EXTENSION_BYTES} bytes at most, and one has"
                f" {info.size}."
            )
        extension = self._take_all(info.size)
        self._take_all(-info.size % _BLOCK_BYTES)
        return extension

    def _records(self, extension: bytes, name: str) -> dict[bytes, bytes]:
        """Parses records of `<length> <key>=<value>` and a line feed."""
        records: dict[bytes, bytes] = {}
        while extension:
            digits, _, _ = extension[:8].partition(b" ")
            length = int(digits) if digits.isdigit() else 0
            key, separator, value = extension[len(digits) + 1 : max(length - 1, 0)].partition(b"=")
            if not separator or extension[length - 1 : length] != b"\n":
                raise self._damaged(name)
            records[key] = value
            extension = extension[length:]
        return records

    def _require_end(self) -> None:
        """Reads the zeros that fill up the archive, and with them the sum at the end of a gzip."""
        while chunk := self._take(_CHUNK_BYTES):
            if chunk.strip(b"\0"):
                raise DataError(
                    f"{self.name} must end where its last member ends, and holds more after that; archives that were"
                    " joined must be taken apart."
                )

    def _take_all(self, size_bytes: int) -> bytes:
        taken = self._take(size_bytes)
        if len(taken) < size_bytes:
            raise self._cut_off()
        return taken

    def _take(self, size_bytes: int) -> bytes:
        """Reads as much as there is, `size_bytes` at most."""
        pieces: list[bytes] = []
        missing = size_bytes
        while missing:
            try:
                piece = self._content.read(min(missing, _CHUNK_BYTES))
            except EOFError as error:
                raise self._cut_off() from error
            except (gzip.BadGzipFile, zlib.error) as error:
                raise DataError(
                    f"{self.name} must be a whole gzip, and is damaged: {error}; copy or download it again."
                ) from error
            if not piece:
                break
            self._unpacked_bytes += len(piece)
            if self._unpacked_bytes > RATIO_SLACK_BYTES + MAX_RATIO * self._source.read_bytes:
                raise DataError(
                    f"{self.name} must unpack to {MAX_RATIO} times its size at most, and unpacks to more; it is no"
                    " archive of sound, but a bomb."
                )
            missing -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _cut_off(self) -> DataError:
        return DataError(f"{self.name} must be a whole archive, and is cut off; copy or download it again.")

    def _damaged(self, last: str) -> DataError:
        return DataError(
            f"{self.name} must be a whole archive, and the header after {shown(last)} is damaged; copy or download it"
            " again."
        )


def shown(name: str) -> str:
    """Returns a name that nobody vouches for, fit for a message: quoted, escaped and cut."""
    return ascii(name if len(name) <= 120 else name[:120] + "…")
