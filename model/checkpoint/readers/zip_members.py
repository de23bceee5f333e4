"""Where the members of a zip archive lie in it.

Python's zipfile is not used: the place of a member is what is wanted, which it does not tell, and a damaged archive
makes it raise a dozen kinds of errors. The format is PKWARE's APPNOTE (https://pkware.cachefly.net/webdocs/APPNOTE/),
as far as `torch.save` uses it, with or without the fields for large files (zip64).
"""

from __future__ import annotations

import dataclasses
import struct

from model.checkpoint.readers.byte_file import ByteFile, shown
from model.errors import CheckpointError

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_COMMENT_BYTES = 0xFFFF
_MAX_DIRECTORY_BYTES = 16 * 2**20  # a checkpoint of a thousand tensors has 0.1 MB
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_IN_EXTRA_64 = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class ZipMember:
    """A member of an archive.

    Attributes:
      offset_bytes: Where its first byte lies in the archive.
      size_bytes: How many it has there.
      is_stored: Whether it is stored as it is, and not compressed.
    """

    offset_bytes: int
    size_bytes: int
    is_stored: bool = True


def read_zip_members(file: ByteFile) -> dict[str, ZipMember]:
    """Returns the members of a zip archive by name.

    Args:
      file: The archive.

    Raises:
      CheckpointError: the archive is damaged, a name comes twice, or a member is encrypted.
    """
    directory, count, start = _read_directory(file)
    members: dict[str, ZipMember] = {}
    position = 0
    for _ in range(count):
        if len(directory) - position < _CENTRAL.size:
            raise _broken(file, f"its directory must list {count} members, and lists {len(members)}")
        fields = _CENTRAL.unpack_from(directory, position)
        signature, _, _, flags, method, _, _, _, packed, size, *lengths, _, _, _, header_offset = fields
        name_bytes, extra_bytes, comment_bytes = lengths
        names_at = position + _CENTRAL.size
        position = names_at + name_bytes + extra_bytes + comment_bytes
        if signature != b"PK\x01\x02" or position > len(directory):
            raise _broken(file, f"member {len(members)} of its directory must be whole")
        raw_name = directory[names_at : names_at + name_bytes]
        try:
            name = raw_name.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _broken(file, f"the name of a member must be UTF-8; it is {shown(raw_name)}") from error
        if name in members:
            raise _broken(file, f"it must hold each member once, and holds {shown(name)} twice")
        if flags & _ENCRYPTED:
            raise CheckpointError(f"{file.path} must not be encrypted, and {shown(name)} in it is; save it anew.")
        extra = directory[names_at + name_bytes : names_at + name_bytes + extra_bytes]
        size, packed, header_offset = _widen(file, name, extra, (size, packed, header_offset))
        if method == 0 and size != packed:
            raise _broken(file, f"{shown(name)} must be as long as it is in the archive; {size} is not {packed}")
        offset_bytes = _find_member(file, name, raw_name, header_offset, packed, start)
        members[name] = ZipMember(offset_bytes, packed, is_stored=method == 0)
    if position != len(directory):
        raise _broken(file, f"its directory must end after {count} members, and goes on")
    return members


def _broken(file: ByteFile, rule: str) -> CheckpointError:
    return CheckpointError(f"{file.path} must be a whole zip archive: {rule}; download it again.")


def _read_directory(file: ByteFile) -> tuple[bytes, int, int]:
    """Returns the directory of the archive, how many members it lists, and where it begins."""
    tail_bytes = min(file.size_bytes, _END.size + _MAX_COMMENT_BYTES)
    tail_at = file.size_bytes - tail_bytes
    tail = file.read(tail_at, tail_bytes).tobytes()
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise _broken(file, "it must end with the directory of its members, and does not")
    _, disk, _, _, count, size_bytes, offset_bytes, _ = _END.unpack_from(tail, found)
    end_at = tail_at + found
    locator_at = end_at - _LOCATOR_64.size
    if locator_at >= 0:
        signature, _, end_64_at, _ = _LOCATOR_64.unpack(file.read(locator_at, _LOCATOR_64.size).tobytes())
        if signature == b"PK\x06\x07":
            if end_64_at > locator_at - _END_64.size:
                raise _broken(file, "the place of its directory must lie inside of it")
            fields = _END_64.unpack(file.read(end_64_at, _END_64.size).tobytes())
            signature, _, _, _, disk, _, _, count, size_bytes, offset_bytes = fields
            if signature != b"PK\x06\x06":
                raise _broken(file, "the place of its directory must be where it says")
            end_at = end_64_at
    if disk != 0:
        raise _broken(file, "it must be one file, and is a part of several")
    if size_bytes > _MAX_DIRECTORY_BYTES or offset_bytes + size_bytes != end_at:
        raise _broken(
            file,
            f"its directory must lie right before its end, and take {_MAX_DIRECTORY_BYTES} bytes at most; it has"
            f" {size_bytes} bytes at {offset_bytes}, and the end is at {end_at}",
        )
    if count * _CENTRAL.size > size_bytes:
        raise _broken(file, f"its directory of {size_bytes} bytes must have room for its members; it says {count}")
    return file.read(offset_bytes, size_bytes).tobytes(), count, offset_bytes


def _widen(file: ByteFile, name: str, extra: bytes, narrow: tuple[int, int, int]) -> tuple[int, int, int]:
    """Returns the numbers of a member, those too large for their field out of its extra field."""
    if _IN_EXTRA_64 not in narrow:
        return narrow
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            wide = extra[position + 4 : position + 4 + length]
            numbers = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
            size, packed, offset = (next(numbers, -1) if number == _IN_EXTRA_64 else number for number in narrow)
            if -1 not in (size, packed, offset):
                return size, packed, offset
            break
        position += 4 + length
    raise _broken(file, f"the size of {shown(name)} must be in its directory, and is not")


def _find_member(
    file: ByteFile, name: str, raw_name: bytes, header_offset: int, size_bytes: int, directory_at: int
) -> int:
    """Returns where the bytes of a member begin, behind its header."""
    if header_offset + _LOCAL.size <= directory_at:
        header = file.read(header_offset, min(_LOCAL.size + len(raw_name), directory_at - header_offset)).tobytes()
        fields = _LOCAL.unpack_from(header)
        signature, name_bytes, extra_bytes = fields[0], fields[-2], fields[-1]
        offset_bytes = header_offset + _LOCAL.size + name_bytes + extra_bytes
        same_name = name_bytes == len(raw_name) and header[_LOCAL.size :] == raw_name
        if signature == b"PK\x03\x04" and same_name and offset_bytes + size_bytes <= directory_at:
            return offset_bytes
    raise _broken(file, f"{shown(name)} must lie where its directory says, at {header_offset}")
