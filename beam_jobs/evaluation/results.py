"""What workers write of the batches that they have heard, and how it is read again.

heard/batch-NNNNNN.jsonl   an utterance a line
probes/batch-NNNNNN-K.npz  of the utterance at place K of the batch: its sound, and text and logits of each way

A batch that is heard twice, as an engine may do after a failure, writes the same files twice.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs import places
from beam_jobs.evaluation.batches import Batch
from beam_jobs.evaluation.heard import HeardBy, HeardUtterance, Sound
from model.errors import WorkerError

_HEARD = "heard"
_PROBES = "probes"


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """An utterance whose sound and logits are kept.

    Attributes:
      utterance_id: Its id.
      split: Of the examples.
      waveform: float32 `[samples]`.
      by_way: What each way made of it, by the way's name.
    """

    utterance_id: str
    split: str
    waveform: np.ndarray[Any, Any]
    by_way: Mapping[str, Sound]


def clear(working_dir: str) -> None:
    """Removes what an earlier job has left in its directory."""
    for name in (_HEARD, _PROBES):
        places.remove_tree(places.join(working_dir, name))


def write_batch(working_dir: str, batch: Batch, heard: Sequence[HeardUtterance]) -> None:
    """Writes what was heard of a batch, all of it or nothing."""
    lines = (json.dumps(dataclasses.asdict(one), ensure_ascii=False) + "\n" for one in heard)
    places.write_bytes(_batch_file(working_dir, batch.number), "".join(lines).encode())


def write_probe(working_dir: str, batch: Batch, place: int, probe: Probe) -> None:
    """Writes a probe."""
    arrays = {
        "utterance_id": np.array(probe.utterance_id),
        "split": np.array(probe.split),
        "waveform": probe.waveform,
        "ways": np.array(list(probe.by_way)),
        "texts": np.array([sound.text for sound in probe.by_way.values()]),
        "seconds": np.array([sound.seconds for sound in probe.by_way.values()]),
        **{f"logits_{number}": sound.logits for number, sound in enumerate(probe.by_way.values())},
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    name = f"batch-{batch.number:06d}-{place}.npz"
    places.write_bytes(places.join(working_dir, _PROBES, name), content.getvalue())


def finished_batches(working_dir: str) -> set[int]:
    """Returns the numbers of the batches that are written."""
    names = places.list_names(places.join(working_dir, _HEARD))
    return {int(name.removeprefix("batch-").removesuffix(".jsonl")) for name in names if name.startswith("batch-")}


def read_heard(working_dir: str, batches: Sequence[Batch], splits: Sequence[str]) -> list[HeardUtterance]:
    """Returns what was heard of every utterance, by split, in the order given, and then by id.

    Raises:
      WorkerError: an utterance is missing.
    """
    found: list[HeardUtterance] = []
    written = finished_batches(working_dir)
    for batch in batches:
        lines = places.read_bytes(_batch_file(working_dir, batch.number)) if batch.number in written else b""
        read = [_from_line(line) for line in lines.split(b"\n") if line]
        if len(read) != len(batch.references):
            raise WorkerError(
                f"The job must hear every utterance, and of batch {batch.number} it has heard {len(read)} of"
                f" {len(batch.references)}; run it again."
            )
        found += read
    order = {split: place for place, split in enumerate(splits)}
    return sorted(found, key=lambda one: (order[one.split], one.utterance_id))


def read_probes(working_dir: str) -> list[Probe]:
    """Returns the probes that a job has kept, the longest utterance first."""
    directory = places.join(working_dir, _PROBES)
    probes: list[Probe] = []
    for name in places.list_names(directory):
        content = places.read_bytes(places.join(directory, name))
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            heard = zip(arrays["ways"], arrays["texts"], arrays["seconds"], strict=True)
            by_way = {
                str(way): Sound(str(text), arrays[f"logits_{number}"], float(seconds))
                for number, (way, text, seconds) in enumerate(heard)
            }
            probes.append(Probe(str(arrays["utterance_id"]), str(arrays["split"]), arrays["waveform"], by_way))
    return sorted(probes, key=lambda one: (-len(one.waveform), one.utterance_id))


def _from_line(line: bytes) -> HeardUtterance:
    value = json.loads(line)
    by_way = {name: HeardBy(**heard) for name, heard in value.pop("by_way").items()}
    return HeardUtterance(**value, by_way=by_way)


def _batch_file(working_dir: str, number: int) -> str:
    return places.join(working_dir, _HEARD, f"batch-{number:06d}.jsonl")
