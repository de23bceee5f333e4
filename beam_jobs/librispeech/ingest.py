"""The job: a corpus in, shards of records, `dataset_info.json` and `rejects.jsonl` out; nothing lost silently."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs import places
from beam_jobs.librispeech.corpus import CorpusSummary, inspect_corpus
from beam_jobs.librispeech.page import render_page, summarise_rejects
from beam_jobs.librispeech.profile import Profile, merge_all
from beam_jobs.librispeech.published import PUBLISHED
from beam_jobs.librispeech.recordings import Recordings
from beam_jobs.librispeech.references import Reject
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.librispeech.shards import RESULTS_DIRECTORY
from beam_jobs.librispeech.transforms import REJECTED, ReadReferences, WriteShards
from model.errors import DataError, DiskFullError
from model.settings import digest, to_mapping
from model.storage import disk_full_is_said

INFO_FILE = "dataset_info.json"
REJECTS_FILE = "rejects.jsonl"
PAGE_FILE = "dataset.html"
# Raised when the same corpus and settings would give other records.
RECORD_VERSION = 2

_SPLIT_PREFIX = "Split-"
_UNHEARD = "unheard"
_SHOWN_REJECTS = 3


def ingest(
    corpus_dir: str | Path,
    output_dir: str | Path,
    staging_root: str | Path,
    settings: IngestSettings,
    make_pipeline: Callable[[], Any] = beam.Pipeline,
    code_fingerprint: str = "",
) -> dict[str, Any]:
    """Writes the records of a corpus.

    Shards are staged below `staging_root`, in a directory keyed by corpus and settings, and moved to `output_dir` when
    all of them are finished; a job that was killed goes on with those that it had finished.

    Args:
      corpus_dir: The corpus, in LibriSpeech's layout, or the manifest of own recordings. It, the output and the
        staging root are paths of this machine or addresses in Cloud Storage, `gs://…`.
      output_dir: Gets `Split-<name>/data_tfrecord-SSSSS-of-NNNNN`, `dataset_info.json`, `dataset.html`
        and `rejects.jsonl`.
      staging_root: A directory that outlives the run.
      settings: What to do.
      make_pipeline: Makes the Beam pipeline, with the options of the engine.
      code_fingerprint: Of the code that makes records; shards that other code has finished are not gone on with.

    Returns:
      The content of `dataset_info.json`.

    Raises:
      UsageError: the corpus is missing, or the output holds something that is no output of this job.
      DataError: the corpus is empty, splits share a speaker, or too many utterances were rejected; nothing
        is published then.
      DiskFullError: there is no room left.
      TryAgainError: Cloud Storage does not answer.
    """
    output = places.absolute(output_dir)
    source = places.absolute(corpus_dir)
    places.require_free(output, INFO_FILE, source)
    corpus = inspect_corpus(source, settings)
    staging_name = f"ingest-{_key(corpus, settings, code_fingerprint)[:24]}"
    staging = places.join(places.absolute(staging_root), staging_name)
    with disk_full_is_said(staging):
        _run(corpus, staging, settings, make_pipeline)
        rejects, info = _collect(corpus, staging, settings)
        limit = settings.max_reject_fraction
        if len(rejects) > limit * info["read"]:
            list_of_rejects = places.join(staging, REJECTS_FILE)
            _write_rejects(list_of_rejects, rejects)
            raise DataError(_too_many(rejects, info["read"], limit, list_of_rejects))
        _publish(corpus, staging, output, rejects, info)
    return info


def _publish(
    corpus: CorpusSummary, staging: str, output: str, rejects: list[dict[str, str]], info: dict[str, Any]
) -> None:
    """Moves the shards to the output. `dataset_info.json` is the last: who finds it finds all."""
    places.remove(places.join(output, INFO_FILE))
    # Of an earlier output nothing stays: its splits may have had other names.
    for stale in places.list_directories(output):
        if stale.startswith(_SPLIT_PREFIX):
            places.remove_tree(places.join(output, stale))
    for split in corpus.splits:
        places.move_tree(*(places.join(place, f"{_SPLIT_PREFIX}{split}") for place in (staging, output)))
    _write_rejects(places.join(output, REJECTS_FILE), rejects)
    places.write_bytes(places.join(output, PAGE_FILE), render_page(info).encode())
    places.write_json(places.join(output, INFO_FILE), info)
    places.remove_tree(staging)


def direct_pipeline(workers: int) -> beam.Pipeline:
    """Returns a pipeline that runs on this machine: in this process, or in as many worker processes.

    The processes speak the API that Dataflow's workers speak. They take half a minute to start, so that one hour of
    speech is done sooner without them.
    """
    flags = []
    if workers > 1:
        flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    return beam.Pipeline(options=PipelineOptions(flags))


def _key(corpus: CorpusSummary, settings: IngestSettings, code_fingerprint: str) -> str:
    parts = f"{RECORD_VERSION} {corpus.fingerprint} {digest(settings)} {code_fingerprint}"
    return hashlib.sha256(parts.encode()).hexdigest()


def _run(corpus: CorpusSummary, staging: str, settings: IngestSettings, make_pipeline: Callable[[], Any]) -> None:
    total = len(corpus.splits) * settings.num_shards_per_split
    # The unheard rejects are collected into one small file; its name sorts among the shards' results.
    unheard = places.join(staging, RESULTS_DIRECTORY, f"{_UNHEARD}.json")
    places.remove(unheard)
    try:
        with make_pipeline() as pipeline:
            parts = list(corpus.chapters) or [Recordings(corpus.root)]
            references = (
                pipeline
                | "Parts" >> beam.Create(parts, reshuffle=False)
                | "ReadReferences" >> ReadReferences(corpus.root, settings)
            )
            _ = references.references | "WriteShards" >> WriteShards(corpus.root, staging, settings, total)
            _ = (
                references[REJECTED]
                | "CollectRejects" >> beam.combiners.ToList()
                | "WriteRejects" >> beam.ParDo(_WriteRejects(unheard))
            )
    except (RuntimeError, OSError) as error:
        # A worker's error reaches us as text only.
        if os.strerror(errno.ENOSPC) in str(error):
            raise DiskFullError(
                f"The file system under {staging} is full; free some space there, or choose a place on another disk,"
                " and run again; finished shards are kept."
            ) from error
        raise


class _WriteRejects(beam.DoFn):
    def __init__(self, path: str) -> None:
        self._path = path

    def process(self, rejects: list[Reject]) -> Iterable[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        places.write_json(self._path, [dataclasses.asdict(reject) for reject in rejects])
        return ()


def _collect(
    corpus: CorpusSummary, staging: str, settings: IngestSettings
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Adds up the results of all shards."""
    directory = places.join(staging, RESULTS_DIRECTORY)
    names = places.list_names(directory)
    rejects: list[dict[str, str]] = list(places.read_json(places.join(directory, f"{_UNHEARD}.json")))
    read = len(rejects)
    splits: dict[str, dict[str, Any]] = {}
    profiles: list[Profile] = []
    every: list[dict[str, Any]] = []
    for split in corpus.splits:
        own = re.compile(rf"{re.escape(split)}-\d{{5}}\.json")
        results = [places.read_json(places.join(directory, name)) for name in names if own.fullmatch(name)]
        every += results
        rejects += [reject for result in results for reject in result["rejects"]]
        read += sum(result["read"] for result in results)
        samples = sum(result["samples"] for result in results)
        profiles.append(merge_all(Profile.from_json(result["profile"]) for result in results))
        splits[split] = {
            "subsets": list(corpus.splits[split]),
            "utterances": sum(result["written"] for result in results),
            "samples": samples,
            "hours": _hours(samples, settings),
            "words": sum(result["words"] for result in results),
            "speakers": len({name for result in results for part in _parts(result) for name in part["speakers"]}),
            "shards": {result["shard"]: result["sha256"] for result in results},
            "profile": profiles[-1].summary(),
        }
    written = sum(split["utterances"] for split in splits.values())
    rejects.sort(key=lambda reject: (reject["utterance_id"], reject["path"]))
    if read != written + len(rejects):
        raise DataError(
            f"Every utterance must be written or rejected: {read} were read, {written} written and {len(rejects)}"
            " rejected; this is a fault of the job, please report it."
        )
    for name, split in splits.items():
        if not split["utterances"] and len(rejects) <= settings.max_reject_fraction * read:
            own = [reject for reject in rejects if reject["split"] == name]
            told = f"all of its utterances were rejected ({_first(own)})" if own else "it holds none"
            raise DataError(f"The split {name} must hold an utterance, and {told}; mend one of them, or add one.")
    info = {
        "format_version": RECORD_VERSION,
        "corpus": {
            "root_name": places.printable(places.name_of(corpus.root)),
            "fingerprint": corpus.fingerprint,
        },
        "settings": to_mapping(settings),
        "speakers_known": corpus.speakers_known,
        "splits": splits,
        "subsets": (subsets := _subsets(every, corpus, settings)),
        "published": {
            name: {
                "utterances": PUBLISHED[name].utterances,
                "hours": PUBLISHED[name].hours,
                "words": PUBLISHED[name].words,
                "speakers": PUBLISHED[name].speakers,
            }
            for name in subsets
            if name in PUBLISHED
        },
        "profile": merge_all(profiles).summary(),
        "read": read,
        "written": written,
        "rejected": len(rejects),
        "rejects": summarise_rejects(rejects),
    }
    return rejects, info


def _parts(result: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return result["subsets"].values()


def _subsets(results: list[dict[str, Any]], corpus: CorpusSummary, settings: IngestSettings) -> dict[str, Any]:
    """Adds up the counts of each subset, whose utterances may be in several splits."""
    found: dict[str, Any] = {}
    for name in sorted({name for result in results for name in result["subsets"]}):
        parts = [result["subsets"][name] for result in results if name in result["subsets"]]
        samples = sum(part["samples"] for part in parts)
        found[name] = {
            "utterances": sum(part["utterances"] for part in parts),
            "samples": samples,
            "hours": _hours(samples, settings),
            "words": sum(part["words"] for part in parts),
            "speakers": len({speaker for part in parts for speaker in part["speakers"]}),
            "splits": [split for split, subsets in corpus.splits.items() if name in subsets],
        }
    return found


def _hours(samples: int, settings: IngestSettings) -> float:
    return round(samples / settings.sample_rate_hz / 3600, 6)


def _too_many(rejects: list[dict[str, str]], read: int, limit: float, path: str) -> str:
    return (
        f"At most {100 * limit:g} % of the utterances may be rejected, and {len(rejects)} of {read} were"
        f" ({_first(rejects)}); mend or remove them (all are listed in {path}), or raise ingest.max_reject_fraction."
    )


def _first(rejects: list[dict[str, str]]) -> str:
    """Returns the first rejects with their reasons, and how many more there are, as messages show them."""
    told = [f"{reject['utterance_id']}: {reject['reason'].rstrip('.')}" for reject in rejects[:_SHOWN_REJECTS]]
    more = len(rejects) - _SHOWN_REJECTS
    return "; ".join(told + [f"and {more} more"] * (more > 0))


def _write_rejects(place: str, rejects: list[dict[str, str]]) -> None:
    lines = (json.dumps(reject, sort_keys=True, ensure_ascii=False) + "\n" for reject in rejects)
    places.write_bytes(place, "".join(lines).encode())
