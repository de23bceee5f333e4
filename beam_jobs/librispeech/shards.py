"""Writing one shard: decode, check, encode, under a temporary name, then rename."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from beam_jobs.librispeech.profile import Profile
from beam_jobs.librispeech.record_file import RecordFile
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from model.audio import SAMPLE_RATE_HZ, AudioError, read_any_pcm16, read_pcm16
from model.examples import Utterance, encode_in_pieces
from model.storage import read_json, replacing, write_json

RESULTS_DIRECTORY = "results"


def shard_name(shard: int, num_shards: int) -> str:
    """Returns the name of a shard's file."""
    return f"data_tfrecord-{shard:05d}-of-{num_shards:05d}"


def write_shard(
    root: str, staging_dir: str, settings: IngestSettings, split: str, shard: int, references: Iterable[Reference]
) -> dict[str, Any]:
    """Writes the records of a shard, and beside it a small file that says what is in it.

    A shard whose result is there already is finished, and is left as it is: that is how a killed job goes on.

    Args:
      root: Of the corpus.
      staging_dir: Below it, shards lie in `Split-<split>/` and results in `results/`.
      settings: Of the job.
      split: The split.
      shard: The number of the shard.
      references: Its utterances, in any order.

    Returns:
      The result: counts of all and of each subset, the profile, sha256, and the rejects.
    """
    staging = Path(staging_dir)
    result_path = staging / RESULTS_DIRECTORY / f"{split}-{shard:05d}.json"
    name = shard_name(shard, settings.num_shards_per_split)
    path = staging / f"Split-{split}" / name
    if result_path.is_file() and path.is_file():
        return {**read_json(result_path), "resumed": True}
    rejects: list[Reject] = []
    profile = Profile()
    subsets: dict[str, _SubsetCounts] = {}
    written = samples = words = 0
    seen: set[str] = set()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name is in the staging root: every file in Split-*/ is taken for a finished shard.
    with replacing(staging / f"{split}-{name}") as temporary, _writing(temporary) as stream:
        records = RecordFile(stream)
        for reference in sorted(references, key=lambda item: (item.utterance_id, item.path)):
            if reference.utterance_id in seen:
                rejects.append(_reject(reference, "Its id stands twice in the corpus."))
                continue
            seen.add(reference.utterance_id)
            utterance = _read(root, reference, settings)
            if isinstance(utterance, Reject):
                rejects.append(utterance)
                continue
            records.write(encode_in_pieces(utterance))
            written += 1
            samples += len(utterance.samples)
            words += len(utterance.transcript.split())
            profile.add(utterance)
            subsets.setdefault(utterance.subset, _SubsetCounts()).add(utterance)
    (staging / f"{split}-{name}").replace(path)
    result = {
        "split": split,
        "shard": name,
        "read": written + len(rejects),
        "written": written,
        "samples": samples,
        "words": words,
        "subsets": {name: counts.to_json() for name, counts in sorted(subsets.items())},
        "profile": profile.to_json(),
        "sha256": records.sha256,
        "rejects": [dataclasses.asdict(reject) for reject in rejects],
    }
    write_json(result_path, result)
    return {**result, "resumed": False}


def _writing(empty: Path) -> BinaryIO:
    """Opens an empty file; opened to be truncated, ext4 would not close it before the disk has taken all of it."""
    return io.BufferedWriter(empty.open("r+b", buffering=0))


@dataclasses.dataclass
class _SubsetCounts:
    utterances: int = 0
    samples: int = 0
    words: int = 0
    speakers: set[str] = dataclasses.field(default_factory=set)

    def add(self, utterance: Utterance) -> None:
        self.utterances += 1
        self.samples += len(utterance.samples)
        self.words += len(utterance.transcript.split())
        self.speakers.add(utterance.speaker_id)

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "speakers": sorted(self.speakers)}


def _read(root: str, reference: Reference, settings: IngestSettings) -> Utterance | Reject:
    path = Path(root, reference.path)
    try:
        if reference.any_format:
            samples = read_any_pcm16(path, reference.path, settings.max_samples).samples
            rate_hz = SAMPLE_RATE_HZ
        else:
            samples, rate_hz = read_pcm16(path, reference.path)
    except AudioError as error:
        return _reject(reference, str(error))
    if rate_hz != settings.sample_rate_hz:
        return _reject(reference, f"Its rate must be {settings.sample_rate_hz} Hz, and is {rate_hz} Hz.")
    if len(samples) < settings.min_samples:
        return _reject(reference, f"It must have {settings.min_samples} samples at least, and has {len(samples)}.")
    if len(samples) > settings.max_samples:
        return _reject(reference, f"It must have {settings.max_samples} samples at most, and has {len(samples)}.")
    return Utterance(
        utterance_id=reference.utterance_id,
        speaker_id=reference.speaker_id,
        chapter_id=reference.chapter_id,
        gender=reference.gender,
        subset=reference.subset,
        sample_rate_hz=rate_hz,
        samples=samples,
        transcript=reference.transcript,
    )


def _reject(reference: Reference, reason: str) -> Reject:
    return Reject(reference.utterance_id, reference.path, reason, reference.split)
