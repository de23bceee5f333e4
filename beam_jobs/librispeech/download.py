"""Downloads the published archives of LibriSpeech, and believes none whose MD5 sum is not the published one."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from beam_jobs.librispeech.http_file import fetch_file, note_file
from beam_jobs.librispeech.published import PUBLISHED, PublishedSubset, mirror_url, subsets_of
from beam_jobs.librispeech.transfer import MegabyteProgress, locked, make_place, require_room
from model.errors import DataError, TryAgainError
from model.storage import disk_full_is_said, write_json

# The servers are a gift: more connections than this are no way to thank for it.
MAX_CONNECTIONS = 4

_CHUNK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def download_subset(
    name: str,
    directory: str | Path,
    base_url: str | None = None,
    *,
    sleep: Callable[[float], object] | None = None,
) -> Path:
    """Downloads the archive of one subset; see `download_subsets`."""
    return download_subsets((name,), directory, base_url, connections=1, sleep=sleep)[0]


def download_subsets(
    names: Sequence[str],
    directory: str | Path,
    base_url: str | None = None,
    *,
    connections: int = 2,
    sleep: Callable[[float], object] | None = None,
) -> tuple[Path, ...]:
    """Downloads the archives of subsets of LibriSpeech.

    An archive that is there is not fetched again: its MD5 sum is computed once, and a note beside it
    (`<archive>.verified.json`) says for which size and modification time that was. A download that broke off goes on
    where it was, also in another process; two processes that want the same archive wait for each other.

    Args:
      names: Of subsets, such as `test-clean`.
      directory: Gets `<name>.tar.gz`.
      base_url: A mirror; else the environment variable W2V2_LIBRISPEECH_URL, else OpenSLR.
      connections: How many at a time, 4 at most.
      sleep: Waits some seconds between attempts; for tests.

    Returns:
      The paths of the archives, in the order of the names, each once.

    Raises:
      UsageError: a name is no subset, the mirror does not have it, or the directory cannot be written to.
      DataError: what was fetched is not what was published; it is removed. What lay there before is left alone.
      TryAgainError: the network failed time and again; what has arrived is kept.
      DiskFullError: there is no room.
    """
    url = mirror_url(base_url)
    subsets = [PUBLISHED[name] for name in subsets_of(",".join(names))]
    place = Path(directory).expanduser()
    with disk_full_is_said(place):
        make_place(place)
        require_room(place, sum(_missing_bytes(place, subset) for subset in subsets))
        job = _Job(url, place, MegabyteProgress(sum(subset.archive_bytes for subset in subsets)), sleep)
        workers = max(1, min(connections, MAX_CONNECTIONS, len(subsets)))
        with concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="download") as pool:
            futures = {subset.name: pool.submit(job.obtain, subset) for subset in subsets}
            try:
                for future in concurrent.futures.as_completed(futures.values()):
                    future.result()
            finally:
                # After an error or Ctrl-C: the others stop at their next piece, and go on another time.
                job.stop.set()
                for future in futures.values():
                    future.cancel()
        return tuple(future.result() for future in futures.values())


class _Job:
    """What the downloads of one call share.

    Args:
      url: The mirror, with a slash at its end.
      place: The directory of the archives.
      progress: Of all of them together.
      sleep: Waits some seconds; by default until `stop` is set at most.
    """

    def __init__(
        self, url: str, place: Path, progress: MegabyteProgress, sleep: Callable[[float], object] | None
    ) -> None:
        self.stop = threading.Event()
        self._url = url
        self._place = place
        self._progress = progress
        self._sleep = sleep or self.stop.wait

    def obtain(self, subset: PublishedSubset) -> Path:
        """Returns the verified archive of a subset, after fetching it where it is not there."""
        archive = self._place / subset.archive
        if not _is_verified(archive, subset):
            with locked(self._place / f".{subset.archive}.lock", lambda seconds: self._wait(subset, seconds)):
                # Whoever held the lock before may have done it.
                if not _is_verified(archive, subset):
                    if archive.exists():
                        self._check_present(archive, subset)
                    else:
                        self._fetch(archive, subset)
                    self._note(archive, subset)
        self._progress.at(subset.name, subset.archive_bytes, f"{subset.archive} is whole", last=True)
        return archive

    def _check_present(self, archive: Path, subset: PublishedSubset) -> None:
        if archive.is_file() and archive.stat().st_size == subset.archive_bytes:
            found = self._md5(archive, subset)
        else:
            found = "none, being of another size"
        if found != subset.archive_md5:
            raise DataError(
                f"{archive} must be the published archive of {subset.name}, whose MD5 sum is {subset.archive_md5}, and"
                f" its sum is {found}; remove it or move it away, and run again to download it."
            )

    def _fetch(self, archive: Path, subset: PublishedSubset) -> None:
        part = archive.with_name(archive.name + ".part")
        url = self._url + subset.archive
        text = f"downloading {subset.archive}"
        fetch_file(
            url,
            part,
            subset.archive_bytes,
            sleep=self._pause,
            advanced=lambda held: self._advance(subset, held, text),
            begins_with=_GZIP_MAGIC,
        )
        found = self._md5(part, subset)
        if found != subset.archive_md5:
            part.unlink()
            note_file(part).unlink(missing_ok=True)
            raise DataError(
                f"{url} must have the published MD5 sum {subset.archive_md5}, and what arrived has {found}; it was"
                " removed: run again to download it again, from another mirror if this happens twice."
            )
        # The note that it is whole must not outlive the content, should the power fail.
        descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(archive)
        note_file(part).unlink(missing_ok=True)

    def _md5(self, path: Path, subset: PublishedSubset) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                self._advance(subset, subset.archive_bytes, f"checking the sum of {subset.archive}")
        return digest.hexdigest()

    def _note(self, archive: Path, subset: PublishedSubset) -> None:
        status = archive.stat()
        write_json(
            _verified_file(archive),
            {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "md5": subset.archive_md5},
        )

    def _advance(self, subset: PublishedSubset, done_bytes: int, text: str) -> None:
        self._require_going_on()
        self._progress.at(subset.name, done_bytes, text)

    def _wait(self, subset: PublishedSubset, seconds: float) -> None:
        self._progress.at(subset.name, 0, f"another process is downloading {subset.archive}")
        self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
        self._require_going_on()

    def _require_going_on(self) -> None:
        if self.stop.is_set():
            raise TryAgainError("The download was stopped, because another one failed; run again.")


def _verified_file(archive: Path) -> Path:
    return archive.with_name(archive.name + ".verified.json")


def _is_verified(archive: Path, subset: PublishedSubset) -> bool:
    """Says whether the very file that lies there was verified before, without reading it again."""
    try:
        status = archive.stat()
        note = json.loads(_verified_file(archive).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return status.st_size == subset.archive_bytes and note == {
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "md5": subset.archive_md5,
    }


def _missing_bytes(place: Path, subset: PublishedSubset) -> int:
    if (place / subset.archive).exists():
        return 0
    part = place / f"{subset.archive}.part"
    held = part.stat().st_size if part.exists() and note_file(part).exists() else 0
    return max(0, subset.archive_bytes - held)
