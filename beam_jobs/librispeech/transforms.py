"""The steps of the job as Beam transforms; the work itself is in plain functions beside this module."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from beam_jobs.librispeech.parts import Part, PlannedPart, ShardKey, read_part, write_plan
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.librispeech.shards import write_shard
from model.speech_progress import SpeechMeter

PLANNED = "planned"

_NAMESPACE = "ingest"


@dataclasses.dataclass
class ReadReferences(beam.PTransform):
    """Chapters, a manifest or a folder → references, keyed by split and shard; `planned` has what they add up to.

    Attributes:
      root: Of the corpus.
      settings: Of the job.
      num_shards: Files of each split.
    """

    root: str
    settings: IngestSettings
    num_shards: Mapping[str, int]

    def expand(self, parts: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `Chapter`, `Recordings` and `Folder`."""
        return parts | "ReadPart" >> beam.ParDo(_ReadPart(self.root, self.settings, self.num_shards)).with_outputs(
            PLANNED, main="references"
        )


class _ReadPart(beam.DoFn):
    def __init__(self, root: str, settings: IngestSettings, num_shards: Mapping[str, int]) -> None:
        self._root = root
        self._settings = settings
        self._num_shards = dict(num_shards)
        self._read = beam.metrics.Metrics.counter(_NAMESPACE, "utterances_found")
        self._rejected = beam.metrics.Metrics.counter(_NAMESPACE, "rejected_unheard")
        self._meter: SpeechMeter | None = None

    def setup(self) -> None:
        # Not pickled with the rest: each worker has its own.
        self._meter = SpeechMeter(self._settings.sample_rate_hz)

    def process(self, part: Part) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self._meter is not None
        references: collections.Counter[ShardKey] = collections.Counter()
        rejects: list[Reject] = []
        for outcome in read_part(self._root, part, self._settings, self._num_shards):
            self._read.inc()
            if isinstance(outcome, Reject):
                self._rejected.inc()
                self._meter.rejected()
                rejects.append(outcome)
            else:
                references[outcome[0]] += 1
                yield outcome
        yield beam.pvalue.TaggedOutput(PLANNED, PlannedPart(references, tuple(rejects)))


@dataclasses.dataclass
class WritePlan(beam.PTransform):
    """Planned parts → one small file: how many references each shard gets, and what is rejected without listening.

    Attributes:
      path: Of the file.
    """

    path: str

    def expand(self, parts: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `PlannedPart`."""
        return parts | "CollectParts" >> beam.combiners.ToList() | "WriteFile" >> beam.ParDo(_WritePlan(self.path))


class _WritePlan(beam.DoFn):
    def __init__(self, path: str) -> None:
        self._path = path

    def process(self, parts: list[PlannedPart]) -> Iterable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        write_plan(self._path, parts)
        return ()


@dataclasses.dataclass
class WriteShards(beam.PTransform):
    """References, keyed by split and shard → finished shards in the staging directory; gives nothing.

    Attributes:
      root: Where the relative paths of recordings begin.
      staging_dir: Where shards are written.
      settings: Of the job.
      num_shards: Files of each split.
    """

    root: str
    staging_dir: str
    settings: IngestSettings
    num_shards: Mapping[str, int]

    def expand(self, references: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `((split, shard), Reference)`."""
        return (
            references
            | "GroupByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(_WriteShard(self.root, self.staging_dir, self.settings, self.num_shards))
        )


class _WriteShard(beam.DoFn):
    def __init__(self, root: str, staging_dir: str, settings: IngestSettings, num_shards: Mapping[str, int]) -> None:
        self._root = root
        self._staging_dir = staging_dir
        self._settings = settings
        self._num_shards = dict(num_shards)
        self._written = beam.metrics.Metrics.counter(_NAMESPACE, "written")
        self._rejected = beam.metrics.Metrics.counter(_NAMESPACE, "rejected_heard")
        self._samples = beam.metrics.Metrics.counter(_NAMESPACE, "samples")
        # Of shards that an earlier try had finished.
        self._kept = beam.metrics.Metrics.counter(_NAMESPACE, "kept")
        self._kept_rejected = beam.metrics.Metrics.counter(_NAMESPACE, "kept_rejected")
        self._meter: SpeechMeter | None = None

    def setup(self) -> None:
        self._meter = SpeechMeter(self._settings.sample_rate_hz)

    def process(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, keyed: tuple[ShardKey, Iterable[Reference]]
    ) -> Iterable[None]:
        (split, shard), references = keyed
        result = write_shard(
            self._root,
            self._staging_dir,
            self._settings,
            split,
            shard,
            self._num_shards[split],
            references,
            self._meter,
        )
        if result["resumed"]:
            self._kept.inc(result["read"])
            self._kept_rejected.inc(len(result["rejects"]))
        else:
            self._written.inc(result["written"])
            self._rejected.inc(len(result["rejects"]))
            self._samples.inc(result["samples"])
        return ()
