"""The steps of the job as Beam transforms; the work itself is in plain functions beside this module."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from beam_jobs.librispeech.corpus import Chapter
from beam_jobs.librispeech.recordings import Recordings, read_recordings
from beam_jobs.librispeech.references import Reference, Reject, read_references
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.librispeech.shards import write_shard
from model import progress

_NAMESPACE = "ingest"
REJECTED = "rejected"


@dataclasses.dataclass
class ReadReferences(beam.PTransform):
    """Chapters or manifests → references, keyed by split and shard; what has no place goes to the output `rejected`.

    Attributes:
      root: Of the corpus.
      settings: Of the job.
    """

    root: str
    settings: IngestSettings

    def expand(self, chapters: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `Chapter` and `Recordings`."""
        return chapters | "ReadPart" >> beam.ParDo(_ReadPart(self.root, self.settings)).with_outputs(
            REJECTED, main="references"
        )


class _ReadPart(beam.DoFn):
    def __init__(self, root: str, settings: IngestSettings) -> None:
        self._root = root
        self._settings = settings
        self._read = beam.metrics.Metrics.counter(_NAMESPACE, "utterances_found")
        self._rejected = beam.metrics.Metrics.counter(_NAMESPACE, "rejected_unheard")

    def process(self, part: Chapter | Recordings) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if isinstance(part, Recordings):
            outcomes = read_recordings(part, self._settings)
        else:
            outcomes = read_references(self._root, part, self._settings.transcript_normaliser)
        for outcome in outcomes:
            self._read.inc()
            if isinstance(outcome, Reject):
                self._rejected.inc()
                yield beam.pvalue.TaggedOutput(REJECTED, outcome)
            else:
                yield (outcome.split, outcome.shard(self._settings.num_shards_per_split)), outcome


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """References, keyed by split and shard → finished shards in the staging directory; gives their results.

    Attributes:
      root: Of the corpus.
      staging_dir: Where shards are written.
      settings: Of the job.
      total_shards: For the progress that is shown.
    """

    root: str
    staging_dir: str
    settings: IngestSettings
    total_shards: int

    def expand(self, references: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `((split, shard), Reference)`."""
        return (
            references
            | "GroupByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.root, self.staging_dir, self.settings, self.total_shards))
        )


class _WriteShard(beam.DoFn):
    def __init__(self, root: str, staging_dir: str, settings: IngestSettings, total_shards: int) -> None:
        self._root = root
        self._staging_dir = staging_dir
        self._settings = settings
        self._total = total_shards
        self._written = beam.metrics.Metrics.counter(_NAMESPACE, "written")
        self._rejected = beam.metrics.Metrics.counter(_NAMESPACE, "rejected_heard")
        self._resumed = beam.metrics.Metrics.counter(_NAMESPACE, "shards_resumed")
        self._finished = 0

    def process(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, keyed: tuple[tuple[str, int], Iterable[Reference]]
    ) -> Iterator[dict[str, Any]]:
        (split, shard), references = keyed
        result = write_shard(self._root, self._staging_dir, self._settings, split, shard, references)
        self._written.inc(result["written"])
        self._rejected.inc(len(result["rejects"]))
        self._resumed.inc(int(result["resumed"]))
        self._finished += 1
        progress.report(self._finished, self._total, "shards", f"{split}: {result['written']} utterances")
        yield result
