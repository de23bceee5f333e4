"""The whole job: examples and a release in, what was heard of every utterance out."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs import places
from beam_jobs.evaluation.batches import DEFAULT_BATCH_SAMPLES, Batch, plan_batches
from beam_jobs.evaluation.example_splits import INFO_FILE
from beam_jobs.evaluation.heard import HeardUtterance, Way
from beam_jobs.evaluation.hearing import hear_batch
from beam_jobs.evaluation.listener import require_possible
from beam_jobs.evaluation.results import clear, read_heard
from beam_jobs.evaluation.worker import LocalListener, Meter
from beam_jobs.in_process import direct_pipeline
from model import progress
from model.beam_search import BeamSearchSettings
from model.errors import ConfigurationError, DataError
from model.record_index import RecordIndex, read_index
from model.settings import require

# What workers on other machines need besides what ingest needs.
WORKER_NEEDS = ("tensorflow", "onnxruntime")
_LANGUAGE_MODEL_NEEDS = ("pyctcdecode", "kenlm")


def hear(
    examples_dir: str | Path,
    splits: Sequence[str],
    release_dir: str | Path,
    ways: Sequence[Way],
    make_pipeline: Callable[[], Any] | None = direct_pipeline,
    *,
    working_dir: str | Path,
    batch_samples: int = DEFAULT_BATCH_SAMPLES,
    num_probes: int = 0,
    stage: str = "",
    beam_search: BeamSearchSettings | None = None,
) -> list[HeardUtterance]:
    """Runs a release over the utterances of some splits, in every way.

    What crosses the workers is where records lie; each reads the sound itself, has one model per process, and writes
    what it heard to the working directory.

    Args:
      examples_dir: What ingest wrote: `Split-<name>/` with shards of utterance records. It, the release and the working
        directory are paths of this machine or addresses in Cloud Storage, `gs://…`.
      splits: Names of splits, each once. One without a shard, as of an empty subset, has no utterance.
      release_dir: What ReleaseExporter wrote, or a published version of one format.
      ways: How it is run; logits are compared with those of the first.
      make_pipeline: Makes the Beam pipeline, with the options of the engine; None does the work in this process,
        without Beam.
      working_dir: A directory for this job alone; what an earlier one has left there is removed. `results.read_probes`
        reads the probes there.
      batch_samples: Samples in a batch at most, padding included.
      num_probes: Of how many utterances sound and logits are kept, spread over all lengths.
      stage: What the progress is called.
      beam_search: For ways that decode by beam search.

    Returns:
      Each utterance, by split, in the order given, and then by its id.

    Raises:
      DataError: a shard is damaged, or a record is no utterance.
      ReleaseError: the release holds no such model, or it cannot be run.
      ConfigurationError: a way is not possible, or two have one name.
      WorkerError: an engine has lost utterances.
      TryAgainError: the memory or the disk is full, or Cloud Storage does not answer.
    """
    _require_ways(ways, beam_search)
    require(batch_samples >= 1, f"batch_samples must be at least 1, not {batch_samples}.")
    require(len(set(splits)) == len(splits), f"Each split must be named once, not {', '.join(splits)}.")
    examples, release, working = (places.absolute(place) for place in (examples_dir, release_dir, working_dir))
    if beam_search is not None:
        beam_search = dataclasses.replace(beam_search, language_model=places.absolute(beam_search.language_model))
    batches = plan_batches(_read_indices(examples, splits), batch_samples, num_probes)
    clear(working)
    utterances = {batch.number: len(batch.references) for batch in batches}
    if batches and make_pipeline is None:
        _hear_without_beam(batches, release, ways, beam_search, working, utterances, stage)
    elif batches and make_pipeline is not None:
        import apache_beam as beam

        from beam_jobs import engines
        from beam_jobs.evaluation.transforms import HearBatches

        pipeline = make_pipeline()
        _ = (
            pipeline
            # Reshuffled, so that many workers take them.
            | "Batches" >> beam.Create(batches)
            | "HearBatches" >> HearBatches(release, tuple(ways), beam_search, working, utterances, stage)
        )
        total = sum(utterances.values())
        needs = WORKER_NEEDS + (() if beam_search is None else _LANGUAGE_MODEL_NEEDS)
        reached = (examples, release, working, *(() if beam_search is None else (beam_search.language_model,)))
        engines.run(pipeline, "evaluate", reached, functools.partial(_tell, total, stage), needs)
    return read_heard(working, batches, splits)


def _hear_without_beam(
    batches: Sequence[Batch],
    release: str,
    ways: Sequence[Way],
    beam_search: BeamSearchSettings | None,
    working: str,
    utterances: Mapping[int, int],
    stage: str,
) -> None:
    """Does what the pipeline does, one batch after another."""
    opened = LocalListener(release, beam_search)
    for batch in batches:
        meter = Meter(working, utterances, batch.number, stage)
        hear_batch(opened.listener, ways, batch, working, meter.tell)
        meter.tell(1.0)


def _require_ways(ways: Sequence[Way], beam_search: BeamSearchSettings | None) -> None:
    require(bool(ways), "A release must be heard in one way at least, and none is named.")
    names = [way.name for way in ways]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"Each way must have a name of its own, and the names are {', '.join(names)}.")
    for way in ways:
        require_possible(way, beam_search)


def _read_indices(examples: str, splits: Sequence[str]) -> dict[str, RecordIndex]:
    found: dict[str, RecordIndex] = {}
    for split in splits:
        directory = places.join(examples, f"Split-{split}")
        if not places.is_directory(directory) and not _is_known_to_be_empty(examples, split):
            raise DataError(
                f"The examples {examples} must have the split {split}, and have no Split-{split}; name one that they"
                " have."
            )
        files = [places.join(directory, name) for name in places.list_names(directory)]
        if files:
            found[split] = read_index(files, split, places.open_file)
    return found


def _is_known_to_be_empty(examples: str, split: str) -> bool:
    """Tells whether ingest has counted no utterance in a split: in Cloud Storage it has no directory then."""
    place = places.join(examples, INFO_FILE)
    told = places.read_json(place).get("splits", {}) if places.is_file(place) else {}
    return told.get(split, {}).get("utterances") == 0


def _tell(total: int, stage: str, counters: Mapping[str, int]) -> None:
    """Tells how far a job is whose workers cannot tell it themselves."""
    progress.report(counters.get("utterances_heard", 0), total, "utterances", stage)
