"""Writing one shard: decode, check, encode, under a temporary name, then rename."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from beam_jobs import cloud_storage, places
from beam_jobs.librispeech.manifest import ABSOLUTE
from beam_jobs.librispeech.profile import Profile
from beam_jobs.librispeech.record_file import RecordFile
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.settings import IngestSettings
from model.audio import SAMPLE_RATE_HZ, AudioError, read_any_pcm16, read_pcm16
from model.examples import Utterance, encode_in_pieces
from model.speech_progress import SpeechMeter
from model.storage import sha256_of_file

_RESULTS_DIRECTORY = "results"
# What is fetched is held in memory, `AT_ONCE` objects at the same time. 35 s of the densest sound that people record
# have less: 192 kHz, two channels, 32 bits.
_MAX_OBJECT_BYTES = 64 << 20


# The path of a file of this machine, the content of an object, or why there is none.
_Source = str | bytes | cloud_storage.TooLargeError | None


def shard_name(shard: int, num_shards: int) -> str:
    """Returns the name of a shard's file."""
    return f"data_tfrecord-{shard:05d}-of-{num_shards:05d}"


def result_file(split: str, shard: int) -> str:
    """Returns the path, below the staging directory, of the file that says what is in a finished shard."""
    return f"{_RESULTS_DIRECTORY}/{split}-{shard:05d}.json"


def write_shard(
    root: str,
    staging_dir: str,
    settings: IngestSettings,
    split: str,
    shard: int,
    num_shards: int,
    references: Iterable[Reference],
    meter: SpeechMeter | None = None,
) -> dict[str, Any]:
    """Writes the records of a shard, and beside it a small file that says what is in it.

    A shard whose result is there already is finished, and is left as it is: that is how a killed job goes on.

    Args:
      root: Where relative paths begin, a path or an address in Cloud Storage.
      staging_dir: Likewise. Below it, shards lie in `Split-<split>/` and results in `results/`.
      settings: Of the job.
      split: The split.
      shard: The number of the shard.
      num_shards: How many shards its split has.
      references: Its utterances, in any order.
      meter: Is told of each utterance.

    Returns:
      The result: counts of all and of each subset, the profile, sha256, and the rejects.
    """
    meter = meter or SpeechMeter(settings.sample_rate_hz)
    name = shard_name(shard, num_shards)
    result_path = places.join(staging_dir, result_file(split, shard))
    path = places.join(staging_dir, f"Split-{split}", name)
    ordered = sorted(references, key=lambda item: (item.utterance_id, item.path))
    planned = hashlib.sha256("\n".join(map(repr, ordered)).encode(errors="surrogateescape")).hexdigest()
    result = _finished(result_path, path, planned)
    if result is not None:
        meter.kept(result["read"], len(result["rejects"]))
        return {**result, "resumed": True}
    meter.report()
    rejects: list[Reject] = []
    profile = Profile()
    subsets: dict[str, _SubsetCounts] = {}
    written = samples = words = 0
    seen: set[str] = set()
    # The temporary name is in the staging root: every file in Split-*/ is taken for a finished shard.
    temporary_path = path if places.is_remote(path) else places.join(staging_dir, f"{split}-{name}")
    with places.new_file(temporary_path) as temporary, _writing(temporary) as stream:
        records = RecordFile(stream)
        for reference, source in _sources(root, ordered):
            if reference.utterance_id in seen:
                rejects.append(_reject(reference, "Its id stands twice in the corpus."))
                meter.rejected()
                continue
            seen.add(reference.utterance_id)
            utterance = _read(source, reference, settings)
            if isinstance(utterance, Reject):
                rejects.append(utterance)
                meter.rejected()
                continue
            records.write(encode_in_pieces(utterance))
            written += 1
            samples += len(utterance.samples)
            words += len(utterance.transcript.split())
            profile.add(utterance)
            subsets.setdefault(utterance.subset, _SubsetCounts()).add(utterance)
            meter.heard(len(utterance.samples))
    if temporary_path != path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(temporary_path).replace(path)
    result = {
        "split": split,
        "shard": name,
        "references_sha256": planned,
        "bytes": records.size_bytes,
        "read": written + len(rejects),
        "written": written,
        "samples": samples,
        "words": words,
        "subsets": {name: counts.to_json() for name, counts in sorted(subsets.items())},
        "profile": profile.to_json(),
        "sha256": records.sha256,
        "rejects": [dataclasses.asdict(reject) for reject in rejects],
    }
    places.write_json(result_path, result)
    meter.report()
    return {**result, "resumed": False}


def _finished(result_path: str, path: str, planned: str) -> dict[str, Any] | None:
    """Returns the result of a shard that an earlier try has finished, of the same references; None where it has not.

    A machine that went down may have left a file without its content, and a result of half a sentence.
    """
    try:
        result = places.read_json(result_path)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(result, dict) or result.get("references_sha256") != planned:
        return None
    if places.size_bytes(path) != result["bytes"]:
        return None
    # An object in Cloud Storage is all of what was written, or is not there.
    if not places.is_remote(path) and sha256_of_file(path) != result["sha256"]:
        return None
    return result


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


def _sources(root: str, references: list[Reference]) -> Iterator[tuple[Reference, _Source]]:
    """Yields each reference with its file: the path of one of this machine, or the content of an object; None for none.

    An object takes a while to come, and less to be heard: some are fetched ahead.
    """
    files = [one.path if one.path.startswith(ABSOLUTE) else places.join(root, one.path) for one in references]
    if not any(map(places.is_remote, files)):
        yield from zip(references, files, strict=True)
        return
    with concurrent.futures.ThreadPoolExecutor(cloud_storage.AT_ONCE) as pool:
        waiting: collections.deque[concurrent.futures.Future[_Source]] = collections.deque()
        try:
            for number, reference in enumerate(references):
                for file in files[number + len(waiting) : number + cloud_storage.AT_ONCE]:
                    waiting.append(pool.submit(_fetch, file))
                yield reference, waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _fetch(file: str) -> _Source:
    if not places.is_remote(file):
        return file
    try:
        return places.read_bytes(file, _MAX_OBJECT_BYTES)
    except FileNotFoundError:
        return None
    except cloud_storage.TooLargeError as error:
        return error


def _read(source: _Source, reference: Reference, settings: IngestSettings) -> Utterance | Reject:
    if source is None:
        return _reject(reference, f"{reference.path} must be there, and is not.")
    if isinstance(source, cloud_storage.TooLargeError):
        return _reject(reference, f"{reference.path} must have {_MAX_OBJECT_BYTES >> 20} MB at most; cut it.")
    try:
        if reference.any_format:
            samples = read_any_pcm16(source, reference.path, settings.max_samples).samples
            rate_hz = SAMPLE_RATE_HZ
        else:
            samples, rate_hz = read_pcm16(source, reference.path, settings.max_samples)
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
