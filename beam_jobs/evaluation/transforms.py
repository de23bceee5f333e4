"""The step of the job as a Beam transform; the work itself is in plain functions beside this module."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared

from beam_jobs import places
from beam_jobs.evaluation.batches import Batch
from beam_jobs.evaluation.heard import Way
from beam_jobs.evaluation.hearing import hear_batch
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.results import finished_batches
from model import progress
from model.beam_search import BeamSearchSettings

_NAMESPACE = "evaluation"
_REPORT_SECONDS = 1.0


@dataclasses.dataclass
class HearBatches(beam.PTransform):
    """Batches of references → files of what was heard; gives nothing, so that neither sound nor logits are shuffled.

    Attributes:
      release_dir: The release: a path, or a `gs://` address, which each process copies once.
      ways: In which each utterance is heard.
      beam_search: For ways that decode so.
      working_dir: Gets the results.
      utterances: How many each batch has, by its number, for the progress.
      stage: What the progress is called.
    """

    release_dir: str
    ways: tuple[Way, ...]
    beam_search: BeamSearchSettings | None
    working_dir: str
    utterances: Mapping[int, int]
    stage: str

    def expand(self, batches: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Applies the transform to a collection of `Batch`."""
        return batches | "HearBatch" >> beam.ParDo(_HearBatch(self))


class _HearBatch(beam.DoFn):
    def __init__(self, step: HearBatches) -> None:
        self._release_dir, self._ways, self._beam_search = step.release_dir, step.ways, step.beam_search
        self._working_dir, self._stage = step.working_dir, step.stage
        self._utterances = dict(step.utterances)
        # All DoFns of a process have one listener, whatever their number.
        self._shared = Shared()
        self._listener: _LocalListener | None = None
        self._heard = beam.metrics.Metrics.counter(_NAMESPACE, "utterances_heard")
        self._samples = beam.metrics.Metrics.counter(_NAMESPACE, "samples")

    def setup(self) -> None:
        self._listener = self._shared.acquire(self._open)

    def process(self, batch: Batch) -> Iterable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self._listener is not None
        meter = _Meter(self._working_dir, self._utterances, batch.number, self._stage)
        hear_batch(self._listener.listener, self._ways, batch, self._working_dir, meter.tell)
        meter.tell(1.0)
        self._heard.inc(len(batch.references))
        self._samples.inc(sum(reference.num_samples for reference in batch.references))
        return ()

    def _open(self) -> _LocalListener:
        return _LocalListener(self._release_dir, self._beam_search)


class _LocalListener:
    """A listener, and the copies of what it reads that lies in Cloud Storage, which are gone when it is."""

    def __init__(self, release_dir: str, beam_search: BeamSearchSettings | None) -> None:
        if places.is_remote(release_dir):
            copy = self._new_directory() / "release"
            places.copy_tree(release_dir, str(copy))
            release_dir = str(copy)
        if beam_search is not None and places.is_remote(beam_search.language_model):
            copy = self._new_directory() / places.name_of(beam_search.language_model)
            places.copy_file(beam_search.language_model, str(copy))
            beam_search = dataclasses.replace(beam_search, language_model=str(copy))
        self.listener = Listener(release_dir, beam_search)

    def _new_directory(self) -> Path:
        directory = tempfile.mkdtemp(prefix="w2v2-")
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        return Path(directory)


class _Meter:
    """Reports how far all workers of this machine are, as far as one of them can know.

    What is finished is seen by the files that are there; of what is under way, a worker knows its own batch.
    """

    def __init__(self, working_dir: str, utterances: Mapping[int, int], number: int, stage: str) -> None:
        self._working_dir, self._utterances, self._number, self._stage = working_dir, utterances, number, stage
        self._total = sum(utterances.values())
        self._reported = time.monotonic()

    def tell(self, share: float) -> None:
        """Takes the share of the batch that is done."""
        if places.is_remote(self._working_dir):
            # The workers of other machines have nobody to tell; the engine counts for them.
            return
        now = time.monotonic()
        if share < 1.0 and now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        finished = finished_batches(self._working_dir) - {self._number}
        done = sum(self._utterances[number] for number in finished) + share * self._utterances[self._number]
        progress.report(int(done), self._total, "utterances", self._stage)
