"""Hears one batch in every way: records in, results out; what a worker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from beam_jobs import places
from beam_jobs.evaluation.batches import Batch
from beam_jobs.evaluation.heard import HeardBy, HeardUtterance, Sound, Way
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.results import Probe, write_batch, write_probe
from model.audio import SAMPLE_RATE_HZ, to_float
from model.errors import DataError
from model.examples import Utterance, decode
from model.record_index import read_record


def hear_batch(
    listener: Listener,
    ways: Sequence[Way],
    batch: Batch,
    working_dir: str,
    tell: Callable[[float], None] = lambda _: None,
) -> None:
    """Reads the utterances of a batch, hears them in each way, and writes what was heard.

    Args:
      listener: The models.
      ways: The first is the one that logits of the others are compared with.
      batch: Where the records lie.
      working_dir: Gets the results.
      tell: Is called now and then with the share of the work on the batch that is done.

    Raises:
      DataError: a record is damaged, or is no utterance at 16 kHz.
      ReleaseError: the release cannot be run.
    """
    utterances = [_read(reference.file, reference.offset, reference.size_bytes) for reference in batch.references]
    waveforms = [to_float(utterance.samples) for utterance in utterances]
    by_way = _hear(listener, ways, waveforms, tell)
    first = by_way[ways[0].name]
    for place in batch.probes:
        sounds = {name: heard[place] for name, heard in by_way.items()}
        probe = Probe(utterances[place].utterance_id, batch.references[place].split, waveforms[place], sounds)
        write_probe(working_dir, batch, place, probe)
    heard = [
        HeardUtterance(
            utterance_id=utterance.utterance_id,
            split=reference.split,
            subset=utterance.subset,
            speaker_id=utterance.speaker_id,
            gender=utterance.gender,
            num_samples=len(utterance.samples),
            reference=utterance.transcript,
            by_way={
                name: HeardBy(one[place].text, logit_difference(one[place], first[place]), one[place].seconds)
                for name, one in by_way.items()
            },
        )
        for place, (utterance, reference) in enumerate(zip(utterances, batch.references, strict=True))
    ]
    write_batch(working_dir, batch, heard)


def logit_difference(one: Sound, other: Sound) -> float:
    """Returns the largest absolute difference of logits; infinite where shapes differ or a logit is no number."""
    if one.logits.shape != other.logits.shape:
        return float("inf")
    if not one.logits.size:
        return 0.0
    largest = float(np.abs(one.logits.astype(np.float64) - other.logits).max())
    return largest if np.isfinite(largest) else float("inf")


def _hear(
    listener: Listener, ways: Sequence[Way], waveforms: Sequence[np.ndarray[Any, Any]], tell: Callable[[float], None]
) -> dict[str, list[Sound]]:
    by_way: dict[str, list[Sound]] = {}
    # Ways that differ in the decoder alone share the logits.
    by_model: dict[tuple[Any, ...], list[Sound]] = {}
    for number, way in enumerate(ways):
        key = (way.kind, way.alone, way.pad_to_samples)
        if way.decoder == "beam_search" and key in by_model:
            sounds = listener.decode(way, by_model[key])
        elif way.alone:
            sounds = []
            for done, waveform in enumerate(waveforms, start=1):
                sounds += listener.hear(way, [waveform])
                tell((number + done / len(waveforms)) / len(ways))
        else:
            sounds = listener.hear(way, waveforms)
        if way.decoder == "greedy":
            by_model.setdefault(key, sounds)
        by_way[way.name] = sounds
        tell((number + 1) / len(ways))
    return by_way


def _read(file: str, offset: int, size_bytes: int) -> Utterance:
    record = read_record(file, offset, size_bytes, places.open_file)
    try:
        utterance = decode(record)
    except DataError as error:
        raise DataError(f"{file} must hold utterance records, and at byte {offset} does not: {error}") from error
    if utterance.sample_rate_hz != SAMPLE_RATE_HZ:
        raise DataError(
            f"The utterance {utterance.utterance_id} must have {SAMPLE_RATE_HZ} samples a second, and has"
            f" {utterance.sample_rate_hz}; ingest the corpus again."
        )
    return utterance
