"""The step of the job as a Beam transform; the work itself is in plain functions beside this module."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.utils.shared import Shared

from beam_jobs.evaluation.batches import Batch
from beam_jobs.evaluation.heard import Way
from beam_jobs.evaluation.hearing import hear_batch
from beam_jobs.evaluation.worker import LocalListener, Meter
from model.beam_search import BeamSearchSettings

_NAMESPACE = "evaluation"


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
        self._listener: LocalListener | None = None
        self._heard = beam.metrics.Metrics.counter(_NAMESPACE, "utterances_heard")
        self._samples = beam.metrics.Metrics.counter(_NAMESPACE, "samples")

    def setup(self) -> None:
        self._listener = self._shared.acquire(self._open)

    def process(self, batch: Batch) -> Iterable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self._listener is not None
        meter = Meter(self._working_dir, self._utterances, batch.number, self._stage)
        hear_batch(self._listener.listener, self._ways, batch, self._working_dir, meter.tell)
        meter.tell(1.0)
        self._heard.inc(len(batch.references))
        self._samples.inc(sum(reference.num_samples for reference in batch.references))
        return ()

    def _open(self) -> LocalListener:
        return LocalListener(self._release_dir, self._beam_search)
