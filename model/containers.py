"""What files of sound say of themselves, held against what was decoded: is all of it there, and is it unchanged?

libsndfile decodes; it is silent about a WAV, an AIFF or an OGG that was cut off, and does not look at a FLAC's MD5.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO, Literal

import numpy as np

from model.errors import DataError

_STREAMINFO_BYTES = 34
_NO_MD5 = b"\0" * 16
_ID3_HEADER_BYTES = 10
# Some recorders count the header of a WAV to its data; less than this is 2 ms of speech.
_SLACK_BYTES = 64
# Written by sox (0x7F000000 of sound and the header) into a pipe.
_AIFF_UNKNOWN_BYTES = 0x7F00_0000
# Written by ffmpeg (the largest number) and sox (a bit below 2³¹) into a pipe, where the length is not known yet.
_WAV_UNKNOWN_BYTES = (0x7FFF_E000, 0x8000_0000, 0xFFFF_FFFF)
# The longest page of Ogg, RFC 3533 §6: a header of 27 bytes, 255 lengths, and 255 segments of 255 bytes.
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_OGG_LAST_PAGE = 4


class AudioError(DataError):
    """A file of sound cannot be read, or is not what its header says. Exit code 3."""


def check_whole(name: str, kind: str, stream: BinaryIO, samples: np.ndarray[Any, Any]) -> None:
    """Checks that nothing is missing, by what each format says of its own length.

    Args:
      name: What messages call it.
      kind: The format, as libsndfile calls it.
      stream: The file, open; it is read from its beginning or its end.
      samples: What was decoded, `[frames, channels]`.

    Raises:
      AudioError: the file is cut off, or holds other sound than it says.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if kind == "FLAC":
        head = stream.read(_ID3_HEADER_BYTES)
        # An ID3 tag before the sound: its size is in four times seven bits, ID3v2 §3.1.
        tag_bytes = sum(byte << 7 * place for place, byte in enumerate(reversed(head[6:]))) + _ID3_HEADER_BYTES
        stream.seek(tag_bytes if head.startswith(b"ID3") else 0)
        check_flac(name, stream.read(8 + _STREAMINFO_BYTES), samples)
    elif kind == "OGG":
        stream.seek(max(0, size - _OGG_PAGE_BYTES))
        _check_ogg(name, stream.read())
    elif kind in ("WAV", "WAVEX"):
        _check_wav(name, stream, size)
    elif kind in _END_BY_KIND:
        promised = _END_BY_KIND[kind](stream.read(_LONGEST_HEAD_BYTES))
        if promised is not None and promised > size + _SLACK_BYTES:
            raise AudioError(f"{name} promises {promised} bytes in its header and has {size}; copy it again.")


def _end_of_aiff(head: bytes) -> int | None:
    """The chunk FORM is all of the file; a writer into a pipe gives it about 2 GB."""
    size = int.from_bytes(head[4:8], "big")
    return 8 + size if size < _AIFF_UNKNOWN_BYTES else None


def _end_of_au(head: bytes) -> int | None:
    """Where the sound begins, and how long it is; all ones into a pipe. `dns.` is the little-endian kind."""
    order: Literal["little", "big"] = "little" if head.startswith(b"dns.") else "big"
    start, size = int.from_bytes(head[4:8], order), int.from_bytes(head[8:12], order)
    return start + size if size != 0xFFFF_FFFF else None


def _end_of_w64(head: bytes) -> int | None:
    """The size of the file stands behind the first GUID; all ones into a pipe."""
    size = int.from_bytes(head[16:24], "little")
    return size if size < 1 << 63 else None


def _end_of_rf64(head: bytes) -> int | None:
    """The chunk ds64 has the size in 64 bits, EBU Tech 3306; it is not counted from the beginning."""
    size = int.from_bytes(head[20:28], "little")
    return 8 + size if head[12:16] == b"ds64" and size < 1 << 63 else None


# Where each says that it ends, in bytes; None where it does not.
_END_BY_KIND: dict[str, Callable[[bytes], int | None]] = {
    "AIFF": _end_of_aiff,
    "AU": _end_of_au,
    "W64": _end_of_w64,
    "RF64": _end_of_rf64,
}
_LONGEST_HEAD_BYTES = 28


def _check_wav(name: str, stream: BinaryIO, size: int) -> None:
    """Compares the length of the chunk `data` with the file; libsndfile would read what is there and say nothing."""
    order: Literal["little", "big"] = "big" if stream.read(12).startswith(b"RIFX") else "little"
    while len(header := stream.read(8)) == 8:
        promised, start = int.from_bytes(header[4:], order), stream.tell()
        if header[:4] == b"data":
            low, high, largest = _WAV_UNKNOWN_BYTES
            known = not (low <= promised < high or promised == largest)
            if known and promised > size - start + _SLACK_BYTES:
                raise AudioError(
                    f"{name} promises {promised} bytes of sound in its header and holds {size - start}; copy it again."
                )
            return
        # A chunk of odd length is followed by one byte.
        stream.seek(start + promised + promised % 2)


def _check_ogg(name: str, tail: bytes) -> None:
    """Looks for the mark of the last page, RFC 3533 §6; libsndfile reads an OGG without it as a shorter one."""
    place = tail.rfind(b"OggS")
    page = tail[place:] if place >= 0 else b""
    whole = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    if not whole or not page[5] & _OGG_LAST_PAGE:
        raise AudioError(f"{name} must end with the last page of its OGG, and is cut off; copy it again.")


def check_flac(name: str, head: bytes, samples: np.ndarray[Any, Any]) -> None:
    """Compares decoded samples `[frames]` or `[frames, channels]` with STREAMINFO, the first block, RFC 9639 §8.2."""
    info = head[8 : 8 + _STREAMINFO_BYTES]
    if len(info) < _STREAMINFO_BYTES:
        raise AudioError(f"{name} must have a whole FLAC header; it is cut off.")
    # 36 bits, in the low half of byte 13 and in bytes 14 to 17.
    promised = int.from_bytes(info[13:18], "big") & ((1 << 36) - 1)
    if promised not in (0, len(samples)):
        raise AudioError(f"{name} promises {promised} samples in its header and holds {len(samples)}; copy it again.")
    md5 = info[18:34]
    if md5 == _NO_MD5:
        return
    plain: Any
    if samples.dtype == np.int16:
        plain = np.ascontiguousarray(samples, "<i2")
    else:
        # libsndfile puts 8 and 24 bits at the top of 32; the MD5 is over whole bytes of the sample as it was.
        width = ((int.from_bytes(info[12:14], "big") >> 4 & 31) + 8) // 8
        octets = np.ascontiguousarray(samples, "<i4").reshape(-1, 1).view(np.uint8)
        plain = np.ascontiguousarray(octets[:, 4 - width :])
    if md5 != hashlib.md5(plain, usedforsecurity=False).digest():
        raise AudioError(f"{name} holds other sound than the MD5 in its header says; copy it again.")
