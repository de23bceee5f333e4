"""From what a person names as a corpus to a directory or a manifest on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from beam_jobs.librispeech.published import PUBLISHED, subsets_of


@dataclasses.dataclass(frozen=True)
class ObtainedCorpus:
    """A corpus that can be read.

    Attributes:
      root: Its directory, or the manifest of own recordings.
      subsets: The subsets that were asked for by name; none for all.
    """

    root: Path
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
        a manifest of own recordings.
      corpora_dir: Gets what is downloaded and unpacked; what is there already is not fetched again.

    Raises:
      UsageError: a name is no subset.
      DataError: an archive is damaged, or is not what was published.
      TryAgainError: the network failed; what has arrived is kept.
      DiskFullError: there is no room.
    """
    from beam_jobs.librispeech.archives import find_archives, unpack_archive
    from beam_jobs.librispeech.download import download_subsets

    place = Path(corpora_dir)
    subsets = named_subsets(source)
    if subsets:
        target = place / "librispeech"
        for subset, archive in zip(subsets, download_subsets(subsets, target), strict=True):
            unpack_archive(archive, target, subset)
        return ObtainedCorpus(target, subsets)
    path = Path(source).expanduser().resolve()
    archives = find_archives(path)
    if archives:
        # Two archives of one name are two corpora.
        key = hashlib.sha256("\0".join(map(str, archives)).encode()).hexdigest()[:8]
        target = place / f"{path.name.split('.')[0]}-{key}"
        for archive in archives:
            unpack_archive(archive, target)
        return ObtainedCorpus(target)
    return ObtainedCorpus(path)
