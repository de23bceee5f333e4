"""Places that jobs read from and write to: directories and files of this machine, and addresses in Cloud Storage.

A place is a text: a path, or `gs://<bucket>/<name>`. This module alone knows the difference.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import posixpath
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from beam_jobs import cloud_storage
from model.errors import DataError, UsageError
from model.storage import create_file, json_text, open_at_once, replacing, require_replaceable

if TYPE_CHECKING:
    from model.record_index import Read

_SEPARATOR = "://"
_BROWSER = "https://storage.cloud.google.com/"
_MISSING = "missing"
_CHUNK_BYTES = 1 << 20


class Entry(NamedTuple):
    """A file below a place.

    Attributes:
      path: Below the place, with forward slashes.
      size_bytes: How long it is.
      modified_ns: When it was changed, since 1970.
    """

    path: str
    size_bytes: int
    modified_ns: int


def is_remote(place: str | os.PathLike[str]) -> bool:
    """Tells whether a place is in Cloud Storage."""
    return os.fspath(place).startswith(cloud_storage.SCHEME)


def absolute(place: str | os.PathLike[str]) -> str:
    """Returns a place in a form that means the same in every directory.

    Raises:
      UsageError: it is an address of another kind than `gs://`.
    """
    text = os.fspath(place)
    if is_remote(text):
        bucket, name = cloud_storage.split_address(text)
        return f"{cloud_storage.SCHEME}{bucket}/{name}".rstrip("/")
    if _SEPARATOR in text:
        raise UsageError(f"A place must be a path of this machine or a gs:// address, not {text!r}.")
    return str(Path(text).expanduser().resolve())


def join(place: str, *parts: str) -> str:
    """Returns a place below a place."""
    return posixpath.join(place, *parts) if is_remote(place) else str(Path(place, *parts))


def name_of(place: str) -> str:
    """Returns the last part of a place."""
    return posixpath.basename(place.rstrip("/")) if is_remote(place) else Path(place).name


def printable(text: str) -> str:
    """Returns a name as messages show it, on one line: what cannot be printed, or is no UTF-8, is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def browsable(place: str) -> str:
    """Returns the address at which a browser shows a file to who may read it; of a path, the path."""
    return place.replace(cloud_storage.SCHEME, _BROWSER, 1) if is_remote(place) else place


def is_file(place: str) -> bool:
    """Tells whether there is a file."""
    return cloud_storage.describe(place) is not None if is_remote(place) else Path(place).is_file()


def size_bytes(place: str) -> int | None:
    """Returns how long a file is; None where there is none."""
    if is_remote(place):
        found = cloud_storage.describe(place)
        return None if found is None else found.size_bytes
    return Path(place).stat().st_size if Path(place).is_file() else None


def is_directory(place: str) -> bool:
    """Tells whether there is a directory; in Cloud Storage, whether something lies below."""
    return cloud_storage.holds_objects(place) if is_remote(place) else Path(place).is_dir()


def list_names(place: str) -> list[str]:
    """Returns the names of the files directly in a directory, sorted; none where there is no directory."""
    if is_remote(place):
        return cloud_storage.list_names(place)
    try:
        with os.scandir(place) as found:
            return sorted(entry.name for entry in found if not entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_directories(place: str) -> list[str]:
    """Returns the names of the directories directly in a directory, sorted."""
    if is_remote(place):
        return sorted({found.name.split("/")[0] for found in cloud_storage.list_objects(place) if "/" in found.name})
    return sorted(path.name for path in Path(place).iterdir() if path.is_dir()) if Path(place).is_dir() else []


def list_tree(place: str) -> list[Entry]:
    """Returns all files below a directory, sorted by the parts of their paths. Links are followed.

    Raises:
      DataError: a file or directory cannot be looked at.
    """
    if is_remote(place):
        listed = (Entry(one.name, one.size_bytes, one.modified_ns) for one in cloud_storage.list_objects(place))
    else:
        listed = _walk(place, "", set())
    return sorted(listed, key=_by_parts)


def _by_parts(entry: Entry) -> str:
    # No name holds NUL, which sorts before all else: as the list of the parts would, in a quarter of its memory.
    return entry.path.replace("/", "\0")


def _walk(directory: str, prefix: str, above: set[tuple[int, int]]) -> Iterator[Entry]:
    try:
        status = Path(directory).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            # A link to a directory above would be walked for ever.
            return
        with os.scandir(directory) as found:
            entries = list(found)
    except OSError as error:
        raise _unreadable(directory, error) from error
    for entry in entries:
        try:
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", above | {identity})
                continue
            status = entry.stat()
        except OSError as error:
            raise _unreadable(entry.path, error) from error
        yield Entry(prefix + entry.name, status.st_size, status.st_mtime_ns)


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(
        f"Every file of a corpus must be readable, and {printable(path)} is not: {error.strerror}; mend or remove it."
    )


def stamps(files: Sequence[str]) -> list[str]:
    """Returns for each file what changes when it does; `missing` where there is none.

    What lies in Cloud Storage is listed, by the directory that all of a bucket's files have in common.
    """
    remote = sorted({file for file in files if is_remote(file)})
    told: dict[str, str] = {}
    for _, group in itertools.groupby(remote, key=_bucket):
        names = list(group)
        # Of one alone, this is its own directory.
        above = posixpath.commonpath([name.removeprefix(cloud_storage.SCHEME).rpartition("/")[0] for name in names])
        directory = cloud_storage.SCHEME + above
        for found in cloud_storage.list_objects(directory):
            told[f"{directory}/{found.name}"] = f"{found.size_bytes}\0{found.modified_ns}"
    return [told.get(file, _MISSING) if is_remote(file) else _local_stamp(Path(file)) for file in files]


def _bucket(address: str) -> str:
    return cloud_storage.split_address(address)[0]


def _local_stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        # Not only where there is none: a name may be too long for the file system, or behind a closed directory.
        return _MISSING
    return f"{status.st_size}\0{status.st_mtime_ns}" if stat.S_ISREG(status.st_mode) else _MISSING


def read_bytes(place: str, max_object_bytes: int | None = None) -> bytes:
    """Returns the content of a file; of an object in Cloud Storage no more than `max_object_bytes`.

    Raises:
      OSError: it cannot be read, or is a pipe or a device.
      TooLargeError: the object is longer.
    """
    if is_remote(place):
        return cloud_storage.read_bytes(place, max_object_bytes)
    with open(place, "rb", opener=open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device", place)
        return stream.read()


def read_json(place: str) -> Any:
    """Returns what a file of JSON says."""
    return json.loads(read_bytes(place))


def open_stream(place: str) -> BinaryIO:
    """Opens a file for reading its bytes from the beginning to the end."""
    return cloud_storage.open_stream(place) if is_remote(place) else Path(place).open("rb")


def open_file(place: str, ahead_bytes: int = 0) -> contextlib.AbstractContextManager[Read]:
    """Opens a file for reading pieces of it, as `model.record_index` asks for it."""
    if is_remote(place):
        return cloud_storage.opened(place, ahead_bytes)
    # Whoever lists files alone must not wait for NumPy.
    from model.record_index import open_here_or_there

    return open_here_or_there(place)


@contextlib.contextmanager
def here(place: str, scratch_dir: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a file of this machine with the content of a file: itself, or a copy that is gone after the block.

    Args:
      place: A path, or an address in Cloud Storage.
      scratch_dir: Where the copy is.
    """
    if not is_remote(place):
        yield Path(place)
        return
    Path(scratch_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="copy-", dir=scratch_dir) as directory:
        copy = Path(directory) / name_of(place)
        _copy((place, str(copy)))
        yield copy


def sha256_of(place: str) -> str:
    """Returns the sha256 (hex) of a file, reading it in pieces."""
    digest = hashlib.sha256()
    with open_stream(place) as stream:
        while piece := stream.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def write_bytes(place: str, content: bytes) -> None:
    """Writes a file, all of it or nothing."""
    if is_remote(place):
        cloud_storage.write_bytes(place, content)
        return
    with replacing(place) as temporary:
        temporary.write_bytes(content)


def create_bytes(place: str, content: bytes) -> None:
    """Writes a file, all of it or nothing, where there is none yet; of several who do so at once, one succeeds.

    Raises:
      FileExistsError: there is one already.
    """
    if is_remote(place):
        cloud_storage.create_bytes(place, content)
    else:
        create_file(place, content)


def write_json(place: str, value: Any) -> None:
    """Writes a value as indented JSON, all of it or nothing."""
    write_bytes(place, json_text(value).encode())


@contextlib.contextmanager
def new_file(place: str) -> Iterator[Path]:
    """Gives an empty file of this machine to be written, which has its place when the block ends without an error.

    What goes to Cloud Storage waits in this machine's directory for temporary files.
    """
    if not is_remote(place):
        with replacing(place) as temporary:
            yield temporary
        return
    descriptor, name = tempfile.mkstemp(prefix="w2v2-")
    os.close(descriptor)
    try:
        yield Path(name)
        cloud_storage.upload(Path(name), place)
    finally:
        Path(name).unlink(missing_ok=True)


def remove(place: str) -> None:
    """Removes a file, if there is one."""
    if is_remote(place):
        cloud_storage.delete([place])
    else:
        Path(place).unlink(missing_ok=True)


def remove_tree(place: str) -> None:
    """Removes a directory and all that is in it, if there is one."""
    if is_remote(place):
        cloud_storage.delete(join(place, found.name) for found in cloud_storage.list_objects(place))
    else:
        shutil.rmtree(place, ignore_errors=True)


def move_tree(source: str, target: str) -> None:
    """Moves a directory; what was at its new place is replaced.

    Within Cloud Storage, objects are copied there and then deleted; none passes through this machine.
    """
    remove_tree(target)
    if not is_remote(source) and not is_remote(target):
        # Without it the directory could not be renamed, and all that is in it would be copied.
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        return
    copy_tree(source, target)
    remove_tree(source)


def copy_tree(source: str, target: str) -> None:
    """Copies a directory to a new place, of which one at least is in Cloud Storage."""
    copied = [(join(source, entry.path), join(target, entry.path)) for entry in list_tree(source)]
    cloud_storage.each(_copy, copied)


def copy_file(source: str, target: str) -> None:
    """Copies a file to a new place."""
    _copy((source, target))


def _copy(old_and_new: tuple[str, str]) -> None:
    old, new = old_and_new
    if is_remote(old) and is_remote(new):
        cloud_storage.copy(old, new)
    elif is_remote(new):
        cloud_storage.upload(Path(old), new)
    else:
        with replacing(new) as temporary:
            if is_remote(old):
                cloud_storage.download(old, temporary)
            else:
                shutil.copyfile(old, temporary)


def require_free(place: str, marker: str, source: str = "") -> None:
    """Refuses to write to a place that holds something else than an earlier output.

    Args:
      place: Where an output is to be written.
      marker: The file by which an earlier output is known.
      source: What is read; must be another place. Nothing where that is not known yet.

    Raises:
      UsageError: it does.
    """
    if not is_remote(place):
        require_replaceable(place, marker, "" if is_remote(source) else source)
        return
    if place == source:
        raise UsageError(
            f"The output must be another place than the source, and both are {place}; name a new directory."
        )
    if cloud_storage.split_address(place)[1] == "":
        raise UsageError(f"The output must be a directory in a bucket, not the bucket {place} itself.")
    if is_directory(place) and not is_file(join(place, marker)):
        raise UsageError(
            f"The output {place} must be new, empty or an earlier output of this command (with {marker} in it), and"
            " holds something else; name a new directory."
        )
