"""A SavedModel as one file, as hubs serve it."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterable
from pathlib import Path


def write_archive(directory: Path, names: Iterable[str], path: Path) -> None:
    """Writes files into a `.tar.gz` whose bytes depend on their names and content alone.

    Args:
      directory: Where the files lie.
      names: Their paths below it, which are also their names in the archive.
      path: The archive.
    """
    files = sorted(names)
    folders = sorted({parent.as_posix() for name in files for parent in Path(name).parents} - {"."})
    with (
        open(path, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (directory / name).stat().st_size, 0o644
            with open(directory / name, "rb") as file:
                archive.addfile(entry, file)
