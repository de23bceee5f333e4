"""Writing files so that a reader sees the whole of a file or nothing, and naming content by its hash."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.errors import DiskFullError, UsageError

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary name beside `path`, and renames it to `path` when the block ends without an error.

    The temporary name keeps the suffix, because some writers choose the format by it.

    Raises:
      DiskFullError: there is no room left on the file system.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{final.stem}.", suffix=final.suffix, dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        with disk_full_is_said(final):
            yield temporary
            # mkstemp makes files that only the owner may read; a model is for everybody whom the umask allows.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


def create_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file that nobody may change any more: all of it or nothing, and never in the place of another.

    Of several who create the same file at once, one succeeds.

    Raises:
      FileExistsError: there is one already.
      DiskFullError: there is no room left on the file system.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_is_said(final):
        descriptor, name = tempfile.mkstemp(prefix=f".{final.stem}.", suffix=final.suffix, dir=final.parent)
        temporary = Path(name)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.chmod(0o444 & ~_umask())
            # A rename would replace what is there; a link does not.
            os.link(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a new temporary directory beside `path`, and renames it to `path` when the block ends without an error.

    A directory that stands at `path` is replaced; until the rename it stays as it was.

    Raises:
      DiskFullError: there is no room left on the file system.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        with disk_full_is_said(final):
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            if final.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{final.name}.old.", dir=final.parent))
                final.replace(old / "content")
                temporary.replace(final)
                shutil.rmtree(old)
            else:
                temporary.replace(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_replaceable(directory: str | os.PathLike[str], marker: str, source: str | os.PathLike[str] = "") -> None:
    """Refuses to replace a directory that is not ours.

    For places that a person names: what is not there yet, is empty, or holds the file that our own writer puts there,
    may be replaced, and nothing else.

    Args:
      directory: The place.
      marker: The file by which our own writer's directory is known, such as `MANIFEST.json`.
      source: What is read to fill it; the place must not be the same.

    Raises:
      UsageError: the place holds something else.
    """
    root = Path(directory)
    if source and root.resolve() == Path(source).resolve():
        raise UsageError(
            f"The output must be another place than the source, and both are {root}; name a new directory."
        )
    for place in (root, *root.parents):
        if place.exists():
            if not place.is_dir():
                raise UsageError(f"The output {root} must be a directory, and {place} is a file; name a new directory.")
            break
    if root.is_dir() and any(root.iterdir()) and not (root / marker).is_file():
        raise UsageError(
            f"The output {root} must be new, empty or an earlier output of this command (with {marker} in it), and"
            " holds something else; name a new directory."
        )


@contextlib.contextmanager
def disk_full_is_said(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns «no space left on device» into a DiskFullError that names the place."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"The file system under {path} is full; free some space there, or choose a place on another disk, and"
                " run again; finished work is kept."
            ) from error
        raise


def open_at_once(path: str, flags: int) -> int:
    """Opens a file as `open(…, opener=open_at_once)`: a pipe without a writer would be waited for, for ever."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a value as `json_text` gives it, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json_text(value), encoding="utf-8")


def json_text(value: Any) -> str:
    """Returns a value as indented JSON with sorted keys, and a line's end.

    JSON knows no NaN and no infinity, and other readers stumble over them: such numbers are written as null.
    """
    return json.dumps(_finite(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sha256_of_file(path: str | os.PathLike[str]) -> str:
    """Returns the sha256 (hex) of a file, reading it in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_files(directory: str | os.PathLike[str]) -> dict[str, str]:
    """Returns the sha256 (hex) of every file below a directory, by its path relative to it, with forward slashes."""
    root = Path(directory)
    return {
        path.relative_to(root).as_posix(): sha256_of_file(path) for path in sorted(root.rglob("*")) if path.is_file()
    }


def release_digest(sha256_by_path: Mapping[str, str]) -> str:
    """Returns the release digest: the sha256 over the sorted (path, sha256) of the exported files."""
    digest = hashlib.sha256()
    for path, sha256 in sorted(sha256_by_path.items()):
        digest.update(f"{path}\0{sha256}\n".encode())
    return digest.hexdigest()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
