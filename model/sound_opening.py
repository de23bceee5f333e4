"""Opening what may be sound, and saying in a sentence what is wrong with it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from model.containers import AudioError
from model.storage import open_at_once

_LFS_POINTER = b"version https://git-lfs"


def name_of(source: str | os.PathLike[str] | bytes) -> str:
    """Returns what messages call a source that has no other name."""
    return "The sound" if isinstance(source, bytes) else os.fspath(source)


@contextlib.contextmanager
def open_sound(source: str | os.PathLike[str] | bytes, name: str) -> Iterator[BinaryIO]:
    """Opens what may be sound, and refuses at its beginning what is none.

    Args:
      source: The path of a file, or its content.
      name: What messages call it.

    Raises:
      AudioError: it cannot be read, is empty, is a pipe or a device, or stands for a file that was not fetched.
    """
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else _open_file(source, name) as stream:
            head = stream.read(len(_LFS_POINTER))
            if not head:
                raise AudioError(f"{name} must hold sound, and is an empty file.")
            if head == _LFS_POINTER:
                raise AudioError(
                    f"{name} is a Git LFS pointer in place of sound; run `git lfs pull` where it came from."
                )
            stream.seek(0)
            yield stream
    except OSError as error:
        raise AudioError(f"{name} must be a file that can be read: {error.strerror or error}.") from error


def handle_of(stream: BinaryIO) -> Any:
    """Returns what libsndfile reads best: the file itself, past Python, where there is one."""
    return stream.fileno() if isinstance(stream, io.FileIO) else stream


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turns what libsndfile says into our own error.

    Args:
      name: What messages call the sound.

    Raises:
      AudioError: it cannot be decoded.
    """
    import soundfile

    try:
        yield
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        raise AudioError(f"{name} must be a file of sound that can be decoded: {_one_line(error)}") from error
    except MemoryError as error:
        raise AudioError(f"{name} promises more samples in its header than memory can hold; copy it again.") from error


def _open_file(path: str | os.PathLike[str], name: str) -> io.FileIO:
    stream = open(path, "rb", buffering=0, opener=open_at_once)  # noqa: SIM115 — who calls this closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise AudioError(f"{name} must be a file of sound, and is a pipe or a device.")
    return stream


def _one_line(error: Exception) -> str:
    # libsndfile names what it reads from, memory or a descriptor, in place of the file.
    text = re.sub(r"Error opening (?:<[^>]*>|\d+): ", "", " ".join(str(error).split()))
    return text.rstrip(".") + "."
