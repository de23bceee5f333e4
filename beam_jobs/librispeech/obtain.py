"""From what a person names as a corpus to a directory or a manifest that a job can read."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from beam_jobs import cloud_storage, places
from beam_jobs.librispeech.archives import ARCHIVE_NAME, ARCHIVE_SUFFIXES, find_archives, unpack_archive
from beam_jobs.librispeech.published import PUBLISHED, subsets_of
from model import progress

# Of a corpus that was unpacked in Cloud Storage: the last to be written, says from what.
NOTE_FILE = ".unpacked.json"


@dataclasses.dataclass(frozen=True)
class ObtainedCorpus:
    """A corpus that can be read.

    Attributes:
      root: Its directory, or the manifest of own recordings; a path, or an address in Cloud Storage.
      subsets: The subsets that were asked for by name; none for all.
    """

    root: str
    subsets: tuple[str, ...] = ()


def named_subsets(source: str) -> tuple[str, ...]:
    """Returns the subsets of LibriSpeech that a text names, such as `train-clean-100,test-clean`; none for a path.

    Raises:
      UsageError: one of several names is no subset.
    """
    names = [name.strip() for name in source.split(",")]
    if Path(source).expanduser().exists() or not any(name in PUBLISHED for name in names):
        return ()
    return subsets_of(source)


def obtain_corpus(source: str, corpora_dir: str | Path) -> ObtainedCorpus:
    """Downloads and unpacks what has to be.

    Args:
      source: Subsets of LibriSpeech by name, an archive of one, a directory of archives, the directory of a corpus, or
        a manifest of own recordings. A path, or an address in Cloud Storage.
      corpora_dir: Gets what is downloaded and unpacked; what is there already is not fetched again. Where it is an
        address in Cloud Storage, archives are unpacked in this machine's directory for temporary files, and go there
        from it.

    Raises:
      UsageError: a name is no subset, or an address is of another kind than `gs://`.
      DataError: an archive is damaged, or is not what was published.
      TryAgainError: the network failed; what has arrived is kept.
      DiskFullError: there is no room.
    """
    from beam_jobs.librispeech.download import download_subsets

    place = places.absolute(corpora_dir)
    subsets = named_subsets(source)
    if subsets:
        # In Cloud Storage each choice of subsets has a place of its own: another job may be reading.
        key = hashlib.sha256(",".join(sorted(subsets)).encode()).hexdigest()[:8]
        target = places.join(place, f"librispeech-{key}" if places.is_remote(place) else "librispeech")
        with _unpacking_place(target, ",".join(sorted(subsets))) as local:
            if local is not None:
                for subset, archive in zip(subsets, download_subsets(subsets, local), strict=True):
                    unpack_archive(archive, local, subset)
        return ObtainedCorpus(target, subsets)
    path = places.absolute(source)
    archives = _remote_archives(path) if places.is_remote(path) else tuple(map(str, find_archives(path)))
    if not archives:
        return ObtainedCorpus(path)
    # Two archives of one name are two corpora.
    key = hashlib.sha256("\0".join(archives).encode()).hexdigest()[:8]
    target = places.join(place, f"{places.name_of(path).split('.')[0]}-{key}")
    identity = "\n".join(f"{archive} {stamp}" for archive, stamp in zip(archives, places.stamps(archives), strict=True))
    with _unpacking_place(target, identity) as local:
        if local is not None:
            for archive in archives:
                _unpack(archive, local)
    return ObtainedCorpus(target)


def _remote_archives(address: str) -> tuple[str, ...]:
    """Returns the archives at an address or directly below it, as `find_archives` does for paths."""
    if address.endswith(ARCHIVE_SUFFIXES):
        return (address,) if places.is_file(address) else ()
    return tuple(places.join(address, name) for name in places.list_names(address) if re.fullmatch(ARCHIVE_NAME, name))


def _unpack(archive: str, local: Path) -> None:
    if not places.is_remote(archive):
        unpack_archive(archive, local)
        return
    found = cloud_storage.describe(archive)
    identity = f"{archive} {found.generation}" if found else ""
    with places.open_stream(archive) as stream:
        unpack_archive(stream, local, name=archive, identity=identity)


@contextlib.contextmanager
def _unpacking_place(target: str, identity: str) -> Iterator[Path | None]:
    """Gives the directory of this machine to unpack to; None where the target holds what was unpacked before.

    What is unpacked for Cloud Storage is uploaded when the block ends, and a note of its identity last.
    """
    if not places.is_remote(target):
        yield Path(target)
        return
    note = places.join(target, NOTE_FILE)
    if places.is_file(note) and places.read_json(note) == {"identity": identity}:
        yield None
        return
    # Named by the target, so that a download that broke off is gone on with.
    key = hashlib.sha256(target.encode()).hexdigest()[:16]
    local = Path(tempfile.gettempdir()) / f"w2v2-{PurePosixPath(target).name}-{key}"
    yield local
    progress.emit("stage", {"text": f"Uploading to {target}"})
    places.remove_tree(target)
    cloud_storage.upload_tree(local / "LibriSpeech", places.join(target, "LibriSpeech"))
    places.write_json(note, {"identity": identity})
    places.remove_tree(str(local))
