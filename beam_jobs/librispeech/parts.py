"""The parts of a corpus, and what each of them holds before anything is listened to."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from beam_jobs import places
from beam_jobs.librispeech.corpus import Chapter, CorpusSummary
from beam_jobs.librispeech.folder import Folder, read_folder
from beam_jobs.librispeech.recordings import Recordings, read_recordings
from beam_jobs.librispeech.references import Reference, Reject, read_references, read_sounds
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError

Part = Chapter | Recordings | Folder
ShardKey = tuple[str, int]
"""A split, and the number of one of its shards."""


@dataclasses.dataclass(frozen=True)
class PlannedPart:
    """What the references of one part of a corpus add up to.

    Attributes:
      references: How many there are, by split and shard.
      rejects: What has become no reference.
    """

    references: Mapping[ShardKey, int]
    rejects: tuple[Reject, ...]


def parts_of(corpus: CorpusSummary) -> list[Part]:
    """Returns what is read by itself: a manifest, a folder, or each chapter."""
    if corpus.layout == "manifest":
        return [Recordings(corpus.root)]
    return [Folder(corpus.root)] if corpus.layout == "folder" else list(corpus.chapters)


def read_part(
    root: str, part: Part, settings: IngestSettings, num_shards: Mapping[str, int]
) -> Iterator[tuple[ShardKey, Reference] | Reject]:
    """Yields each reference of a part with the shard that it lands in, and each reject.

    Args:
      root: Of the corpus.
      part: One of it.
      settings: Of the job.
      num_shards: Files of each split.

    Raises:
      DataError: a split is new since the corpus was looked at.
    """
    if isinstance(part, Recordings):
        outcomes = read_recordings(part, settings)
    elif isinstance(part, Folder):
        outcomes = read_folder(part, settings)
    elif not settings.needs_transcripts:
        outcomes = read_sounds(root, part)
    else:
        keep_lossy = settings.manifest.keep_lossy_transcripts
        outcomes = read_references(root, part, settings.normalise, keep_lossy)
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            yield outcome
        else:
            yield (outcome.split, outcome.shard(_num_shards(num_shards, outcome))), outcome


def write_plan(path: str, parts: Iterable[PlannedPart]) -> None:
    """Writes how many references each shard gets, and what is rejected without listening, to one small file."""
    references: collections.Counter[ShardKey] = collections.Counter()
    rejects: list[Reject] = []
    for part in parts:
        references.update(part.references)
        rejects += part.rejects
    plan = {
        "references": [[split, shard, count] for (split, shard), count in sorted(references.items())],
        "rejects": [dataclasses.asdict(reject) for reject in rejects],
    }
    places.write_json(path, plan)


def _num_shards(by_split: Mapping[str, int], reference: Reference) -> int:
    if reference.split not in by_split:
        raise DataError(
            f"A corpus must stay as it is while it is read, and the split {reference.split} of {reference.utterance_id}"
            " is new; run again."
        )
    return by_split[reference.split]
